"""maximum: the larger of a and b, element by element; both have one scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..ir import Int64, TensorType
from .larger import Larger


@dataclass(frozen=True, eq=False, repr=False)
class Maximum(Larger, name="maximum"):
    function = np.maximum
    greater = 0

    def limits(self, a: TensorType, b: TensorType) -> tuple[Int64, Int64]:
        return np.maximum(a.lo_array, b.lo_array), np.maximum(a.hi_array, b.hi_array)
