"""maximum: the larger of a and b, element by element; both have one scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..ir import Int64, Kernel, Parts, TensorType
from .pairwise import Pairwise, common_bits, larger


@dataclass(frozen=True, eq=False, repr=False)
class Maximum(Pairwise, name="maximum"):
    function = np.maximum
    takes_mask = True

    def limits(self, a: TensorType, b: TensorType) -> tuple[Int64, Int64]:
        return np.maximum(a.lo_array, b.lo_array), np.maximum(a.hi_array, b.hi_array)

    def operand_bits(self, a: TensorType, b: TensorType) -> tuple[int, int]:
        return (common_bits(a, b),) * 2

    def operators(self, kernel: Kernel, a: TensorType, b: TensorType) -> Parts:
        return larger(kernel, a, b, self.infer(a, b))
