"""requantise: clip(round(x * slope[c] + offset[c])) - zero, in exact rational arithmetic.

`lower` leaves this one operator wherever float scales, BatchNorms and activation functions stood between two integer
tensors. It is never built: `compile` replaces it by threshold, mul_shift or shift, whichever is cheapest and proven
equal on the whole reachable range.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
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
from .rounding import rounded, rounds_up
from .staircase_executor import staircase_executor


@dataclass(frozen=True, eq=False, repr=False)
class Requantise(Op, name="requantise"):
    """slope, offset: (channels,) of Fraction. lo, hi: the clip. scale: the real value of one output step.

    rounding: a mode of `ops.rounding`. zero: the code that stands for 0; it is taken off in the end.
    """

    slope: npt.NDArray[Any]
    offset: npt.NDArray[Any]
    lo: int
    hi: int
    scale: Fraction | None = None
    rounding: str = "half_up"
    zero: int = 0

    @property
    def least(self) -> int:
        """The least value that the clip allows."""
        return self.lo - self.zero

    @property
    def most(self) -> int:
        """The largest one."""
        return self.hi - self.zero

    def infer(self, x: TensorType) -> TensorType:
        if x.channels != len(self.slope):
            raise IntaglioError(f"requantise has {len(self.slope)} slopes for {x.channels} channels")
        ends = [sorted((self.at(c, a), self.at(c, b))) for c, (a, b) in enumerate(zip(x.lo, x.hi, strict=True))]
        return TensorType.integer(x.shape, [e[0] for e in ends], [e[1] for e in ends], self.scale)

    def at(self, channel: int, value: int) -> int:
        """The function of one channel at one integer."""
        code = rounded(self.rounding, value * self.slope[channel] + self.offset[channel])
        return max(self.lo, min(self.hi, code)) - self.zero

    def run(self, x: Array) -> Array:
        # floor and remainder over one common denominator: x*p/q + r/s = (x*multiplier + addend) / denominator
        denominator = [lcm(a.denominator, b.denominator) for a, b in zip(self.slope, self.offset, strict=True)]
        multiplier = [int(a * d) for a, d in zip(self.slope, denominator, strict=True)]
        addend = [int(b * d) for b, d in zip(self.offset, denominator, strict=True)]
        biggest = max(abs(m) * magnitude_of(x) + abs(a) for m, a in zip(multiplier, addend, strict=True))
        dtype: type = np.int64 if max(biggest, *(2 * d for d in denominator), 1) < 1 << 62 else object
        divisor: Array = np.array(denominator, dtype)
        total: Array = integers(x).astype(dtype) * np.array(multiplier, dtype) + np.array(addend, dtype)
        below = total // divisor
        code = below + rounds_up(self.rounding, below, total - below * divisor, divisor)
        return np.clip(code, self.lo, self.hi).astype(np.int64) - self.zero

    def executor(self, x: TensorType) -> Executor:
        return staircase_executor(self.run, x)

    def couplings(self, x: TensorType) -> tuple[tuple[Int64, ...], Int64]:
        return same_labels(x.channels)

    def keep(self, ins: tuple[Int64, ...], out: Int64) -> Self:
        return replace(self, slope=self.slope[out], offset=self.offset[out])

    def kernels(self, x: TensorType) -> Iterator[Kernel]:
        raise IntaglioError(
            "requantise is not hardware: compile chooses threshold, mul_shift or shift for it first",
            hint="run the pass that chooses requantisers before scheduling",
        )
