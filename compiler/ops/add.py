"""add: a + b, element by element; both have one scale."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import IntaglioError
from ..ir import Array, Int64, Op, TensorType
from .accumulate import same_labels
from .exact import integers


@dataclass(frozen=True, eq=False, repr=False)
class Add(Op, name="add"):
    inputs = 2

    def infer(self, a: TensorType, b: TensorType) -> TensorType:
        if a.shape != b.shape:
            raise IntaglioError(f"add needs two equal shapes, not {a.shape} and {b.shape}")
        if a.scale != b.scale:
            raise IntaglioError(
                f"add needs one scale on both inputs, not {a.scale} and {b.scale}",
                hint="let prepare() put one shared quantiser on both branches",
            )
        return TensorType.integer(a.shape, a.lo_array + b.lo_array, a.hi_array + b.hi_array, a.scale)

    def run(self, a: Array, b: Array) -> Array:
        return integers(a) + integers(b)

    def couplings(self, a: TensorType, b: TensorType) -> tuple[tuple[Int64, ...], Int64]:
        return same_labels(a.channels, 2)
