"""shift: clip((x + addend[c]) >> shift): a requantiser whose slope is one power of two."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Self

import numpy as np

from ..ir import Array, Int64, Op, TensorType
from .accumulate import same_labels
from .exact import integers


@dataclass(frozen=True, eq=False, repr=False)
class Shift(Op, name="shift"):
    """addend: (channels,) integers. shift: one for all channels, to the right. lo, hi: the clip."""

    addend: Int64
    shift: int
    lo: int
    hi: int
    scale: Fraction | None = None

    def infer(self, x: TensorType) -> TensorType:
        low, high = (self.run(np.asarray(end)[None])[0] for end in (x.lo_array, x.hi_array))
        return TensorType.integer(x.shape, low, high, self.scale)

    def run(self, x: Array) -> Array:
        return np.clip((integers(x) + self.addend) >> self.shift, self.lo, self.hi)

    def couplings(self, x: TensorType) -> tuple[tuple[Int64, ...], Int64]:
        return same_labels(x.channels)

    def keep(self, ins: tuple[Int64, ...], out: Int64) -> Self:
        return type(self)(self.addend[out], self.shift, self.lo, self.hi, self.scale)
