"""max_pool: the largest value in every window, channel by channel; padding never wins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import IntaglioError
from ..ir import Array, TensorType
from .exact import integers
from .executors import Executor, max_pool_executor
from .moving import moved
from .pool import Pool
from .window import Padding, Pair, Window


@dataclass(frozen=True, eq=False, repr=False)
class MaxPool(Pool, name="max_pool"):
    """padding: top, bottom, left, right, each smaller than the kernel, so that every window sees the image."""

    combine = "max"

    kernel: Pair
    stride: Pair
    padding: Padding = (0, 0, 0, 0)

    @property
    def window(self) -> Window:
        return Window(self.kernel, self.stride, self.padding)

    def infer(self, x: TensorType) -> TensorType:
        shape = self.window.output_shape(x, x.channels, "max_pool")
        if max(self.padding[:2]) >= self.kernel[0] or max(self.padding[2:]) >= self.kernel[1]:
            raise IntaglioError(f"max_pool padding {self.padding} reaches past its kernel {self.kernel}")
        return moved(x, shape, x.lo_array, x.hi_array)

    def run(self, x: Array) -> Array:
        smallest = np.iinfo(np.int64).min
        return np.asarray(self.window.view(integers(x), smallest).max(axis=(3, 4)))

    def executor(self, x: TensorType) -> Executor:
        return max_pool_executor(self.window, x, self.run)
