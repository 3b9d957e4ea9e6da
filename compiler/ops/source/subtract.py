"""source.subtract: a - b."""

from __future__ import annotations

from dataclasses import dataclass

from .pairwise import SourcePairwise


@dataclass(frozen=True, eq=False, repr=False)
class SourceSubtract(SourcePairwise, name="source.subtract"):
    pass
