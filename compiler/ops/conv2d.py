"""conv2d: a dense layer at every window of an image, in groups of channels that do not mix; padding is 0.

Kernels, `pe` outputs per step, in two forms:

- rows, simd up to the input channels: rows of the image lie in a buffer, from which `simd` channels of one position of
  the window are read per step; output folds outside, positions and input folds inside. Loading goes on meanwhile.
  Where many blocks of `pe` x `simd` weights are all zero, the others alone have steps, in an order that a table holds.
- window, simd = all inputs of a window: the padded image shifts through a line of pixels, a position per step, and all
  taps of the window are multiplied at once; a complete window takes one step per output fold.

In groups, `simd` counts the inputs of all groups that a step takes side by side. One group is folded as a layer of its
own, `pe` and `simd` dividing what it has; or any number of whole groups lie side by side (of a depthwise layer: any
number of channels), the spare ones of the last fold being zero. Folds of groups come one after the other, in the order
of their channels; in the window form a beat is a fold of groups, and a position takes as many beats.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product
from typing import Any, Self

import numpy as np

from ..errors import IntaglioError
from ..ir import Array, Int64, Kernel, Op, Parts, Program, TensorType
from .accumulate import bounds, conv_labels
from .conv2d_parts import row_params, row_parts, window_params, window_parts
from .exact import integers, magnitude_of, matmul
from .executors import Executor, conv_executor
from .hardware import distinct_lanes, folds, stream_params
from .multiply_accumulate import Datapath, Tiles, check_kernel, kernel_choices, mac_layer, occupied, with_stages
from .sliding import Raster, RowBuffer
from .window import Padding, Pair, Window


@dataclass(frozen=True, eq=False, repr=False)
class Conv2d(Op, name="conv2d"):
    """weight: (outputs, kernel height, kernel width, inputs of a group), bias: (outputs,). padding: top, bottom, left,
    right. Output o belongs to group o // (outputs / groups), which reads the channels at its place.
    """

    weight: Int64
    bias: Int64
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
        lanes = range(1, len(self.bias) + 1), range(1, x.channels + 1)
        pairs = self._group_lanes(range(2, self.groups + 1)) if self.groups > 1 else self._lanes(*map(list, lanes))
        return (Kernel(pe=pe, simd=simd) for pe, simd in pairs)

    def choices(self, x: TensorType) -> Iterator[Kernel]:
        if self.groups > 1:
            lanes = self._group_lanes([count for count in distinct_lanes(self.groups) if count > 1])
        else:
            lanes = self._lanes(distinct_lanes(len(self.bias)), distinct_lanes(x.channels))
        layer = mac_layer(self, x)
        return kernel_choices(layer, ((pe, simd, len(self._tiles(Kernel(pe, simd)).blocks)) for pe, simd in lanes))

    def pipelined(self, kernel: Kernel, clock_mhz: float, x: TensorType) -> Kernel:
        return with_stages(kernel, self._terms(kernel), clock_mhz)

    @property
    def _whole(self) -> int:
        """Inputs that an output reads."""
        return int(self.weight[0].size)

    def _lanes(self, outputs: list[int], inputs: list[int]) -> Iterator[tuple[int, int]]:
        """(pe, simd) of the rows form, and of the window form; of a 1x1 kernel they would be the same."""
        rows_only = self._whole in inputs or self._opens_in_padding()
        return product(outputs, inputs if rows_only else [*inputs, self._whole])

    def _group_lanes(self, side: Iterable[int]) -> Iterator[tuple[int, int]]:
        """(pe, simd) of folds of one group, and of so many whole groups side by side."""
        yield from self._lanes(_divisors(self.group_outputs), _divisors(self.group_inputs))
        for pe, simd in self._lanes([self.group_outputs], [self.group_inputs]):
            yield from ((count * pe, count * simd) for count in side)

    def _opens_in_padding(self) -> bool:
        """Is the first window complete before the first pixel: would the window form send it before a frame comes?"""
        (rows, columns), (top, _, left, _) = self.window.span, self.window.padding
        return (rows - 1, columns - 1) < (top, left)

    def lanes(self, kernel: Kernel, x: TensorType) -> tuple[tuple[int, ...], int]:
        side, terms = self._side(kernel), self._terms(kernel)
        return (side * min(terms, self.group_inputs),), kernel.pe

    def _side(self, kernel: Kernel) -> int:
        """Whole groups side by side."""
        return max(1, kernel.pe // self.group_outputs) if self.groups > 1 else 1

    def _terms(self, kernel: Kernel) -> int:
        """Inputs of each output and step."""
        return kernel.simd // self._side(kernel)

    def _tiles(self, kernel: Kernel) -> Tiles:
        """The blocks of weights that have steps."""
        terms, turns = self._terms(kernel), folds(len(self.bias), kernel.pe)
        if terms > self.group_inputs:
            return Tiles.every(turns, 1)
        tiles = occupied(self.weight, kernel.pe, terms)
        return tiles if tiles.pays(len(tiles.blocks)) else Tiles.every(turns, tiles.beats)

    def _datapath(self, kernel: Kernel, x: TensorType) -> Datapath:
        """Its simd is the terms of each output, and its tree may hold fewer registers."""
        terms, layer = self._terms(kernel), mac_layer(self, x)
        mac = replace(kernel, simd=terms, stages=min(kernel.stages, (terms - 1).bit_length() + 1))
        return Datapath(layer, mac, self._tiles(kernel), self._side(kernel))

    def _form(self, kernel: Kernel, x: TensorType) -> RowBuffer | Raster:
        """How the windows come about. Raises IntaglioError for an illegal kernel."""
        self._check(kernel, x)
        rows, columns, _ = self.window.output_shape(x, len(self.bias), "conv2d")
        tiles, groups = self._tiles(kernel), folds(self.groups, self._side(kernel))
        if self._terms(kernel) > self.group_inputs:
            return Raster(self.window, x.shape[0], x.shape[1], rows, columns, tiles.turns // groups, groups)
        beats, ends = folds(x.channels, self.lanes(kernel, x)[0][0]), tuple(tiles.ends.tolist())
        return RowBuffer(self.window, x.shape[0], x.shape[1], rows, columns, beats, ends, groups)

    def _check(self, kernel: Kernel, x: TensorType) -> None:
        check_kernel(kernel, len(self.bias), kernel.simd)
        side, terms, inputs = self._side(kernel), self._terms(kernel), self.group_inputs
        if self.groups == 1 and not (1 <= terms <= inputs or terms == self._whole):
            hint = f"choose 1 to {inputs}, or {self._whole} for a whole window per step"
            raise IntaglioError(f"a conv2d of {inputs} channels cannot take {kernel.simd} side by side", hint=hint)
        if self.groups > 1 and (kernel.pe, kernel.simd) not in self._group_lanes([side] * (side > 1)):
            outputs, whole = self.group_outputs, self._whole
            hint = f"pe divides {outputs} and simd {inputs} (or is {whole}, a whole window); "
            hint += f"or they are {outputs} and {inputs} (or {whole}) times a number of groups"
            wrong = f"pe {kernel.pe} and simd {kernel.simd} do not fit {self.groups} groups of {inputs} channels"
            raise IntaglioError(wrong, hint=hint)
        if terms > inputs and self._opens_in_padding():
            hint = f"choose a simd of 1 to {inputs}"
            raise IntaglioError("windows that hold nothing but padding cannot be taken whole", hint=hint)
        if x.dtype is not None and x.dtype.bipolar and self.window.covers_padding():
            raise IntaglioError("a bipolar image has no 0 to pad with", hint="pad with -1 or +1 before it is quantised")

    def program(self, kernel: Kernel, x: TensorType) -> Program:
        form, path = self._form(kernel, x), self._datapath(kernel, x)
        return form.program(path.latency + (not path.tiles.complete))  # a tile's address is made in a step of its own

    def steps(self, kernel: Kernel, x: TensorType) -> int:
        return self._form(kernel, x).steps

    def parts(self, kernel: Kernel, x: TensorType) -> Parts:
        form, path = self._form(kernel, x), self._datapath(kernel, x)
        word = self.lanes(kernel, x)[0][0] * x.bits
        if isinstance(form, RowBuffer):
            return path.parts() + row_parts(form, kernel, path.tiles, word)
        return path.parts() + window_parts(form, word)

    def params(self, kernel: Kernel, x: TensorType) -> dict[str, Any]:
        form, path = self._form(kernel, x), self._datapath(kernel, x)
        out = path.layer.out
        context = stream_params(kernel, (x,), self.lanes(kernel, x), out) | path.params()
        (kernel_rows, kernel_columns), (down, right) = self.window.kernel, self.window.stride
        reach = form.reach
        context |= {
            "steps": form.steps,
            "groups": self.groups,
            "group_inputs": self.group_inputs,
            "group_outputs": self.group_outputs,
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


def _divisors(count: int) -> list[int]:
    return [n for n in range(1, count + 1) if count % n == 0]
