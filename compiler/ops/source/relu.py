"""source.relu: max(x, 0)."""

from __future__ import annotations

from dataclasses import dataclass

from ...ir import Int64, Op, TensorType
from ..accumulate import same_labels


@dataclass(frozen=True, eq=False, repr=False)
class SourceRelu(Op, name="source.relu"):
    def infer(self, x: TensorType) -> TensorType:
        return TensorType(x.shape)

    def couplings(self, x: TensorType) -> tuple[tuple[Int64, ...], Int64]:
        return same_labels(x.channels)
