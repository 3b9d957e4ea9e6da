"""source.minimum: the smaller of a and b."""

from __future__ import annotations

from dataclasses import dataclass

from .pairwise import SourcePairwise


@dataclass(frozen=True, eq=False, repr=False)
class SourceMinimum(SourcePairwise, name="source.minimum"):
    pass
