"""The rounding modes once more, by their definitions."""

from __future__ import annotations

from fractions import Fraction


def rounded(mode: str, v: Fraction) -> int:
    """By the definition of each mode: among the integers next to v, the nearest or the one on the right side."""
    below = v.numerator // v.denominator
    if v == below:
        return below
    pair = [below, below + 1]
    towards = {"floor": pair[0], "ceil": pair[1], "down": min(pair, key=abs), "up": max(pair, key=abs)}
    if mode in towards:
        return towards[mode]
    nearest = sorted(pair, key=lambda k: abs(k - v))
    if abs(nearest[0] - v) != abs(nearest[1] - v):
        return nearest[0]
    even = next(k for k in pair if k % 2 == 0)
    ties = {"half_up": max(pair), "half_even": even, "half_away": max(pair, key=abs), "half_zero": min(pair, key=abs)}
    return ties[mode]
