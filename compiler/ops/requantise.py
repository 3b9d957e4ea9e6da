"""requantise: clip(floor(x * slope[c] + offset[c] + 1/2)), in exact rational arithmetic.

`lower` leaves this one operator wherever float scales, BatchNorms and activation functions stood between two integer
tensors. It is never built: `compile` replaces it by threshold, mul_shift or shift, whichever is cheapest and proven
equal on the whole reachable range.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ..errors import IntaglioError
from ..ir import Array, Int64, Kernel, Op, TensorType
from .accumulate import same_labels
from .exact import integers, magnitude_of
from .executors import Executor
from .staircase_executor import staircase_executor


@dataclass(frozen=True, eq=False, repr=False)
class Requantise(Op, name="requantise"):
    """slope, offset: (channels,) of Fraction. lo, hi: the clip. scale: the real value of one output step."""

    slope: npt.NDArray[Any]
    offset: npt.NDArray[Any]
    lo: int
    hi: int
    scale: Fraction | None = None

    def infer(self, x: TensorType) -> TensorType:
        if x.channels != len(self.slope):
            raise IntaglioError(f"requantise has {len(self.slope)} slopes for {x.channels} channels")
        ends = [sorted((self.at(c, a), self.at(c, b))) for c, (a, b) in enumerate(zip(x.lo, x.hi, strict=True))]
        return TensorType.integer(x.shape, [e[0] for e in ends], [e[1] for e in ends], self.scale)

    def at(self, channel: int, value: int) -> int:
        """The function of one channel at one integer."""
        exact = value * self.slope[channel] + self.offset[channel] + Fraction(1, 2)
        return max(self.lo, min(self.hi, exact.numerator // exact.denominator))

    def thresholds(self, channel: int) -> list[int]:
        """For a channel of positive slope: for each k in lo+1..hi, the least integer x that gives at least k."""
        slope, offset = self.slope[channel], self.offset[channel]
        exact = ((k - Fraction(1, 2) - offset) / slope for k in range(self.lo + 1, self.hi + 1))
        return [-((-t.numerator) // t.denominator) for t in exact]

    def run(self, x: Array) -> Array:
        # floor(x*p/q + 1/2 + r/s) over one common denominator: (x*multiplier + addend) // denominator
        halves = self.offset + Fraction(1, 2)
        denominator = [lcm(a.denominator, b.denominator) for a, b in zip(self.slope, halves, strict=True)]
        multiplier = [int(a * d) for a, d in zip(self.slope, denominator, strict=True)]
        addend = [int(b * d) for b, d in zip(halves, denominator, strict=True)]
        biggest = max(abs(m) * magnitude_of(x) + abs(a) for m, a in zip(multiplier, addend, strict=True))
        dtype: type = np.int64 if max(biggest, *denominator, 1) < 1 << 62 else object
        wide: Array = integers(x).astype(dtype)
        quotient = (wide * np.array(multiplier, dtype) + np.array(addend, dtype)) // np.array(denominator, dtype)
        return np.clip(quotient, self.lo, self.hi).astype(np.int64)

    def executor(self, x: TensorType) -> Executor:
        return staircase_executor(self.run, x)

    def couplings(self, x: TensorType) -> tuple[tuple[Int64, ...], Int64]:
        return same_labels(x.channels)

    def keep(self, ins: tuple[Int64, ...], out: Int64) -> Self:
        return type(self)(self.slope[out], self.offset[out], self.lo, self.hi, self.scale)

    def kernels(self, x: TensorType) -> Iterator[Kernel]:
        raise IntaglioError(
            "requantise is not hardware: compile chooses threshold, mul_shift or shift for it first",
            hint="run the pass that chooses requantisers before scheduling",
        )
