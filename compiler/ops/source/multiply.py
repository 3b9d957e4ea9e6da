"""source.multiply: a * b: a gate, or a square where both are one tensor."""

from __future__ import annotations

from dataclasses import dataclass

from .pairwise import SourcePairwise


@dataclass(frozen=True, eq=False, repr=False)
class SourceMultiply(SourcePairwise, name="source.multiply"):
    pass
