"""dense: y[m] = bias[m] + sum over k of weight[m, k] * x[k], at every pixel.

Kernel: `simd` inputs times `pe` outputs per step; for each pixel, output folds outside, input folds inside. The first
output fold takes the stream and keeps it in a buffer for the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Self

import numpy as np

from ..errors import IntaglioError
from ..ir import Array, Int64, Kernel, Op, Parts, Program, TensorType
from .accumulate import bounds, free_labels
from .exact import integers, magnitude_of, matmul
from .hardware import distinct_lanes, folds, stream_params
from .multiply_accumulate import LATENCY, mac_params, mac_parts, multiplier_choices


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

    def couplings(self, x: TensorType) -> tuple[tuple[Int64, ...], Int64]:
        return free_labels(x.channels, len(self.bias))

    def keep(self, ins: tuple[Int64, ...], out: Int64) -> Self:
        return type(self)(self.weight[np.ix_(out, ins[0])], self.bias[out], self.scale)

    def kernels(self, x: TensorType) -> Iterator[Kernel]:
        outputs, inputs = self.weight.shape
        return (Kernel(pe=pe, simd=simd) for pe in range(1, outputs + 1) for simd in range(1, inputs + 1))

    def choices(self, x: TensorType) -> Iterator[Kernel]:
        return multiplier_choices(self.weight, x, (distinct_lanes(self.weight.shape[1]), distinct_lanes(len(self.bias))))

    def steps(self, kernel: Kernel, x: TensorType) -> int:
        return x.pixels * folds(self.weight.shape[1], kernel.simd) * folds(len(self.bias), kernel.pe)

    def lanes(self, kernel: Kernel, x: TensorType) -> tuple[tuple[int, ...], int]:
        return (kernel.simd,), kernel.pe

    def program(self, kernel: Kernel, x: TensorType) -> Program:
        outputs, inputs = self.weight.shape
        beats, turns = folds(inputs, kernel.simd), folds(outputs, kernel.pe)
        pixel = np.arange(x.pixels, dtype=np.int64)[:, None] * (beats * turns)
        reads = (pixel + np.arange(beats)).ravel()
        writes = (pixel + np.arange(1, turns + 1) * beats - 1).ravel()
        return Program(x.pixels * beats * turns, (reads,), writes, LATENCY + kernel.stages)

    def parts(self, kernel: Kernel, x: TensorType) -> Parts:
        return mac_parts(self.weight, self.bias, kernel, x, self.infer(x), kernel.simd)

    def params(self, kernel: Kernel, x: TensorType) -> dict[str, Any]:
        out = self.infer(x)
        context = stream_params(kernel, (x,), self.lanes(kernel, x), out)
        context["steps"] = self.program(kernel, x).steps
        return context | mac_params(self.weight, self.bias, kernel, x, out, kernel.simd)
