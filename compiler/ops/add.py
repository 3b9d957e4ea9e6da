"""add: a + b, element by element; both have one scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..ir import Int64, Kernel, Parts, TensorType
from .pairwise import Pairwise, chain


@dataclass(frozen=True, eq=False, repr=False)
class Add(Pairwise, name="add"):
    function = np.add
    takes_choice = True

    def limits(self, a: TensorType, b: TensorType) -> tuple[Int64, Int64]:
        return a.lo_array + b.lo_array, a.hi_array + b.hi_array

    def operand_bits(self, a: TensorType, b: TensorType) -> tuple[int, int]:
        """Modulo 2^bits, which holds every sum."""
        return (self.infer(a, b).bits,) * 2

    def operators(self, kernel: Kernel, a: TensorType, b: TensorType) -> Parts:
        return chain(kernel, self.form(a, b), a, b, self.infer(a, b).bits)
