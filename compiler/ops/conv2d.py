"""conv2d: a dense layer at every window of an image; padding is 0."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from ..errors import IntaglioError
from ..ir import Array, Int64, Op, TensorType
from .accumulate import bounds, free_labels
from .exact import integers, magnitude_of, matmul
from .window import Padding, Pair, Window


@dataclass(frozen=True, eq=False, repr=False)
class Conv2d(Op, name="conv2d"):
    """weight: (outputs, kernel height, kernel width, inputs), bias: (outputs,). padding: top, bottom, left, right."""

    weight: Int64
    bias: Int64
    stride: Pair = (1, 1)
    padding: Padding = (0, 0, 0, 0)
    scale: object = None

    @property
    def window(self) -> Window:
        return Window((self.weight.shape[1], self.weight.shape[2]), self.stride, self.padding)

    def infer(self, x: TensorType) -> TensorType:
        shape = self.window.output_shape(x, len(self.bias), "conv2d")
        if x.channels != self.weight.shape[3]:
            raise IntaglioError(f"conv2d takes {self.weight.shape[3]} channels, not {x.channels}")
        lo, hi = bounds(self.weight, self.bias, x, may_pad=self.window.covers_padding())
        return TensorType.integer(shape, lo, hi, self.scale)

    def run(self, x: Array) -> Array:
        windows = self.window.view(x, 0)
        rows = windows.reshape(*windows.shape[:3], -1)
        return integers(matmul(rows, self.weight.reshape(len(self.bias), -1).T, magnitude_of(x))) + self.bias

    def couplings(self, x: TensorType) -> tuple[tuple[Int64, ...], Int64]:
        return free_labels(x.channels, len(self.bias))

    def keep(self, ins: tuple[Int64, ...], out: Int64) -> Self:
        weight = self.weight[out][..., ins[0]]
        return type(self)(np.ascontiguousarray(weight), self.bias[out], self.stride, self.padding, self.scale)
