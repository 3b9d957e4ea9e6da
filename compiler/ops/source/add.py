"""source.add: a + b."""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import IntaglioError
from ...ir import Int64, Op, TensorType
from ..accumulate import same_labels


@dataclass(frozen=True, eq=False, repr=False)
class SourceAdd(Op, name="source.add"):
    inputs = 2

    def infer(self, a: TensorType, b: TensorType) -> TensorType:
        if a.shape != b.shape:
            raise IntaglioError(f"add needs two equal shapes, not {a.shape} and {b.shape}")
        return TensorType(a.shape)

    def couplings(self, a: TensorType, b: TensorType) -> tuple[tuple[Int64, ...], Int64]:
        return same_labels(a.channels, 2)
