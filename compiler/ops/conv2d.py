"""conv2d: a dense layer at every window of an image; padding is 0.

Kernels, `pe` outputs per step, in two forms:

- rows, simd up to the input channels: rows of the image lie in a buffer, from which `simd` channels of one position of
  the window are read per step; output folds outside, positions and input folds inside. Loading goes on meanwhile.
- window, simd = all inputs of a window: the padded image shifts through a line of pixels, a position per step, and all
  taps of the window are multiplied at once; a complete window takes one step per output fold.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Self

import numpy as np

from ..errors import IntaglioError
from ..ir import Array, Int64, Kernel, Op, Part, Parts, Program, TensorType
from .accumulate import bounds, free_labels
from .exact import integers, magnitude_of, matmul
from .executors import Executor, conv_executor
from .hardware import VERILOG_STYLE, buffer_parts, distinct_lanes, folds, memory_style, stream_params, width_of
from .multiply_accumulate import LATENCY, check_kernel, mac_params, mac_parts, multiplier_choices
from .sliding import Raster, RowBuffer
from .window import Padding, Pair, Window


@dataclass(frozen=True, eq=False, repr=False)
class Conv2d(Op, name="conv2d"):
    """weight: (outputs, kernel height, kernel width, inputs), bias: (outputs,). padding: top, bottom, left, right."""

    weight: Int64
    bias: Int64
    stride: Pair = (1, 1)
    padding: Padding = (0, 0, 0, 0)
    scale: Fraction | None = None

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

    def executor(self, x: TensorType) -> Executor:
        return conv_executor(self.weight, self.bias, self.window, x, self.run)

    def couplings(self, x: TensorType) -> tuple[tuple[Int64, ...], Int64]:
        return free_labels(x.channels, len(self.bias))

    def keep(self, ins: tuple[Int64, ...], out: Int64) -> Self:
        weight = self.weight[out][..., ins[0]]
        return type(self)(np.ascontiguousarray(weight), self.bias[out], self.stride, self.padding, self.scale)

    def kernels(self, x: TensorType) -> Iterator[Kernel]:
        lanes = range(1, len(self.bias) + 1)
        return (Kernel(pe=pe, simd=simd) for pe in lanes for simd in self._simds(list(range(1, x.channels + 1))))

    def choices(self, x: TensorType) -> Iterator[Kernel]:
        simds = self._simds(distinct_lanes(x.channels))
        return multiplier_choices(self.weight, x, (simds, distinct_lanes(len(self.bias))))

    def _simds(self, folded: list[int]) -> list[int]:
        """Those of the rows form, and the one of the window form; of a 1x1 kernel they would be the same."""
        whole = self.weight[0].size
        return folded if whole in folded or self._opens_in_padding() else [*folded, whole]

    def _opens_in_padding(self) -> bool:
        """Is the first window complete before the first pixel: would the window form send it before a frame comes?"""
        (rows, columns), (top, _, left, _) = self.window.kernel, self.window.padding
        return (rows - 1, columns - 1) < (top, left)

    def lanes(self, kernel: Kernel, x: TensorType) -> tuple[tuple[int, ...], int]:
        return (min(kernel.simd, x.channels),), kernel.pe

    def _form(self, kernel: Kernel, x: TensorType) -> RowBuffer | Raster:
        """How the windows come about. Raises IntaglioError for an illegal kernel."""
        check_kernel(kernel, len(self.bias), kernel.simd)
        whole = self.weight[0].size
        if not (1 <= kernel.simd <= x.channels or kernel.simd == whole):
            hint = f"choose 1 to {x.channels}, or {whole} for a whole window per step"
            raise IntaglioError(f"a conv2d of {x.channels} channels cannot take {kernel.simd} side by side", hint=hint)
        if kernel.simd > x.channels and self._opens_in_padding():
            hint = f"choose a simd of 1 to {x.channels}"
            raise IntaglioError("windows that hold nothing but padding cannot be taken whole", hint=hint)
        if x.dtype is not None and x.dtype.bipolar and self.window.covers_padding():
            raise IntaglioError("a bipolar image has no 0 to pad with", hint="pad with -1 or +1 before it is quantised")
        rows, columns, _ = self.window.output_shape(x, len(self.bias), "conv2d")
        turns = folds(len(self.bias), kernel.pe)
        if kernel.simd > x.channels:
            return Raster(self.window, x.shape[0], x.shape[1], rows, columns, turns)
        beats = folds(x.channels, kernel.simd)
        return RowBuffer(self.window, x.shape[0], x.shape[1], rows, columns, beats, turns)

    def program(self, kernel: Kernel, x: TensorType) -> Program:
        return self._form(kernel, x).program(LATENCY + kernel.stages)

    def steps(self, kernel: Kernel, x: TensorType) -> int:
        return self._form(kernel, x).steps

    def parts(self, kernel: Kernel, x: TensorType) -> Parts:
        form = self._form(kernel, x)
        parts = mac_parts(self.weight, self.bias, kernel, x, self.infer(x))
        return parts + (_row_parts(form, kernel, x) if isinstance(form, RowBuffer) else _window_parts(form, x))

    def params(self, kernel: Kernel, x: TensorType) -> dict[str, Any]:
        form, out = self._form(kernel, x), self.infer(x)
        context = stream_params(kernel, (x,), self.lanes(kernel, x), out)
        context |= mac_params(self.weight, self.bias, kernel, x, out)
        (kernel_rows, kernel_columns), (down, right) = self.window.kernel, self.window.stride
        reach = form.reach
        context |= {
            "steps": form.steps,
            "kernel_rows": kernel_rows,
            "kernel_columns": kernel_columns,
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
        return context | (_row_params(form, kernel, x) if isinstance(form, RowBuffer) else _window_params(form))


def _row_params(form: RowBuffer, kernel: Kernel, x: TensorType) -> dict[str, Any]:
    top, _, left, _ = form.window.padding
    return {
        "form": "rows",
        "folds": form.folds,
        "fold_bits": width_of(form.folds),
        "row_bits": width_of(form.row_numbers),
        "column_bits": width_of(form.column_numbers),
        "slots": form.slots,
        "holds_image": form.slots == form.rows,
        "buffer_bits": width_of(form.depth),
        "line_bits": width_of(form.depth + 1),
        "line_start": form.slot_start(-top),
        "line_stride": form.slot_start(form.window.stride[0]),
        "offset_start": -left * form.folds % (1 << width_of(form.depth)),
        "buffer_ram_style": VERILOG_STYLE[memory_style(form.depth, kernel.simd * x.bits, kernel)],
    }


def _row_parts(form: RowBuffer, kernel: Kernel, x: TensorType) -> Parts:
    """The buffer, where loading stands, where the window is, where in it the next step reads."""
    row, column, fold = width_of(form.row_numbers), width_of(form.column_numbers), width_of(form.folds)
    address, line, word = width_of(form.depth), width_of(form.depth + 1), kernel.simd * x.bits
    parts = [
        *buffer_parts(form.depth, word, kernel),
        Part("counter", 1, {"bits": address}),
        Part("counter", 2, {"bits": row}),
        Part("counter", 2, {"bits": column}),
        Part("counter", 2, {"bits": line}),
        Part("register", 2, {"bits": row}),
        Part("register", 2, {"bits": column}),
        Part("register", 2, {"bits": address}),
        Part("adder", 2, {"bits": row}),
        Part("adder", 2, {"bits": column}),
        Part("adder", 3, {"bits": address}),
        Part("comparator", 4, {"bits": row}),
        Part("comparator", 2, {"bits": column}),
        Part("control"),
    ]
    parts += [Part("counter", 2, {"bits": fold})] if form.folds > 1 else []
    parts += [Part("counter", 1, {"bits": width_of(form.turns)})] if form.turns > 1 else []
    return (*parts, *_padding_parts(form, row, column, word))


def _window_params(form: Raster) -> dict[str, Any]:
    return {
        "form": "window",
        "rows": form.rows,
        "columns": form.columns,
        "gap": form.gap,
        "row_bits": width_of(form.rows + form.window.stride[0]),
        "column_bits": width_of(form.columns + form.window.stride[1]),
    }


def _window_parts(form: Raster, x: TensorType) -> Parts:
    """The line with its taps, the place in the raster, and the place where the next window is complete."""
    (kernel_rows, kernel_columns), (down, right) = form.window.kernel, form.window.stride
    row, column, pixel = width_of(form.rows + down), width_of(form.columns + right), x.channels * x.bits
    parts = [
        Part("register", kernel_rows * kernel_columns, {"bits": pixel}),
        Part("counter", 2, {"bits": row}),
        Part("counter", 2, {"bits": column}),
        Part("comparator", 1, {"bits": row}),
        Part("comparator", 1, {"bits": column}),
        Part("control"),
    ]
    if kernel_rows > 1 and form.gap:
        parts.append(Part("shift_line", kernel_rows - 1, {"depth": form.gap, "width": pixel}))
    parts += [Part("counter", 1, {"bits": width_of(form.turns)})] if form.turns > 1 else []
    return (*parts, *_padding_parts(form, row, column, pixel))


def _padding_parts(form: RowBuffer | Raster, row: int, column: int, word: int) -> Parts:
    """Is this a pixel or padding, and the choice between the pixel and 0."""
    if not any(form.reach):
        return ()
    return (
        Part("constant_comparator", 1, {"bits": row}),
        Part("constant_comparator", 1, {"bits": column}),
        Part("mux", 1, {"inputs": 2, "bits": word}),
    )
