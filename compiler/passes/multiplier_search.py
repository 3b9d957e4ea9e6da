"""The smallest exact multiply-and-shift for a requantiser, if there is one.

With T_k the least input that gives k, clip((x*m + r) >> n) is right on a channel iff for every step k

    m*T_k + r >= k * 2^n      and      m*(T_k - 1) + r <= k * 2^n - 1

where the step below the lowest value and the one above the highest count only where the clip does not take care.
For given n and m the addends r are an interval. Eliminating r leaves an interval of multipliers for every n, found
from the tightest pair of steps at every distance. Feasible at n implies feasible at n + 1 (twice m, twice r).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

import numpy as np

from ..ir import Int64, as_integers
from ..ops import MulShift, Requantise, Shift
from .staircase import Staircase

MOST_SHIFT = 30
MOST_PAIRED = 512
ROOM = 1 << 62
Range = tuple[int, int]


@dataclass(frozen=True)
class _Channel:
    """What the multiplier of one channel must meet: (k, x) with m*x + r >= k<<n, and (k, x) with m*x + r < k<<n."""

    slope: Fraction
    falling: bool
    reach: tuple[tuple[int, int], ...]
    below: tuple[tuple[int, int], ...]
    biggest: int

    @staticmethod
    def of(op: Requantise, channel: int, stair: Staircase) -> _Channel:
        inner = list(enumerate(stair.steps, stair.low + 1))
        reach, below = list(inner), [(k, t - 1) for k, t in inner]
        if stair.low > op.least:
            reach.insert(0, (stair.low, stair.first))
        if stair.high < op.most:
            below.append((stair.high + 1, stair.last))
        biggest = max(abs(stair.amin), abs(stair.amax))
        return _Channel(abs(op.slope[channel]), stair.falling, tuple(reach), tuple(below), biggest)

    @cached_property
    def tightest(self) -> tuple[Int64, Int64]:
        """Distances d in k, and the least distance in x of two points that far apart: m * gap >= d * 2^n + 1.

        For m >= 0 the least gap implies all others, of either sign; at gap 0 the condition always holds (d < 0).
        """
        (k_reach, x_reach), (k_below, x_below) = (np.array(v, dtype=np.int64).T for v in (self.reach, self.below))
        distance, gap = (k_reach[:, None] - k_below).ravel(), (x_reach[:, None] - x_below).ravel()
        first = distance.min()
        least = np.full(distance.max() - first + 1, np.iinfo(np.int64).max)
        np.minimum.at(least, distance - first, gap)
        return np.arange(first, first + len(least)), least

    def multipliers(self, shift: int) -> Range | None:
        """The interval of magnitudes m >= 0 for which an addend exists."""
        if not self.reach or not self.below:
            return 0, ROOM
        if len(self.reach) > MOST_PAIRED:
            return self._near_slope(shift)
        distance, gap = self.tightest
        need = (distance << shift) + 1
        rising, falling = gap > 0, gap < 0
        lo = int((-(-need[rising] // gap[rising])).max(initial=0))
        hi = int((-need[falling] // -gap[falling]).min(initial=ROOM))
        return (lo, hi) if lo <= hi else None

    def _near_slope(self, shift: int) -> Range | None:
        """Where there are too many steps to compare in pairs: only the two multipliers next to the slope."""
        near = int(self.slope * (1 << shift))
        return next(((m, m) for m in (near, near + 1) if self.addends(m, shift) is not None), None)

    def addends(self, multiplier: int, shift: int) -> Range | None:
        """The interval of addends for one multiplier; an end that nothing bounds meets the other."""
        lows = [(k << shift) - multiplier * x for k, x in self.reach]
        highs = [(k << shift) - 1 - multiplier * x for k, x in self.below]
        if not lows and not highs:
            return 0, 0
        lo = max(lows) if lows else min(highs)
        hi = min(highs) if highs else lo
        return (lo, hi) if lo <= hi else None


def mul_shift_form(op: Requantise, stairs: list[Staircase]) -> MulShift | None:
    """The form with the least shift, hence the fewest multiplier bits; None where no multiplier is exact."""
    channels = [_Channel.of(op, channel, stair) for channel, stair in enumerate(stairs)]
    shift = _least_shift(lambda n: all(c.multipliers(n) is not None for c in channels))
    if shift is None:
        return None
    ranges = [c.multipliers(shift) or (0, 0) for c in channels]
    widest = max(lo.bit_length() for lo, _ in ranges)
    multipliers = [_roundest(lo, min(hi, (1 << widest) - 1)) for lo, hi in ranges]
    addends = [c.addends(m, shift) for c, m in zip(channels, multipliers, strict=True)]
    if any(r is None for r in addends):
        return None
    chosen = [_roundest(*r) for r in addends if r is not None]
    for c, m, r in zip(channels, multipliers, chosen, strict=True):
        if c.biggest * m + abs(r) >= ROOM:
            return None
    signed = [-m if c.falling else m for c, m in zip(channels, multipliers, strict=True)]
    return MulShift(as_integers(signed), as_integers(chosen), shift, op.least, op.most, op.scale)


def shift_form(op: Requantise, stairs: list[Staircase]) -> Shift | None:
    """The form without a multiplier, if one shift serves all channels."""
    if any(stair.falling and stair.steps for stair in stairs):
        return None
    # a falling channel that never takes a step is a constant, which rises as well
    rising = [_Channel.of(op, channel, replace(stair, falling=False)) for channel, stair in enumerate(stairs)]
    for shift in range(MOST_SHIFT + 1):
        addends = [c.addends(1, shift) for c in rising]
        if all(r is not None for r in addends):
            chosen = [_roundest(*r) for r in addends if r is not None]
            if any(c.biggest + abs(r) >= ROOM for c, r in zip(rising, chosen, strict=True)):
                return None
            return Shift(as_integers(chosen), shift, op.least, op.most, op.scale)
    return None


def _least_shift(feasible: Callable[[int], bool]) -> int | None:
    """The least shift that is feasible; feasibility never ends once it has begun."""
    if not feasible(MOST_SHIFT):
        return None
    lo, hi = 0, MOST_SHIFT
    while lo < hi:
        middle = (lo + hi) // 2
        if feasible(middle):
            hi = middle
        else:
            lo = middle + 1
    return lo


def _roundest(lo: int, hi: int) -> int:
    """The number in lo..hi with the most trailing zero bits: the cheapest constant to multiply by or to add."""
    if lo <= 0 <= hi:
        return 0
    if hi < 0:
        return -_roundest(-hi, -lo)
    for zeros in range(hi.bit_length(), -1, -1):
        candidate = (hi >> zeros) << zeros
        if candidate >= lo:
            return candidate
    return lo
