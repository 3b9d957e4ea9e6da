"""sum_pool: the sum of every window, channel by channel; padding adds 0. (An average pool, its division put off.)"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..ir import Array, TensorType
from .exact import integers
from .executors import Executor, sum_pool_executor
from .pool import Pool
from .window import Padding, Pair, Window


@dataclass(frozen=True, eq=False, repr=False)
class SumPool(Pool, name="sum_pool"):
    """divisor: what the real average divides by; it only scales the output's real meaning, never its integers."""

    combine = "sum"

    kernel: Pair
    stride: Pair
    padding: Padding = (0, 0, 0, 0)
    divisor: int = 1

    @property
    def window(self) -> Window:
        return Window(self.kernel, self.stride, self.padding)

    def infer(self, x: TensorType) -> TensorType:
        shape = self.window.output_shape(x, x.channels, "sum_pool")
        taps = self.kernel[0] * self.kernel[1]
        lo, hi = x.lo_array, x.hi_array
        if self.window.covers_padding():
            lo, hi = np.minimum(lo, 0), np.maximum(hi, 0)
        scale = None if x.scale is None else x.scale / Fraction(self.divisor)
        return TensorType.integer(shape, lo * taps, hi * taps, scale)

    def run(self, x: Array) -> Array:
        return np.asarray(self.window.view(integers(x), 0).sum(axis=(3, 4)))

    def executor(self, x: TensorType) -> Executor:
        return sum_pool_executor(self.window, x, self.run)
