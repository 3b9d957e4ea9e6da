"""source.conv2d: convolution of a (height, width, channels) image, zero padding."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...errors import IntaglioError
from ...ir import Int64, Op, TensorType
from ..accumulate import conv_labels
from ..window import Padding, Pair, Window

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class SourceConv2d(Op, name="source.conv2d"):
    """weight: (outputs, kernel height, kernel width, inputs // groups). With weight_scale (outputs,), it holds codes.

    Output channel o reads the input channels of group o // (outputs // groups).
    """

    weight: Float64
    bias: Float64
    stride: Pair = (1, 1)
    padding: Padding = (0, 0, 0, 0)
    weight_scale: Float64 | None = None
    dilation: Pair = (1, 1)
    groups: int = 1

    def infer(self, x: TensorType) -> TensorType:
        kernel = (self.weight.shape[1], self.weight.shape[2])
        window = Window(kernel, self.stride, self.padding, self.dilation)
        shape = window.output_shape(x, len(self.bias), "conv2d")
        if x.channels != self.weight.shape[3] * self.groups:
            raise IntaglioError(f"conv2d takes {self.weight.shape[3] * self.groups} channels, not {x.channels}")
        return TensorType(shape)

    def couplings(self, x: TensorType) -> tuple[tuple[Int64, ...], Int64]:
        return conv_labels(x.channels, len(self.bias), self.groups)
