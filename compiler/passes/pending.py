"""What `lower` knows of a source tensor: an integer tensor, and the exact real function of it that is still to come."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import gcd, lcm
from typing import Any

from ..ir import TensorType
from ..ops.functions import FUNCTIONS

ZERO, ONE = Fraction(0), Fraction(1)
Fractions = tuple[Fraction, ...]
Ends = tuple[Fraction | None, ...]


def exact(value: Any) -> Fraction:
    """A constant as the number that it is."""
    return value if isinstance(value, Fraction) else Fraction(value.item() if hasattr(value, "item") else value)


def unit_of(values: Sequence[Fraction]) -> Fraction:
    """The largest number of which all of these are multiples; 1 if all are 0."""
    some = [v for v in values if v]
    if not some:
        return ONE
    denominator = lcm(*(v.denominator for v in some))
    return Fraction(gcd(*(v.numerator * (denominator // v.denominator) for v in some)), denominator)


def short(values: Iterable[Fraction]) -> Fractions:
    """One number where all are equal."""
    found = tuple(values)
    return found[:1] if len(set(found)) == 1 else found


@dataclass(frozen=True)
class Step:
    """One function of a chain that is no clipped affine map: of `ops.functions`, or `affine` (multiplier, shift).

    parameters: one tuple for all channels, or one each.
    """

    function: str
    parameters: tuple[Fractions, ...]

    def of(self, channel: int) -> Fractions:
        return self.parameters[channel if len(self.parameters) > 1 else 0]

    def at(self, channel: int, x: Fraction) -> Fraction:
        mine = self.of(channel)
        return mine[0] * x + mine[1] if self.function == "affine" else FUNCTIONS[self.function].exact(x, *mine)

    def direction(self, channel: int) -> int:
        """+1: never falls; -1: never rises; 0: neither is known."""
        mine = self.of(channel)
        if self.function == "affine":
            return -1 if mine[0] < 0 else 1
        return 1 if FUNCTIONS[self.function].increasing(mine) else 0

    def take(self, channels: Sequence[int]) -> Step:
        return self if len(self.parameters) == 1 else replace(self, parameters=tuple(self.of(c) for c in channels))


@dataclass(frozen=True)
class Pending:
    """real value = steps(clip(tensor * slope[c] + offset[c], lo[c], hi[c])).

    owned: nothing but the one reader of this value ever sees the integer tensor, so its maker may still change sign.
    raw: the tensor is an input that no quantiser has met yet.
    """

    tensor: str
    slope: Fractions
    offset: Fractions
    lo: Ends = ()
    hi: Ends = ()
    steps: tuple[Step, ...] = ()
    owned: bool = False
    raw: bool = False

    def __post_init__(self) -> None:
        for end in ("lo", "hi"):
            if not getattr(self, end):
                object.__setattr__(self, end, (None,) * len(self.slope))

    @staticmethod
    def codes(tensor: str, channels: int, scale: Fraction | Sequence[Fraction]) -> Pending:
        """Integers that stand for multiples of a scale, one for all channels or one each."""
        slope = (scale,) * channels if isinstance(scale, Fraction) else tuple(scale)
        return Pending(tensor, slope * (channels // len(slope)), (ZERO,) * channels)

    @property
    def channels(self) -> int:
        return len(self.slope)

    @property
    def scale(self) -> Fraction | None:
        """The one scale of all channels, where nothing else is pending."""
        return self.slope[0] if self.plain and len(set(self.slope)) == 1 else None

    @property
    def plain(self) -> bool:
        """Are the integers multiples of a scale, one for each channel, and that is all?"""
        return not (self.biased or self.clipped or self.steps or self.raw)

    @property
    def clipped(self) -> bool:
        return any(v is not None for v in (*self.lo, *self.hi))

    @property
    def biased(self) -> bool:
        return any(self.offset)

    @property
    def uniform(self) -> bool:
        """Is it the same function on every channel?"""
        same = {*zip(self.slope, self.offset, self.lo, self.hi, strict=True)}
        return len(same) == 1 and all(len(step.parameters) == 1 for step in self.steps)

    def at(self, channel: int, value: int) -> Fraction:
        """The real value that an integer of a channel stands for."""
        x = self.slope[channel] * value + self.offset[channel]
        lo, hi = self.lo[channel], self.hi[channel]
        x = x if lo is None else max(x, lo)
        x = x if hi is None else min(x, hi)
        for step in self.steps:
            x = step.at(channel, x)
        return x

    def direction(self, channel: int) -> int:
        """+1: never falls; -1: never rises; 0: neither is known."""
        result = -1 if self.slope[channel] < 0 else 1
        for step in self.steps:
            result *= step.direction(channel)
        return result

    # -- what comes next -------------------------------------------------------------------------------------------
    def affine(self, multiplier: Sequence[Fraction], shift: Sequence[Fraction]) -> Pending:
        if self.steps:
            return self.then(Step("affine", tuple(zip(multiplier, shift, strict=True))))
        pairs = list(zip(multiplier, shift, strict=True))
        slope = tuple(a * m for a, (m, _) in zip(self.slope, pairs, strict=True))
        offset = tuple(b * m + s for b, (m, s) in zip(self.offset, pairs, strict=True))
        ends = [
            tuple(None if v is None or not m else v * m + s for v, (m, s) in zip(end, pairs, strict=True))
            for end in (self.lo, self.hi)
        ]
        falls = [m < 0 for m, _ in pairs]
        lo = tuple(h if fall else low for low, h, fall in zip(*ends, falls, strict=True))
        hi = tuple(low if fall else h for low, h, fall in zip(*ends, falls, strict=True))
        return replace(self, slope=slope, offset=offset, lo=lo, hi=hi)

    def clip(self, lo: Ends, hi: Ends, kind: TensorType | None = None) -> Pending:
        """Clipped further, one pair of ends for each channel. kind: bounds that may say that it changes nothing."""
        if self.steps:
            result = self
            for function, ends in (("at_least", lo), ("at_most", hi)):
                rows = tuple((v,) for v in ends if v is not None)
                if rows:
                    assert len(rows) == self.channels, "all channels have this end, or none"
                    result = result.then(Step(function, rows if len(set(rows)) > 1 else rows[:1]))
            return result
        lows, highs = list(self.lo), list(self.hi)
        for c, (low, high) in enumerate(zip(lo, hi, strict=True)):
            ends = None if kind is None else sorted(self.at(c, v) for v in (kind.lo[c], kind.hi[c]))
            if low is not None and (ends is None or ends[0] < low):
                lows[c] = low if lows[c] is None else max(low, lows[c])  # type: ignore[type-var]
                if highs[c] is not None:
                    highs[c] = max(low, highs[c])  # type: ignore[type-var]
            if high is not None and (ends is None or ends[1] > high):
                highs[c] = high if highs[c] is None else min(high, highs[c])  # type: ignore[type-var]
                if lows[c] is not None:
                    lows[c] = min(high, lows[c])  # type: ignore[type-var]
        return replace(self, lo=tuple(lows), hi=tuple(highs))

    def then(self, step: Step) -> Pending:
        return replace(self, steps=(*self.steps, step))

    def on(self, tensor: str, channels: Sequence[int] | None = None) -> Pending:
        """The same function of another tensor, whose channel c is this one's channels[c]."""
        if channels is None:
            return replace(self, tensor=tensor)
        pick = {name: tuple(getattr(self, name)[c] for c in channels) for name in ("slope", "offset", "lo", "hi")}
        return replace(self, tensor=tensor, steps=tuple(s.take(channels) for s in self.steps), **pick)
