"""source.zero_stuff: zeros between the pixels, as a transposed convolution has them; a convolution follows."""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import IntaglioError
from ...ir import Int64, Op, TensorType
from ..accumulate import same_labels
from ..window import Pair


@dataclass(frozen=True, eq=False, repr=False)
class SourceZeroStuff(Op, name="source.zero_stuff"):
    """factors: the stride, down and right."""

    factors: Pair

    def infer(self, x: TensorType) -> TensorType:
        if len(x.shape) != 3:
            raise IntaglioError(f"zero_stuff needs (height, width, channels), not {x.shape}")
        down, right = self.factors
        return TensorType(((x.shape[0] - 1) * down + 1, (x.shape[1] - 1) * right + 1, x.channels))

    def couplings(self, x: TensorType) -> tuple[tuple[Int64, ...], Int64]:
        return same_labels(x.channels)
