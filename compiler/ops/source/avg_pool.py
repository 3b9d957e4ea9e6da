"""source.avg_pool: the sum of every window (padding counts as 0) divided by `divisor`."""

from __future__ import annotations

from dataclasses import dataclass

from ...ir import Int64, Op, TensorType
from ..accumulate import same_labels
from ..window import Padding, Pair, Window


@dataclass(frozen=True, eq=False, repr=False)
class SourceAvgPool(Op, name="source.avg_pool"):
    """padding: top, bottom, left, right. divisor: kernel height * kernel width, unless the user overrides it.

    counts: (output height, output width), the divisor of every position where they differ: a pool that counts no
    padding, or whose last window reaches past the image (ceil mode). None where `divisor` holds everywhere.
    """

    kernel: Pair
    stride: Pair
    padding: Padding
    divisor: int
    counts: Int64 | None = None

    def infer(self, x: TensorType) -> TensorType:
        return TensorType(Window(self.kernel, self.stride, self.padding).output_shape(x, x.channels, "avg_pool"))

    def couplings(self, x: TensorType) -> tuple[tuple[Int64, ...], Int64]:
        return same_labels(x.channels)
