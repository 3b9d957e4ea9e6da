"""flatten: (height, width, channels) to one pixel of height * width * channels, in that order.

Kernel: `pe` = `simd` = lanes. The beats of a flattened tensor are those of the tensor, if no lane is ever spare: so the
lanes divide the channels, and the hardware is a register.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import IntaglioError
from ..ir import Array, Int64, Kernel, Op, Part, Parts, Program, TensorType
from .hardware import beat_steps, stream_params
from .moving import moved, moved_element

LATENCY = 1
"""Cycles from a step to its output beat."""


@dataclass(frozen=True, eq=False, repr=False)
class Flatten(Op, name="flatten"):
    def infer(self, x: TensorType) -> TensorType:
        return moved(x, (x.size,), np.tile(x.lo_array, x.pixels), np.tile(x.hi_array, x.pixels))

    def run(self, x: Array) -> Array:
        return x.reshape(len(x), -1)

    def couplings(self, x: TensorType) -> tuple[tuple[Int64, ...], Int64]:
        return (np.arange(x.channels),), np.tile(np.arange(x.channels), x.pixels)

    def kernels(self, x: TensorType) -> Iterator[Kernel]:
        return (Kernel(pe=lanes, simd=lanes) for lanes in range(1, x.channels + 1) if x.channels % lanes == 0)

    def lanes(self, kernel: Kernel, x: TensorType) -> tuple[tuple[int, ...], int]:
        if x.channels % kernel.simd:
            raise IntaglioError(f"flatten cannot take {kernel.simd} of {x.channels} channels", hint="choose a divisor")
        return (kernel.simd,), kernel.pe

    def steps(self, kernel: Kernel, x: TensorType) -> int:
        return x.size // self.lanes(kernel, x)[1]

    def program(self, kernel: Kernel, x: TensorType) -> Program:
        beats = beat_steps(self.steps(kernel, x))
        return Program(len(beats), (beats,), beats, LATENCY)

    def parts(self, kernel: Kernel, x: TensorType) -> Parts:
        return Part("register", 1, {"bits": kernel.pe * self.infer(x).bits}), Part("control")

    def params(self, kernel: Kernel, x: TensorType) -> dict[str, Any]:
        out = self.infer(x)
        context = stream_params(kernel, (x,), self.lanes(kernel, x), out)
        return context | {
            "element": moved_element(x, "s0_data", "word"),
            "converts": out.bits != x.bits,
            "steps": self.steps(kernel, x),
        }
