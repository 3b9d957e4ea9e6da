"""softmax: over the channels of every pixel, in integers: exponentials from a table, divided by their sum.

Kernel: `pe` = `simd` = lanes. With all channels in one beat it is a pipeline. Otherwise a pixel is read into a buffer
while its largest element is found, read from there for the sum of the exponentials, and once more for the quotients.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from math import isqrt
from typing import Any, Self

import mpmath  # type: ignore[import-untyped]
import numpy as np

from ..errors import IntaglioError
from ..ir import Array, Int64, Kernel, Op, Part, Parts, Program, TensorType, as_integers
from .elements import element_params, is_bipolar, value_bits
from .exact import integers
from .hardware import (
    VERILOG_STYLE,
    beat_steps,
    braces,
    buffer_parts,
    buffer_style,
    counter,
    distinct_lanes,
    folds,
    handshake,
    hex_literal,
    memory_style,
    plain_integer,
    rom_part,
    stream_params,
    width_of,
)

MOST_EXPONENTS = 1 << 16
"""Entries of the largest table that `Softmax.of` makes."""

DIGITS = 60
"""Of the exponentials before they are rounded; none but the first is near a tie."""

GUARD_BITS = 2
"""Bits of the exponentials beyond those of the output."""

LEVELS_PER_STAGE = 4
"""Levels of a tree, of comparisons or of additions, that one cycle has time for."""

LATENCY = 5
"""Cycles from the step of a quotient to its output beat, besides one for each bit of the output: the registers of the
element, of its distance to the largest, of its exponential, of one more bit of the quotient, and of the result."""


@dataclass(frozen=True, eq=False, repr=False)
class Softmax(Op, name="softmax"):
    """exponent: (entries,), e[d] for an element that is d below the largest, 0 beyond; e[0] > 0. bits: of the output.

    y_c = min(floor(e_c / sum(e) * 2^bits + 1/2), 2^bits - 1), in units of 2^-bits.
    """

    exponent: Int64
    bits: int

    @classmethod
    def of(cls, scale: Fraction, bits: int, x: TensorType) -> Softmax:
        """The softmax of x * scale: e[d] = round(exp(-d * scale) * 2^(bits + 2)), as far as x reaches."""
        if scale <= 0:
            raise IntaglioError(f"softmax needs a positive scale, not {scale}")
        entries: list[int] = []
        with mpmath.workdps(DIGITS):
            for distance in range(max(x.hi) - min(x.lo) + 1):
                power = mpmath.mpf(-distance * scale.numerator) / scale.denominator
                entry = int(mpmath.nint(mpmath.ldexp(mpmath.exp(power), bits + GUARD_BITS)))
                if not entry:
                    break
                if len(entries) == MOST_EXPONENTS:
                    raise IntaglioError(
                        f"softmax would need a table of more than {MOST_EXPONENTS} exponentials",
                        hint="quantise its input to fewer bits",
                    )
                entries.append(entry)
        return cls(as_integers(entries), bits)

    def infer(self, x: TensorType) -> TensorType:
        if self.bits < 1 or not len(self.exponent) or self.exponent[0] < 1 or self.exponent.min() < 0:
            raise IntaglioError("softmax needs an output bit and exponentials, none negative and the first positive")
        top = (1 << self.bits) - 1
        return TensorType.integer(x.shape, top if x.channels == 1 else 0, top, Fraction(1, 1 << self.bits))

    def run(self, x: Array) -> Array:
        x = integers(x)
        distance = x.max(axis=-1, keepdims=True) - x
        table = np.append(self.exponent, 0)
        wide = int(table.max()) * ((2 << self.bits) + x.shape[-1]) >= 1 << 62
        e = table.astype(object if wide else np.int64)[np.minimum(distance, len(self.exponent)).astype(np.int64)]
        total = e.sum(axis=-1, keepdims=True)
        y = ((e << (self.bits + 1)) + total) // (2 * total)
        return np.asarray(np.minimum(y, (1 << self.bits) - 1))

    def finer_output(self, x: TensorType) -> Self:
        return replace(self, exponent=as_integers(2 * self.exponent), bits=self.bits + 1)

    def taking_finer(self, x: TensorType) -> Self:
        """Between two exponentials their geometric mean."""
        table = np.append(self.exponent, 0).astype(object)
        between = [isqrt(a * b) for a, b in pairwise(table)]
        return replace(self, exponent=as_integers(np.stack([table[:-1], between], axis=1).ravel()))

    def kernels(self, x: TensorType) -> Iterator[Kernel]:
        return (Kernel(pe=lanes, simd=lanes) for lanes in range(1, x.channels + 1))

    def choices(self, x: TensorType) -> Iterator[Kernel]:
        return (Kernel(pe=lanes, simd=lanes) for lanes in distinct_lanes(x.channels))

    def lanes(self, kernel: Kernel, x: TensorType) -> tuple[tuple[int, ...], int]:
        return (kernel.simd,), kernel.pe

    def steps(self, kernel: Kernel, x: TensorType) -> int:
        return x.pixels * self._pass_starts(kernel, x)[2]

    def _pass_starts(self, kernel: Kernel, x: TensorType) -> tuple[int, int, int]:
        """Steps of a pixel at which the sum begins, and the quotients, and at which the pixel ends."""
        count, stages = folds(x.channels, kernel.simd), _stages(kernel)
        if count == 1:
            return 0, 0, 1
        return count + stages, 2 * (count + stages), 3 * count + 2 * stages

    def program(self, kernel: Kernel, x: TensorType) -> Program:
        count, (_, divide, steps) = folds(x.channels, kernel.simd), self._pass_starts(kernel, x)
        starts = beat_steps(x.pixels, every=steps)[:, None]
        latency = LATENCY + self.bits
        if count == 1:  # the largest element, the sum, and their trees come in between
            latency += 2 + 2 * _stages(kernel)
        fold = np.arange(count)
        return Program(x.pixels * steps, ((starts + fold).ravel(),), (starts + divide + fold).ravel(), latency)

    def _table(self, x: TensorType) -> tuple[Int64, bool]:
        """2^n exponentials; and whether elements farther away take the last, which is then 0."""
        farthest = max(x.hi) - min(x.lo)
        known = self.exponent[: farthest + 1]
        entries = 1 << width_of(min(len(known), farthest) + 1)
        return np.append(known, np.zeros(entries - len(known), np.int64)), farthest >= entries

    def params(self, kernel: Kernel, x: TensorType) -> dict[str, Any]:
        table, context = self._table(x)[0], self._layout(kernel, x)
        bits = context["exponent_bits"]
        return context | {
            "table": braces(table.tolist()),
            "plain": plain_integer(bits + 1),
            "words": [hex_literal(word, bits) for word in table.tolist()],
        }

    def _layout(self, kernel: Kernel, x: TensorType) -> dict[str, Any]:
        """The context without the table itself."""
        table, saturates = self._table(x)
        lanes, count, stages = kernel.simd, folds(x.channels, kernel.simd), _stages(kernel)
        sum_start, divide_start, steps = self._pass_starts(kernel, x)
        context = stream_params(kernel, (x,), self.lanes(kernel, x), self.infer(x))
        value = value_bits(x)
        least = -(1 << (value - 1)) if x.signed else 0
        sum_bits = (int(self.exponent.max()) * x.channels).bit_length()
        exponent_bits = int(table.max()).bit_length()
        distance_bits = max(width_of(max(x.hi) - min(x.lo) + 1), width_of(len(table)))
        return context | {
            "lanes": lanes,
            "folds": count,
            "fold_bits": width_of(count),
            "spare": context["ins"][0]["spare"],
            "pixels": x.pixels,
            "steps": steps,
            "step_bits": width_of(steps),
            "sum_start": sum_start,
            "sum_end": sum_start + count - 1,
            "divide_start": divide_start,
            "latency": self.program(kernel, x).latency,
            "stages": stages,
            "element": element_params(x, "s0_data", "word"),
            "converts": is_bipolar(x),
            "value_bits": value,
            "signed": int(x.signed),
            "sign": "signed " if x.signed else "",
            "least": f"{value}'h{least & ((1 << value) - 1):x}",
            "least_value": least,
            "value_type": f"ap_{'' if x.signed else 'u'}int<{value}>",
            "buffer_style": VERILOG_STYLE[buffer_style(count, lanes * value, kernel)],
            "rom_style": VERILOG_STYLE[memory_style(len(table), exponent_bits, kernel)],
            "entries": len(table),
            "address_bits": width_of(len(table)),
            "distance_bits": distance_bits,
            "saturates": saturates,
            "exponent_bits": exponent_bits,
            "sum_bits": sum_bits,
            "quotient_bits": self.bits + 1,
            "element_delay": stages + 1,
        }

    def parts(self, kernel: Kernel, x: TensorType) -> Parts:
        context = self._layout(kernel, x)
        lanes, stages, count = kernel.simd, context["stages"], context["folds"]
        value, total, quotient = context["value_bits"], context["sum_bits"], context["quotient_bits"]
        exponent, address = context["exponent_bits"], context["address_bits"]
        # of a pixel: its elements, the largest, the addresses of its exponentials, the sum; and which cycles issue
        registers = lanes * (value + address + self.bits) + value + total + context["latency"]
        registers += (quotient - 1) * (lanes + 1) * total  # the remainders, and beside them the sum
        rom = rom_part(context["entries"], exponent, kernel)
        parts = [
            handshake(1),
            Part("adder", lanes, {"bits": context["distance_bits"] + 1}),
            Part("mux", lanes, {"inputs": 2, "bits": address * context["saturates"]}),
            Part(rom.kind, lanes, rom.sizes),
            # twice the remainder less the sum, or not: the first has few bits, of the last nobody wants what is left
            Part("adder", lanes, {"bits": exponent + (quotient - 1) * (total - 1)}),
            Part("mux", lanes * (quotient - 1), {"inputs": 2, "bits": total}),
            *[Part("shift_line", lanes, {"width": 1, "depth": depth + 1}) for depth in range(quotient)],
            Part("rounding", lanes, {"bits": self.bits}),
            Part("choice", lanes - 1, {"bits": value, "along": 0}),
        ]
        if count > 1:
            registers += 2 * (stages + 1) + 2 * (stages + 3)  # what reaches the largest and the sum, from when on
            parts += [
                *buffer_parts(count, lanes * value, kernel, one_address=True),
                Part("comparator", 1, {"bits": value}),
                Part("word_sum", 1, {"terms": lanes + 1, "bits": exponent, "width": total, "signed": 0}),
                Part("mux", 1, {"inputs": 2, "bits": total}),
                counter(context["steps"]),
                counter(count),
                Part("constant_comparator", 6, {"bits": context["step_bits"]}),
            ]
            if spare := context["spare"]:
                parts += [Part("mask", spare, {"bits": exponent}), Part("shift_line", 1, {"width": 1, "depth": 3})]
        else:
            parts += [
                Part("word_sum", 1, {"terms": lanes, "bits": exponent, "width": total, "signed": 0}),
                Part("shift_line", 1, {"width": lanes * value, "depth": stages + 1}),
                Part("shift_line", 1, {"width": lanes * exponent, "depth": stages + 1}),
            ]
        if stages:
            registers += stages * -(-lanes // 16) * (value + total)
        return (*parts, Part("register", 1, {"bits": registers}))


def _stages(kernel: Kernel) -> int:
    """Registers in each tree: none while one cycle has time for it and for what follows."""
    return (kernel.simd - 1).bit_length() // LEVELS_PER_STAGE
