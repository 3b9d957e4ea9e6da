"""multiply: a * b, element by element; the scale of the result is the product of theirs.

Kernel: as every pairwise operator, and `multiplier` is `lut` or `dsp`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from ..errors import IntaglioError
from ..ir import Int64, Kernel, Part, Parts, TensorType, Work
from .hardware import signed_holding
from .multiply_accumulate import DSP_PRODUCT_BITS
from .multiply_accumulate.forms.base import DSP_WIDTH
from .pairwise import EQUAL, Pairwise

WIDEST = (1 << 63) - 1
"""The largest magnitude of a product."""


@dataclass(frozen=True, eq=False, repr=False)
class Multiply(Pairwise, name="multiply"):
    function = np.multiply
    registered = True

    def limits(self, a: TensorType, b: TensorType) -> tuple[Int64, Int64]:
        """The extremes are among the products of the four corners, also where both inputs are one tensor."""
        if a.magnitude * b.magnitude > WIDEST:
            raise IntaglioError(
                f"the products of {a} and {b} do not fit 64 bits", hint="requantise one of the inputs first"
            )
        corners = [x * y for x in (a.lo_array, a.hi_array) for y in (b.lo_array, b.hi_array)]
        return np.minimum.reduce(corners), np.maximum.reduce(corners)

    def scale_of(self, a: TensorType, b: TensorType) -> Fraction | None:
        return None if a.scale is None or b.scale is None else a.scale * b.scale

    def operand_bits(self, a: TensorType, b: TensorType) -> tuple[int, int]:
        return _signed_bits(a), _signed_bits(b)

    def work(self, a: TensorType, b: TensorType) -> Work:
        """A product an element, each of so many bit operations as its factors have bits, multiplied."""
        count = self.infer(a, b).size
        return Work(count, count, float(count * a.bits * b.bits))

    def kernels(self, a: TensorType, b: TensorType) -> Iterator[Kernel]:
        return self._built(super().kernels(a, b), a, b)

    def choices(self, a: TensorType, b: TensorType) -> Iterator[Kernel]:
        return self._built(super().choices(a, b), a, b)

    def _built(self, kernels: Iterator[Kernel], a: TensorType, b: TensorType) -> Iterator[Kernel]:
        """Each of LUTs, and where the products are wide, of DSP slices."""
        wide = _signed_bits(a) * _signed_bits(b) >= DSP_PRODUCT_BITS
        for kernel in kernels:
            yield kernel
            if wide:
                yield replace(kernel, multiplier="dsp")

    def operators(self, kernel: Kernel, a: TensorType, b: TensorType) -> Parts:
        """Slices have the registers of operands inside, and those of results where no lane is blanked."""
        bits = self.infer(a, b).bits
        sizes = {"a": _signed_bits(a), "b": _signed_bits(b)}
        if kernel.multiplier == "dsp" and min(sizes["a"] + sizes["b"], bits) >= DSP_WIDTH:  # of what is read
            inside = a.bits + b.bits * (self.form(a, b) == EQUAL) + bits * (a.channels % kernel.simd == 0)
            return Part("dsp_multiplier", kernel.simd, sizes), Part("held_in_slices", kernel.simd, {"bits": inside})
        short, long = (a, b) if sizes["a"] < sizes["b"] else (b, a)
        sizes = {"bits": long.bits, "signed": int(long.signed), "rows": short.bits, "gated": short.bits}
        return (Part("rows", kernel.simd, {**sizes, "negative": int(short.signed), "addend": 0, "width": bits}),)


def _signed_bits(x: TensorType) -> int:
    return signed_holding(min(x.lo), max(x.hi)).bits
