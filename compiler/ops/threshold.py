"""threshold: base[c] + step[c] * (how many of the channel's thresholds x reaches)."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Self

import numpy as np

from ..ir import Array, Int64, Op, TensorType
from .accumulate import same_labels
from .exact import integers


@dataclass(frozen=True, eq=False, repr=False)
class Threshold(Op, name="threshold"):
    """thresholds: (channels, levels), ascending along levels. base: (channels,). step: (channels,), +1 or -1."""

    thresholds: Int64
    base: Int64
    step: Int64
    scale: Fraction | None = None

    def infer(self, x: TensorType) -> TensorType:
        low = self._count(x.lo_array[None])[0] * self.step + self.base
        high = self._count(x.hi_array[None])[0] * self.step + self.base
        return TensorType.integer(x.shape, np.minimum(low, high), np.maximum(low, high), self.scale)

    def run(self, x: Array) -> Array:
        return self.base + self.step * self._count(integers(x))

    def _count(self, x: Array) -> Int64:
        result = np.empty(x.shape, np.int64)
        for channel, row in enumerate(self.thresholds):
            result[..., channel] = np.searchsorted(row, x[..., channel], side="right")
        return result

    def couplings(self, x: TensorType) -> tuple[tuple[Int64, ...], Int64]:
        return same_labels(x.channels)

    def keep(self, ins: tuple[Int64, ...], out: Int64) -> Self:
        return type(self)(self.thresholds[out], self.base[out], self.step[out], self.scale)
