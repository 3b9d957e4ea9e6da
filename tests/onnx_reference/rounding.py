"""The rounding modes of QONNX on rationals, each written from its sentence; and how near a number is to a boundary."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import isqrt
from typing import Any

import numpy as np

HALF = Fraction(1, 2)


def floor(x: Fraction) -> int:
    return x.numerator // x.denominator


def ceil(x: Fraction) -> int:
    return -(-x.numerator // x.denominator)


def half_even(x: Fraction) -> int:
    return round(x)  # Python's own: to nearest, ties to even


def up(x: Fraction) -> int:
    return ceil(x) if x > 0 else floor(x)


def down(x: Fraction) -> int:
    return floor(x) if x > 0 else ceil(x)


def half_up(x: Fraction) -> int:
    """To nearest, ties away from zero."""
    return floor(x + HALF) if x > 0 else ceil(x - HALF)


def half_down(x: Fraction) -> int:
    """To nearest, ties towards zero."""
    return ceil(x - HALF) if x > 0 else floor(x + HALF)


ROUNDINGS: dict[str, Callable[[Fraction], int]] = {
    "ROUND": half_even,
    "HALF_EVEN": half_even,
    "HALF_UP": half_up,
    "HALF_DOWN": half_down,
    "CEIL": ceil,
    "FLOOR": floor,
    "UP": up,
    "DOWN": down,
    # the specification has it, as a synonym of DOWN, though qonnx 1.0's executor does not
    "ROUND_TO_ZERO": down,
}

TO_NEAREST = {"ROUND", "HALF_EVEN", "HALF_UP", "HALF_DOWN"}


def round_quotients(mode: str, numerators: Any, denominators: Any) -> Any:
    """Arrays of integers n, d > 0 (dtype object) -> round(n / d), by integer arithmetic alone.

    Written apart from the functions above, so that the two ways through the executor check each other.
    """
    n, d = np.broadcast_arrays(numerators, denominators)
    lower = n // d
    if mode == "FLOOR":
        return lower
    rest = n - lower * d
    negative = np.less(n, 0).astype(bool)
    above = np.greater(rest, 0).astype(bool)
    if mode == "CEIL":
        step = above
    elif mode in {"DOWN", "ROUND_TO_ZERO"}:
        step = above & negative
    elif mode == "UP":
        step = above & ~negative
    else:
        beyond = np.greater(2 * rest, d).astype(bool)
        tie = np.equal(2 * rest, d).astype(bool)
        odd = np.equal(lower % 2, 1).astype(bool)
        to_upper = {"ROUND": odd, "HALF_EVEN": odd, "HALF_UP": ~negative, "HALF_DOWN": negative}[mode]
        step = beyond | (tie & to_upper)
    return lower + step.astype(object) * 1


def distance_to_boundary(mode: str, x: Fraction) -> Fraction:
    """How far x is from the nearest number where this rounding steps."""
    if mode in TO_NEAREST:
        return abs(x - floor(x) - HALF)
    return abs(x - round(x))


def sqrt_float64(x: Fraction) -> Fraction:
    """The float64 nearest to the square root of x >= 0, ties to even; x is exact, and so is the rounding."""
    if x < 0:
        raise ValueError(f"the square root of {float(x)}")
    if x == 0:
        return Fraction(0)
    # root * 2^shift has at least 60 bits more than 53 need; the sticky bit keeps what isqrt drops
    shift = max(0, 120 - (x.numerator.bit_length() - x.denominator.bit_length()) // 2)
    scaled, dropped = divmod(x.numerator << (2 * shift), x.denominator)
    root = isqrt(scaled)
    sticky = int(dropped != 0 or root * root != scaled)
    return Fraction(float(Fraction(2 * root + sticky, 2 << shift)))
