"""threshold: base[c] + step[c] * (how many of the channel's thresholds x reaches).

One threshold per channel that leads from -1 to +1, or back, makes a bipolar tensor.

Kernel: all thresholds of a channel are compared at once, on each lane. Only the thresholds that the input's proven
bounds leave open are built: one that is always reached moves the base, one that never is goes.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Self

import numpy as np

from ..errors import IntaglioError
from ..ir import Array, Int64, Kernel, Part, Parts, TensorType
from .elements import bipolar_tensor, element_params, value_bits
from .exact import integers
from .executors import Executor
from .hardware import chosen_among
from .lanewise import Field, Lanewise, lane_params, lane_parts
from .staircase_executor import staircase_executor


@dataclass(frozen=True, eq=False, repr=False)
class Threshold(Lanewise, name="threshold"):
    """thresholds: (channels, levels), ascending along levels. base: (channels,). step: (channels,)."""

    latency = 2  # the operands' register and the result's

    thresholds: Int64
    base: Int64
    step: Int64
    scale: Fraction | None = None

    def infer(self, x: TensorType) -> TensorType:
        if x.channels != len(self.base):
            raise IntaglioError(f"threshold has {len(self.base)} channels, its input {x.channels}")
        low = self._count(x.lo_array[None])[0] * self.step + self.base
        high = self._count(x.hi_array[None])[0] * self.step + self.base
        make = bipolar_tensor if self.bipolar else TensorType.integer
        return make(x.shape, np.minimum(low, high), np.maximum(low, high), self.scale)

    @property
    def bipolar(self) -> bool:
        """Does every channel, whatever x is, give -1 or +1 and nothing in between?"""
        one = self.thresholds.shape[1] == 1
        return one and bool((np.abs(self.step) == 2).all()) and bool((self.base * 2 == -self.step).all())

    def run(self, x: Array) -> Array:
        return self.base + self.step * self._count(integers(x))

    def _count(self, x: Array) -> Int64:
        result = np.empty(x.shape, np.int64)
        for channel, row in enumerate(self.thresholds):
            result[..., channel] = np.searchsorted(row, x[..., channel], side="right")
        return result

    def executor(self, x: TensorType) -> Executor:
        return staircase_executor(self.run, x)

    def keep(self, ins: tuple[Int64, ...], out: Int64) -> Self:
        return type(self)(self.thresholds[out], self.base[out], self.step[out], self.scale)

    def open_levels(self, x: TensorType) -> tuple[Int64, Int64]:
        """The thresholds that x may reach or not, padded with one it never reaches, and the bases to match."""
        rows = [
            [t for t in row if low < t <= high]
            for row, low, high in zip(self.thresholds.tolist(), x.lo, x.hi, strict=True)
        ]
        levels = max(1, *map(len, rows))
        padded = [row + [high + 1] * (levels - len(row)) for row, high in zip(rows, x.hi, strict=True)]
        always = (self.thresholds <= x.lo_array[:, None]).sum(axis=1)
        return np.array(padded, np.int64).reshape(-1, levels), self.base + self.step * always

    def params(self, kernel: Kernel, x: TensorType) -> dict[str, Any]:
        out = self.infer(x)
        thresholds, base = self.open_levels(x)
        step = self.step
        if self.bipolar:  # what travels is (value + 1) / 2
            base, step = (base + 1) >> 1, step >> 1
        if (np.abs(step) != 1).any():
            raise IntaglioError(
                "thresholds are counted by ones in hardware, up or down",
                hint="a lookup gives any integer; steps of 2 between -1 and +1 are bipolar",
            )
        levels = thresholds.shape[1]
        top = int(thresholds.max())  # thresholds lie above x's lower bound, so only the upper end may need a wider type
        bits = value_bits(x)
        compare_bits = max(bits, top.bit_length() + 1 if x.signed else top.bit_length())
        element = element_params(x, "operands", "word")
        # A falling channel adds ~count to base + 1, modulo 2^result_bits: one adder for either direction.
        flip = (step < 0).astype(np.int64)
        result_bits = max(out.bits, levels.bit_length())
        start = (base + flip) & ((1 << result_bits) - 1)
        fields = {
            "thresholds": Field(thresholds, compare_bits),
            "start": Field(start[:, None], result_bits),
            "flip": Field(flip[:, None], 1),
        }
        context = lane_params(kernel, x, out, self.latency, fields)
        return context | {
            "element": element,
            "levels": levels,
            "compare_bits": compare_bits,
            "count_bits": levels.bit_length(),
            "result_bits": result_bits,
            "sign": "signed " if x.signed else "",
            "extend": f"COMPARE_BITS'({element['rtl']})",
            "starts": bool(start.any()),
            "flips": bool(flip.any()),
            "threshold_bits": compare_bits + (0 if x.signed else 1),
        }

    def parts(self, kernel: Kernel, x: TensorType) -> Parts:
        context = self.params(kernel, x)
        kind = "constant_comparator" if context["thresholds"]["shared"] else "comparator"
        lanes, levels = kernel.pe, context["levels"]
        parts = [*lane_parts(kernel, context)]
        parts += [
            Part(kind, lanes * levels, {"bits": context["compare_bits"], **chosen_among(parts)}),
            Part("thermometer", lanes, {"levels": levels}),
        ]
        if context["starts"]:
            parts.append(Part("adder", lanes, {"bits": context["result_bits"]}))
        return tuple(parts)
