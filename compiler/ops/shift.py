"""shift: clip((x + addend[c]) >> shift): a requantiser whose slope is one power of two."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from operator import add
from typing import Any, Self

import numpy as np

from ..errors import IntaglioError
from ..ir import Array, Int64, Kernel, Part, Parts, TensorType
from .exact import integers
from .executors import Executor
from .hardware import chosen_among
from .lanewise import Lanewise, constant_field, lane_params, lane_parts
from .shift_clip import operand_params, shift_clip_params, shift_clip_parts
from .staircase_executor import staircase_executor


@dataclass(frozen=True, eq=False, repr=False)
class Shift(Lanewise, name="shift"):
    """addend: (channels,) integers. shift: one for all channels, to the right. lo, hi: the clip."""

    latency = 2  # the operands' register and the result's

    addend: Int64
    shift: int
    lo: int
    hi: int
    scale: Fraction | None = None

    def infer(self, x: TensorType) -> TensorType:
        if x.channels != len(self.addend):
            raise IntaglioError(f"shift has {len(self.addend)} channels, its input {x.channels}")
        low, high = (self.run(np.asarray(end)[None])[0] for end in (x.lo_array, x.hi_array))
        return TensorType.integer(x.shape, low, high, self.scale)

    def run(self, x: Array) -> Array:
        return np.clip((integers(x) + self.addend) >> self.shift, self.lo, self.hi)

    def executor(self, x: TensorType) -> Executor:
        return staircase_executor(self.run, x)

    def keep(self, ins: tuple[Int64, ...], out: Int64) -> Self:
        return type(self)(self.addend[out], self.shift, self.lo, self.hi, self.scale)

    def sums(self, x: TensorType) -> tuple[int, int]:
        """Proven bounds of x + addend, over all channels."""
        addend = self.addend.tolist()
        return min(map(add, x.lo, addend)), max(map(add, x.hi, addend))

    def params(self, kernel: Kernel, x: TensorType) -> dict[str, Any]:
        out = self.infer(x)
        context = lane_params(kernel, x, out, self.latency, {"addend": constant_field(self.addend)})
        context |= shift_clip_params(self.sums(x), self.shift, (self.lo, self.hi), out, context["addend"]["bits"])
        return context | operand_params(x)

    def parts(self, kernel: Kernel, x: TensorType) -> Parts:
        context = self.params(kernel, x)
        parts = lane_parts(kernel, context)
        adder = Part("adder", kernel.pe, {"bits": context["sum_bits"], **chosen_among(parts)})
        adders = (adder,) if self.addend.any() else ()
        return (*parts, *adders, *shift_clip_parts(kernel.pe, context))
