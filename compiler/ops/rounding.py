"""The rounding modes, exactly: ours, `half_up`, and those that imported networks bring (named as QONNX has them).

    half_up    floor(v + 1/2), AP_RND                    floor       AP_TRN
    half_even  ties to the even number, AP_RND_CONV      ceil
    half_away  ties away from 0, AP_RND_INF              down        towards 0, AP_TRN_ZERO
    half_zero  ties towards 0, AP_RND_ZERO               up          away from 0

Each is increasing, so it is told by the least v that gives k or more, for every k: `boundary`.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import ceil, floor
from typing import Any

import numpy as np

from ..ir import Array

HALF = Fraction(1, 2)

_TIE_GOES_UP: dict[str, Callable[[int], bool]] = {
    "half_up": lambda k: True,
    "half_even": lambda k: k % 2 == 0,
    "half_away": lambda k: k >= 1,
    "half_zero": lambda k: k <= 0,
}

_WHOLE: dict[str, Callable[[int], bool]] = {  # does k take v >= k, or else v > k - 1?
    "floor": lambda k: True,
    "ceil": lambda k: False,
    "down": lambda k: k >= 1,
    "up": lambda k: k <= 0,
}

ROUNDINGS = (*_TIE_GOES_UP, *_WHOLE)


def boundary(rounding: str, k: int) -> tuple[Fraction, bool]:
    """(v, closed): the numbers that round to k or more are those >= v where closed, else those > v."""
    if rounding in _WHOLE:
        return (Fraction(k), True) if _WHOLE[rounding](k) else (Fraction(k - 1), False)
    return k - HALF, _TIE_GOES_UP[rounding](k)


def rounded(rounding: str, v: Fraction) -> int:
    """v as an integer."""
    if rounding in _WHOLE:
        below, above = floor(v), ceil(v)
        return above if below != above and not _WHOLE[rounding](above) else below
    k = floor(v + HALF)
    return k if v != k - HALF or _TIE_GOES_UP[rounding](k) else k - 1


def between(rounding: str, v: Array) -> Array:
    """Where a number that is no tie and no integer goes, if v is it, in floats: equal at both ends of a range, it is
    where all numbers inside of the range go.
    """
    if rounding not in _WHOLE:
        return np.floor(v + 0.5)
    below = np.floor(v)
    stays: Any = {"floor": True, "ceil": False, "down": below >= 0, "up": below < 0}[rounding]
    return np.where(stays, below, below + 1)


_ABOVE: dict[str, Callable[[Any], Any]] = {  # of the number above: does what rounds at all, or a tie, go there?
    "half_up": lambda above: True,
    "half_even": lambda above: above % 2 == 0,
    "half_away": lambda above: above >= 1,
    "half_zero": lambda above: above <= 0,
    "floor": lambda above: False,
    "ceil": lambda above: True,
    "down": lambda above: above <= 0,
    "up": lambda above: above > 0,
}


def rounds_up(rounding: str, below: Array, remainder: Array, divisor: Any) -> Array:
    """Of the numbers below + remainder / divisor, 0 <= remainder < divisor: which round to below + 1. Integers."""
    goes = _ABOVE[rounding](below + 1)
    if rounding in _WHOLE:
        return np.asarray((remainder > 0) & goes)
    twice = 2 * remainder
    return np.asarray(twice >= divisor) if goes is True else (twice > divisor) | ((twice == divisor) & goes)
