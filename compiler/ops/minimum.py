"""minimum: the smaller of a and b, element by element; both have one scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..ir import Int64, TensorType
from .larger import Larger


@dataclass(frozen=True, eq=False, repr=False)
class Minimum(Larger, name="minimum"):
    function = np.minimum
    greater = 1

    def limits(self, a: TensorType, b: TensorType) -> tuple[Int64, Int64]:
        return np.minimum(a.lo_array, b.lo_array), np.minimum(a.hi_array, b.hi_array)
