"""One channel of a requantiser as what it is on its reachable range: a staircase with finitely many steps."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

from ..ops import Requantise
from ..ops.rounding import boundary


@dataclass(frozen=True)
class Staircase:
    """The function on [amin, amax], read from the side where it rises: at x for a rising one, at -x for a falling one.

    low, high: its values at the two ends of the mirrored range. steps: for k in low+1..high, the least mirrored input
    that gives at least k.
    """

    falling: bool
    amin: int
    amax: int
    low: int
    high: int
    steps: tuple[int, ...]

    @staticmethod
    def of_row(values: list[int], amin: int, direction: int) -> Staircase:
        """A monotone function as its values on amin, amin + 1, …"""
        rising = values if direction > 0 else values[::-1]
        first = amin if direction > 0 else -(amin + len(values) - 1)
        steps = [first + bisect_left(rising, k) for k in range(rising[0] + 1, rising[-1] + 1)]
        return Staircase(direction < 0, amin, amin + len(values) - 1, rising[0], rising[-1], tuple(steps))

    @property
    def first(self) -> int:
        """The low end of the mirrored range."""
        return -self.amax if self.falling else self.amin

    @property
    def last(self) -> int:
        return -self.amin if self.falling else self.amax

    @property
    def at_amin(self) -> int:
        return self.high if self.falling else self.low

    @property
    def thresholds(self) -> list[int]:
        """Ascending inputs at which the function takes a step, up or down."""
        return [1 - t for t in reversed(self.steps)] if self.falling else list(self.steps)

    def decisive(self) -> list[int]:
        """The inputs at which equality proves equality everywhere."""
        sides = {t for step in self.thresholds for t in (step, step - 1)}
        return sorted({self.amin, self.amax} | sides)


def staircase(op: Requantise, channel: int, amin: int, amax: int) -> Staircase:
    """Exact, in integers."""
    slope, offset = op.slope[channel], op.offset[channel]
    falling = slope < 0
    first, last = (amax, amin) if falling else (amin, amax)
    low, high = op.at(channel, first), op.at(channel, last)
    p, q = abs(slope.numerator), slope.denominator
    steps = []
    for k in range(low + 1, high + 1):
        least, closed = boundary(op.rounding, k + op.zero)
        gap = least - offset  # x * p/q >= gap, or > gap
        top, bottom = gap.numerator * q, gap.denominator * p
        steps.append(-(-top // bottom) if closed else top // bottom + 1)
    return Staircase(falling, amin, amax, low, high, tuple(steps))
