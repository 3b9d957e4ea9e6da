"""mul_shift: clip((x * multiplier[c] + addend[c]) >> shift)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from operator import add
from typing import Any, Self

import numpy as np

from ..errors import IntaglioError
from ..ir import Array, Int64, Kernel, Part, Parts, TensorType
from .exact import integers
from .executors import Executor
from .hardware import chosen_among, weight_type
from .lanewise import Lanewise, constant_field, lane_params, lane_parts
from .multiply_accumulate import DSP_PRODUCT_BITS, constant_sizes
from .shift_clip import operand_params, products, shift_clip_params, shift_clip_parts
from .staircase_executor import staircase_executor


@dataclass(frozen=True, eq=False, repr=False)
class MulShift(Lanewise, name="mul_shift"):
    """multiplier, addend: (channels,) integers. shift: one for all channels. lo, hi: the clip."""

    latency = 3  # the operands' register, the sum's and the result's

    multiplier: Int64
    addend: Int64
    shift: int
    lo: int
    hi: int
    scale: Fraction | None = None

    def infer(self, x: TensorType) -> TensorType:
        if x.channels != len(self.addend):
            raise IntaglioError(f"mul_shift has {len(self.addend)} channels, its input {x.channels}")
        ends = [self.run(np.asarray(end)[None])[0] for end in (x.lo_array, x.hi_array)]
        return TensorType.integer(x.shape, np.minimum(*ends), np.maximum(*ends), self.scale)

    def run(self, x: Array) -> Array:
        return np.clip((integers(x) * self.multiplier + self.addend) >> self.shift, self.lo, self.hi)

    def executor(self, x: TensorType) -> Executor:
        return staircase_executor(self.run, x)

    def keep(self, ins: tuple[Int64, ...], out: Int64) -> Self:
        return type(self)(self.multiplier[out], self.addend[out], self.shift, self.lo, self.hi, self.scale)

    def choices(self, x: TensorType) -> Iterator[Kernel]:
        wide = (x.bits + (not x.signed)) * weight_type(self.multiplier).bits >= DSP_PRODUCT_BITS
        for kernel in super().choices(x):
            yield kernel
            if wide:
                yield replace(kernel, multiplier="dsp")

    def sums(self, x: TensorType) -> tuple[int, int]:
        """Proven bounds of x * multiplier + addend, over all channels."""
        low, high = products(self.multiplier, x)
        addend = self.addend.tolist()
        return min(map(add, low, addend)), max(map(add, high, addend))

    def params(self, kernel: Kernel, x: TensorType) -> dict[str, Any]:
        out = self.infer(x)
        fields = {"multiplier": constant_field(self.multiplier), "addend": constant_field(self.addend)}
        context = lane_params(kernel, x, out, self.latency, fields)
        context |= shift_clip_params(self.sums(x), self.shift, (self.lo, self.hi), out, context["addend"]["bits"])
        return context | operand_params(x) | {"use_dsp": "yes" if kernel.multiplier == "dsp" else "no"}

    def parts(self, kernel: Kernel, x: TensorType) -> Parts:
        context = self.params(kernel, x)
        lanes, bits = kernel.pe, x.bits
        parts = list(lane_parts(kernel, context))
        if context["multiplier"]["shared"] and kernel.multiplier == "lut":
            constants = self.multiplier[:lanes]
            sizes = constant_sizes(constants, x.bits, context["multiplier"]["bits"])
            parts.append(Part("constant_multiplier", 1, sizes))
        else:
            positive = int(self.multiplier.min(initial=0) >= 0)  # a sign that is always 0
            sizes = {"a": bits, "b": context["multiplier"]["bits"] - positive, "signed": int(x.signed)}
            parts.append(Part(f"{kernel.multiplier}_multiplier", lanes, sizes | chosen_among(parts)))
        parts.append(Part("adder", lanes, {"bits": context["sum_bits"], **chosen_among(parts)}))
        parts.append(Part("register", lanes, {"bits": context["sum_bits"] - context["shift"]}))  # what the shift keeps
        return (*parts, *shift_clip_parts(lanes, context))
