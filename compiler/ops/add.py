"""add: a + b, element by element; both have one scale.

Kernel: `pe` = `simd` = lanes. A step takes a beat of each input and issues their sum.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import IntaglioError
from ..ir import Array, Int64, Kernel, Op, Part, Parts, Program, TensorType
from .accumulate import same_labels
from .elements import element_params
from .exact import integers
from .executors import Executor, add_executor
from .hardware import beat_steps, distinct_lanes, folds, stream_params, width_of

LATENCY = 1
"""Cycles from a step to its output beat: the register of the sums."""


@dataclass(frozen=True, eq=False, repr=False)
class Add(Op, name="add"):
    inputs = 2

    def infer(self, a: TensorType, b: TensorType) -> TensorType:
        if a.shape != b.shape:
            raise IntaglioError(f"add needs two equal shapes, not {a.shape} and {b.shape}")
        if a.scale != b.scale:
            raise IntaglioError(
                f"add needs one scale on both inputs, not {a.scale} and {b.scale}",
                hint="let prepare() put one shared quantiser on both branches",
            )
        return TensorType.integer(a.shape, a.lo_array + b.lo_array, a.hi_array + b.hi_array, a.scale)

    def run(self, a: Array, b: Array) -> Array:
        return np.asarray(np.add(integers(a), integers(b)))

    def executor(self, a: TensorType, b: TensorType) -> Executor:
        return add_executor(a, b, self.run)

    def couplings(self, a: TensorType, b: TensorType) -> tuple[tuple[Int64, ...], Int64]:
        return same_labels(a.channels, 2)

    def kernels(self, a: TensorType, b: TensorType) -> Iterator[Kernel]:
        return (Kernel(pe=lanes, simd=lanes) for lanes in range(1, a.channels + 1))

    def choices(self, a: TensorType, b: TensorType) -> Iterator[Kernel]:
        return (Kernel(pe=lanes, simd=lanes) for lanes in distinct_lanes(a.channels))

    def lanes(self, kernel: Kernel, a: TensorType, b: TensorType) -> tuple[tuple[int, ...], int]:
        return (kernel.simd, kernel.simd), kernel.pe

    def steps(self, kernel: Kernel, a: TensorType, b: TensorType) -> int:
        return a.pixels * folds(a.channels, kernel.simd)

    def program(self, kernel: Kernel, a: TensorType, b: TensorType) -> Program:
        beats = beat_steps(self.steps(kernel, a, b))
        return Program(len(beats), (beats, beats), beats, LATENCY)

    def parts(self, kernel: Kernel, a: TensorType, b: TensorType) -> Parts:
        bits, count = self.infer(a, b).bits, folds(a.channels, kernel.simd)
        parts = [
            Part("adder", kernel.simd, {"bits": bits}),
            Part("register", 1, {"bits": kernel.pe * bits}),
            Part("control"),
        ]
        if spare := count * kernel.simd - a.channels:
            parts.append(Part("counter", 1, {"bits": width_of(count)}))
            parts.append(Part("mask", 1, {"bits": spare * bits}))
        return tuple(parts)

    def params(self, kernel: Kernel, a: TensorType, b: TensorType) -> dict[str, Any]:
        out = self.infer(a, b)
        context = stream_params(kernel, (a, b), self.lanes(kernel, a, b), out)
        return context | {
            "elements": [element_params(kind, f"s{k}_data", f"word{k}") for k, kind in enumerate((a, b))],
            "folds": folds(a.channels, kernel.simd),
            "fold_bits": width_of(folds(a.channels, kernel.simd)),
            "spare": context["out"]["spare"],
            "steps": self.steps(kernel, a, b),
        }
