"""Comparisons: of two numbers, with constants, and the larger of two numbers.

Yosys cuts a comparison into pieces that a LUT of six inputs takes: three bits of two numbers, or six where one of them
is constant. More than two pieces become a carry chain with two LUTs for each piece (is one larger, are both equal); up
to two are logic, and melt into what stands behind them.
"""

from __future__ import annotations

from math import ceil

from .common import Features, Make, Sizes

LUT_INPUTS = 6

SHORT_LUTS = (0, 1, 1, 1, 3, 5, 5)
"""Of comparisons of two numbers of 0, 1, … bits that are logic, as measured."""

SHORT_CHOICES = (0.0, 0.0, 0.0, 0.0, 3.0, 3.25, 4.0)
"""The same where nothing but the larger number is wanted: LUTs besides one for each of its bits."""


def comparator_luts(bits: int) -> int:
    """Of two numbers of so many bits. A last piece of one bit saves the second LUT."""
    if bits < len(SHORT_LUTS):
        return SHORT_LUTS[bits]
    return 2 * ceil(bits / 3) - (bits % 3 == 1)


def _choice(s: Sizes) -> Features:
    """The larger of two numbers, less bits that nobody wants, with bits to go along with it."""
    bits = s["bits"]
    luts = SHORT_CHOICES[bits] if bits < len(SHORT_CHOICES) and not s["along"] else comparator_luts(bits)
    return {"luts": luts + bits - s.get("fewer", 0) + s["along"]}


def constant_luts(bits: int) -> int:
    """Of a number with a constant."""
    if bits <= 2 * LUT_INPUTS:
        return max(bits > 0, ceil((bits - 1) / (LUT_INPUTS - 1)))
    return 2 * ceil(bits / LUT_INPUTS)


FEATURES: dict[str, Make] = {
    "comparator": lambda s: {"luts": comparator_luts(s["bits"])},
    "choice": _choice,
    "constant_comparator": lambda s: {"luts": constant_luts(s["bits"])},
    "chain_comparators": lambda s: {"pieces": s["pieces"]},
    "short_comparators": lambda s: s,
    "constant_comparators": lambda s: s,
    "parity": lambda s: {"luts": s["luts"]},
}
