"""source.max_pool: the largest value in every window; padding never wins."""

from __future__ import annotations

from dataclasses import dataclass

from ...ir import Int64, Op, TensorType
from ..accumulate import same_labels
from ..window import Padding, Pair, Window


@dataclass(frozen=True, eq=False, repr=False)
class SourceMaxPool(Op, name="source.max_pool"):
    """padding: top, bottom, left, right."""

    kernel: Pair
    stride: Pair
    padding: Padding = (0, 0, 0, 0)

    def infer(self, x: TensorType) -> TensorType:
        return TensorType(Window(self.kernel, self.stride, self.padding).output_shape(x, x.channels, "max_pool"))

    def couplings(self, x: TensorType) -> tuple[tuple[Int64, ...], Int64]:
        return same_labels(x.channels)
