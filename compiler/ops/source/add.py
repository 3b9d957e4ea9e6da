"""source.add: a + b."""

from __future__ import annotations

from dataclasses import dataclass

from .pairwise import SourcePairwise


@dataclass(frozen=True, eq=False, repr=False)
class SourceAdd(SourcePairwise, name="source.add"):
    pass
