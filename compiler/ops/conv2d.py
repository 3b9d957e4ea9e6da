"""conv2d: a dense layer at every window of an image, in groups of channels that do not mix; padding is 0.

Kernels, `pe` outputs per step, in two forms:

- rows, simd up to the input channels: rows of the image lie in a buffer, from which `simd` channels of one position of
  the window are read per step; output folds outside, positions and input folds inside. Loading goes on meanwhile.
  Where many blocks of `pe` x `simd` weights are all zero, the others alone have steps, in an order that a table holds.
- window, simd = all inputs of a window: the padded image shifts through a line of pixels, a position per step, and all
  taps of the window are multiplied at once; a complete window takes one step per output fold.

In groups, `simd` counts the inputs of all groups that a step takes side by side. One group is folded as a layer of its
own, `pe` and `simd` dividing what it has; or any number of whole groups lie side by side (of a depthwise layer: any
number of channels), the spare ones of the last fold being zero; with other lanes the layer is built without groups,
stepping over the blocks that touch one (conv2d_kernel.py). Folds of groups come one after the other, in the order of
their channels; in the window form a beat is a fold of groups, and a position takes as many beats.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Any, Self

import numpy as np

from ..errors import IntaglioError
from ..ir import Array, Int64, Kernel, Parts, Program, TensorType, as_integers
from .accumulate import bounds, conv_labels
from .conv2d_kernel import ConvKernel, lanes_worth, legal_lanes
from .conv2d_parts import row_params, window_params
from .exact import integers, magnitude_of, matmul
from .executors import Executor, conv_executor
from .hardware import stream_params
from .multiply_accumulate import kernel_choices, mac_layer, with_stages
from .sliding import RowBuffer
from .weighted import Weighted
from .window import Padding, Pair, Window


@dataclass(frozen=True, eq=False, repr=False)
class Conv2d(Weighted, name="conv2d"):
    """weight: (outputs, kernel height, kernel width, inputs of a group), bias: (outputs,). padding: top, bottom, left,
    right. Output o belongs to group o // (outputs / groups), which reads the channels at its place.
    """

    stride: Pair = (1, 1)
    padding: Padding = (0, 0, 0, 0)
    scale: Fraction | None = None
    dilation: Pair = (1, 1)
    groups: int = 1

    @property
    def window(self) -> Window:
        return Window((self.weight.shape[1], self.weight.shape[2]), self.stride, self.padding, self.dilation)

    @property
    def group_inputs(self) -> int:
        return self.weight.shape[3]

    @property
    def group_outputs(self) -> int:
        return len(self.bias) // self.groups

    def infer(self, x: TensorType) -> TensorType:
        shape = self.window.output_shape(x, len(self.bias), "conv2d")
        if x.channels != self.group_inputs * self.groups:
            raise IntaglioError(f"conv2d takes {self.group_inputs * self.groups} channels, not {x.channels}")
        if self.groups < 1 or len(self.bias) % self.groups:
            raise IntaglioError(f"{len(self.bias)} outputs do not fall into {self.groups} equal groups")
        lo, hi = bounds(self.weight, self.bias, x, may_pad=self.window.covers_padding())
        return TensorType.integer(shape, lo, hi, self.scale)

    def run(self, x: Array) -> Array:
        windows = self.window.view(x, 0)
        weight = self.weight.reshape(self.groups, self.group_outputs, -1)
        inputs, magnitude = self.group_inputs, magnitude_of(x)
        sums = []
        for group, matrix in enumerate(weight):
            rows = windows[..., group * inputs : (group + 1) * inputs].reshape(*windows.shape[:3], -1)
            sums.append(integers(matmul(rows, matrix.T, magnitude)))
        return np.asarray(np.concatenate(sums, axis=-1) + self.bias)

    def executor(self, x: TensorType) -> Executor:
        return conv_executor(self.weight, self.bias, self.window, x, self.run)

    def couplings(self, x: TensorType) -> tuple[tuple[Int64, ...], Int64]:
        return conv_labels(x.channels, len(self.bias), self.groups)

    def keep(self, ins: tuple[Int64, ...], out: Int64) -> Self:
        inputs, groups = ins[0], self.groups
        if groups > 1 and self.group_inputs == 1:
            groups, inputs = len(inputs), inputs[:1] * 0
        elif groups > 1:
            inputs = inputs[inputs < self.group_inputs]  # the same places in every group
        weight = np.ascontiguousarray(self.weight[out][..., inputs])
        return replace(self, weight=weight, bias=self.bias[out], groups=groups)

    # -- how it may be built ---------------------------------------------------------------------------------------
    def kernels(self, x: TensorType) -> Iterator[Kernel]:
        return (Kernel(pe=pe, simd=simd) for pe, simd in legal_lanes(self, x.channels))

    def choices(self, x: TensorType) -> Iterator[Kernel]:
        kernels = (Kernel(pe=pe, simd=simd) for pe, simd in lanes_worth(self, x))
        built = (ConvKernel.of(self, kernel, x) for kernel in kernels)
        for kernel in kernel_choices((one.kernel, one.path) for one in built):
            yield kernel
            if ConvKernel.of(self, kernel, x).fills_ultra_ram:
                yield replace(kernel, buffer="uram")

    def pipelined(self, kernel: Kernel, clock_mhz: float, x: TensorType) -> Kernel:
        return with_stages(mac_layer(self, x), kernel, ConvKernel.of(self, kernel, x).terms, clock_mhz)

    @property
    def whole(self) -> int:
        """Inputs that an output reads."""
        return int(self.weight[0].size)

    @cached_property
    def ungrouped(self) -> Conv2d:
        """The same without groups: weights between channels of different groups are 0."""
        inputs, outputs = self.group_inputs, self.group_outputs
        weight = np.zeros((*self.weight.shape[:3], self.groups * inputs), np.int64)
        for group in range(self.groups):
            its = slice(group * outputs, (group + 1) * outputs)
            weight[its, ..., group * inputs : (group + 1) * inputs] = self.weight[its]
        return replace(self, weight=as_integers(weight), groups=1)

    def free_zeros(self, kernel: Kernel, x: TensorType) -> int:
        built = ConvKernel.of(self, kernel, x)
        free = built.path.free(built.op.weight)
        if built.op is not self:  # zeros between groups are none of its weights
            free &= replace(self, weight=as_integers(np.ones_like(self.weight))).ungrouped.weight != 0
        return int(np.count_nonzero(free))

    def lanes(self, kernel: Kernel, x: TensorType) -> tuple[tuple[int, ...], int]:
        into, out = ConvKernel.of(self, kernel, x).lanes
        return (into,), out

    def program(self, kernel: Kernel, x: TensorType) -> Program:
        return ConvKernel.of(self, kernel, x).program()

    def steps(self, kernel: Kernel, x: TensorType) -> int:
        return ConvKernel.of(self, kernel, x).form.steps

    def parts(self, kernel: Kernel, x: TensorType) -> Parts:
        return ConvKernel.of(self, kernel, x).parts()

    def params(self, kernel: Kernel, x: TensorType) -> dict[str, Any]:
        built = ConvKernel.of(self, kernel, x)
        op, form, path = built.op, built.form, built.path.checked()
        out = path.layer.out
        context = stream_params(kernel, (x,), self.lanes(kernel, x), out) | path.params()
        (kernel_rows, kernel_columns), (down, right) = self.window.kernel, self.window.stride
        reach = form.reach
        context |= {
            "steps": form.steps,
            "groups": op.groups,
            "group_inputs": op.group_inputs,
            "group_outputs": op.group_outputs,
            "kernel_rows": kernel_rows,
            "kernel_columns": kernel_columns,
            "span_rows": self.window.span[0],
            "span_columns": self.window.span[1],
            "dilation_down": self.dilation[0],
            "dilation_right": self.dilation[1],
            "stride_down": down,
            "stride_right": right,
            "pad_top": reach[0],
            "pad_bottom": reach[1],
            "pad_left": reach[2],
            "pads": any(reach),
            "image_rows": x.shape[0],
            "image_columns": x.shape[1],
            "out_rows": out.shape[0],
            "out_columns": out.shape[1],
        }
        word = context["ins"][0]["width"]
        if isinstance(form, RowBuffer):
            return context | row_params(form, kernel, path.tiles, word)
        return context | window_params(form)
