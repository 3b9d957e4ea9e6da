"""source.conv2d: convolution of a (height, width, channels) image, zero padding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from ...errors import IntaglioError
from ...ir import Int64, Op, TensorType
from ..accumulate import free_labels
from ..window import Padding, Pair, Window

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class SourceConv2d(Op, name="source.conv2d"):
    """weight: (outputs, kernel height, kernel width, inputs). With weight_scale (outputs,), weight holds codes."""

    weight: Float64
    bias: Float64
    stride: Pair = (1, 1)
    padding: Padding = (0, 0, 0, 0)
    weight_scale: Float64 | None = None

    def infer(self, x: TensorType) -> TensorType:
        window = Window((self.weight.shape[1], self.weight.shape[2]), self.stride, self.padding)
        shape = window.output_shape(x, len(self.bias), "conv2d")
        if x.channels != self.weight.shape[3]:
            raise IntaglioError(f"conv2d takes {self.weight.shape[3]} channels, not {x.channels}")
        return TensorType(shape)

    def couplings(self, x: TensorType) -> tuple[tuple[Int64, ...], Int64]:
        return free_labels(x.channels, len(self.bias))

    def keep(self, ins: tuple[Int64, ...], out: Int64) -> Self:
        scale = None if self.weight_scale is None else self.weight_scale[out]
        weight = np.ascontiguousarray(self.weight[out][..., ins[0]])
        return type(self)(weight, self.bias[out], self.stride, self.padding, scale)
