"""source.upsample: nearest neighbours; every pixel becomes a block of equal ones."""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import IntaglioError
from ...ir import Int64, Op, TensorType
from ..accumulate import same_labels
from ..window import Pair


@dataclass(frozen=True, eq=False, repr=False)
class SourceUpsample(Op, name="source.upsample"):
    """factors: down, right."""

    factors: Pair

    def infer(self, x: TensorType) -> TensorType:
        if len(x.shape) != 3:
            raise IntaglioError(f"upsample needs (height, width, channels), not {x.shape}")
        return TensorType((x.shape[0] * self.factors[0], x.shape[1] * self.factors[1], x.channels))

    def couplings(self, x: TensorType) -> tuple[tuple[Int64, ...], Int64]:
        return same_labels(x.channels)
