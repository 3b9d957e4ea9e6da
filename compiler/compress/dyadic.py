"""Dyadic numbers, m / 2^n: what multipliers and scales are snapped to."""

from __future__ import annotations

from math import floor, frexp, ldexp, log2


def with_mantissa(value: float, bits: int) -> float:
    """The nearest number whose mantissa has at most `bits` bits; 0 stays 0."""
    mantissa, exponent = frexp(value)
    return ldexp(floor(mantissa * (1 << bits) + 0.5), exponent - bits)


def smallest(value: float, tolerance: float, bits: int) -> float:
    """The number of the shortest mantissa that lies within a relative `tolerance`, or the best of `bits` bits."""
    for width in range(1, bits):
        snapped = with_mantissa(value, width)
        if abs(snapped - value) <= tolerance * abs(value):
            return snapped
    return with_mantissa(value, bits)


def power_of_two(value: float) -> float:
    """2^round(log2(value)), for a positive value."""
    return ldexp(1.0, floor(log2(value) + 0.5))


def power_below(value: float) -> float:
    """The largest power of two that is at most `value`."""
    return ldexp(1.0, frexp(value)[1] - 1)
