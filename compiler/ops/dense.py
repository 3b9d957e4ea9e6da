"""dense: y[m] = bias[m] + sum over k of weight[m, k] * x[k], at every pixel.

Kernel: `simd` inputs times `pe` outputs per step; for each pixel, output folds outside, input folds inside. The first
output fold takes the stream and keeps it in a buffer for the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Any, Self

import numpy as np

from ..errors import IntaglioError
from ..ir import Array, Int64, Kernel, Op, Part, Parts, Program, TensorType
from .accumulate import bounds, free_labels
from .exact import integers, magnitude_of, matmul
from .executors import Executor, dense_executor
from .hardware import VERILOG_STYLE, buffer_parts, buffer_style, distinct_lanes, folds, stream_params, width_of
from .multiply_accumulate import Datapath, kernel_choices, mac_layer, with_stages


@dataclass(frozen=True, eq=False, repr=False)
class Dense(Op, name="dense"):
    """weight: (outputs, inputs), bias: (outputs,), integers. scale: real value of one step of the output, if known."""

    weight: Int64
    bias: Int64
    scale: Fraction | None = None

    def infer(self, x: TensorType) -> TensorType:
        if x.channels != self.weight.shape[1]:
            raise IntaglioError(f"dense takes {self.weight.shape[1]} inputs, not {x.channels}")
        lo, hi = bounds(self.weight, self.bias, x, may_pad=False)
        return TensorType.integer((*x.shape[:-1], len(self.bias)), lo, hi, self.scale)

    def run(self, x: Array) -> Array:
        return integers(matmul(x, self.weight.T, magnitude_of(x))) + self.bias

    def executor(self, x: TensorType) -> Executor:
        return dense_executor(self.weight, self.bias, x, self.run)

    def couplings(self, x: TensorType) -> tuple[tuple[Int64, ...], Int64]:
        return free_labels(x.channels, len(self.bias))

    def keep(self, ins: tuple[Int64, ...], out: Int64) -> Self:
        return type(self)(self.weight[np.ix_(out, ins[0])], self.bias[out], self.scale)

    def kernels(self, x: TensorType) -> Iterator[Kernel]:
        outputs, inputs = self.weight.shape
        return (Kernel(pe=pe, simd=simd) for pe in range(1, outputs + 1) for simd in range(1, inputs + 1))

    def choices(self, x: TensorType) -> Iterator[Kernel]:
        outputs, inputs = self.weight.shape
        folded = product(distinct_lanes(outputs), distinct_lanes(inputs))
        layer = mac_layer(self.weight, self.bias, x, self.infer(x))
        return kernel_choices(layer, ((pe, simd, folds(outputs, pe) * folds(inputs, simd)) for pe, simd in folded))

    def pipelined(self, kernel: Kernel, clock_mhz: float, x: TensorType) -> Kernel:
        return with_stages(kernel, kernel.simd, clock_mhz)

    def steps(self, kernel: Kernel, x: TensorType) -> int:
        return x.pixels * folds(self.weight.shape[1], kernel.simd) * folds(len(self.bias), kernel.pe)

    def lanes(self, kernel: Kernel, x: TensorType) -> tuple[tuple[int, ...], int]:
        return (kernel.simd,), kernel.pe

    def program(self, kernel: Kernel, x: TensorType) -> Program:
        path = self._datapath(kernel, x)
        pixel = np.arange(x.pixels, dtype=np.int64)[:, None] * path.depth
        reads = (pixel + np.arange(path.beats)).ravel()
        writes = (pixel + np.arange(1, path.turns + 1) * path.beats - 1).ravel()
        return Program(x.pixels * path.depth, (reads,), writes, path.latency)

    def parts(self, kernel: Kernel, x: TensorType) -> Parts:
        path, word = self._datapath(kernel, x), kernel.simd * x.bits
        parts = [*path.parts(), Part("register", 1, {"bits": word})]
        parts += [Part("counter", 1, {"bits": width_of(count)}) for count in (path.beats, path.turns) if count > 1]
        if path.turns > 1:
            parts += buffer_parts(path.beats, word, kernel)
            parts.append(Part("mux", 1, {"inputs": 2, "bits": word}))
        return tuple(parts)

    def params(self, kernel: Kernel, x: TensorType) -> dict[str, Any]:
        path = self._datapath(kernel, x)
        context = stream_params(kernel, (x,), self.lanes(kernel, x), path.layer.out) | path.params()
        context["steps"] = self.steps(kernel, x)
        context["buffer_ram_style"] = VERILOG_STYLE[buffer_style(path.beats, kernel.simd * x.bits, kernel)]
        return context

    def _datapath(self, kernel: Kernel, x: TensorType) -> Datapath:
        """Raises IntaglioError for an illegal kernel."""
        inputs = self.weight.shape[1]
        if not 1 <= kernel.simd <= inputs:
            raise IntaglioError(f"simd is {kernel.simd}, but there are {inputs} inputs", hint=f"choose 1 to {inputs}")
        return Datapath(mac_layer(self.weight, self.bias, x, self.infer(x)), kernel)
