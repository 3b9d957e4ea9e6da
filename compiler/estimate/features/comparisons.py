"""Comparisons: of two numbers, with constants, and the larger of two numbers.

Yosys cuts a comparison into pieces that a LUT of six inputs takes: three bits of two numbers, or six where one of them
is constant. More than two pieces become a carry chain with two LUTs for each piece (is one larger, are both equal); up
to two are logic, and melt into what stands behind them.
"""

from __future__ import annotations

from math import ceil

from .common import LUT_INPUTS, Features, Make, Sizes

SHORT_LUTS = (0, 1, 1, 1, 3, 5, 5)
"""Of comparisons of two numbers of 0, 1, … bits that are logic, as measured."""

SHORT_CHOICES = (0.0, 0.0, 0.0, 0.0, 3.5, 3.5, 4.0)
"""The same where the larger number is wanted: LUTs besides one for each of its bits."""

SHORT_PLACES = (0.0, 1.0, 1.0, 1.0, 4.5, 4.5, 5.0)
"""The same where other bits go along with it."""


def comparator_luts(bits: int) -> int:
    """Of two numbers of so many bits. A last piece of one bit saves the second LUT."""
    if bits < len(SHORT_LUTS):
        return SHORT_LUTS[bits]
    return 2 * ceil(bits / 3) - (bits % 3 == 1)


FEW_CHOICES, MANY_CHOICES = 3.0, 3.75
"""LUTs besides one for each chosen bit, of numbers of three bits and of more, of which one may have more bits than the
other: what 140 synthesised ones have on average. One of fewer bits is a part of what chooses a bit.
"""


def beside_choices(bits: int, inputs: int) -> float:
    """LUTs of a comparison that is logic, of numbers of so many bits and `inputs` with those that one has more."""
    if inputs <= LUT_INPUTS:
        return 0.0
    if bits > 2:
        return FEW_CHOICES if bits == 3 else MANY_CHOICES
    return ceil((inputs - LUT_INPUTS) / 3)


def _comparator(s: Sizes) -> Features:
    """Of two numbers of `bits`; or of a carry chain whose `luts` are counted, or beside choices of its own."""
    if "luts" in s:
        return {"luts": s["luts"]}
    return {"luts": beside_choices(s["bits"], s["inputs"]) if "inputs" in s else comparator_luts(s["bits"])}


LATE_BITS = 5
"""From here on, logic that has to be fast is larger: of two numbers of fewer bits it is as small as it is."""


def _choice(s: Sizes) -> Features:
    """The larger of two numbers, less bits that nobody wants, with bits to go along with it.

    late: one of them comes out of a block RAM, at the end of a cycle; Yosys then makes logic fast rather than small.
    first: nothing is held yet, so that the other one is taken. Numbers that a LUT takes, it does not take with that.
    """
    bits, along = s["bits"], s["along"]
    short = SHORT_PLACES if along else SHORT_CHOICES
    logic = bits < len(short)
    luts = short[bits] if logic else comparator_luts(bits)
    luts += 2 * bits == LUT_INPUTS and s.get("first", 0)
    late = s.get("late", 0) * (logic and bits >= LATE_BITS)
    return {"luts": luts + bits - s.get("fewer", 0) + along, "late": late}


def constant_luts(bits: int) -> int:
    """Of a number with a constant."""
    if bits <= 2 * LUT_INPUTS:
        return max(bits > 0, ceil((bits - 1) / (LUT_INPUTS - 1)))
    return 2 * ceil(bits / LUT_INPUTS)


def _constant_comparators(s: Sizes) -> Features:
    """Logic, no carry chains: what each size of them takes was measured."""
    return {"luts": sum(share * s[name] for name, share in LOGIC_SHARES.items())}


LOGIC_SHARES = {"levels": 0.38, "high": 0.61, "low": 0.76, "beyond": 0.24, "lanes": -0.31}
"""LUTs of comparisons of 7 to 12 bits with 1 to 93 constants: for each constant, each different upper piece, each
different lower one, and each bit that a constant needs beyond a LUT's inputs, less what melts into a lane's result;
least squares over 26 synthesised ones.
"""


FEATURES: dict[str, Make] = {
    "comparator": _comparator,
    "choice": _choice,
    "constant_comparator": lambda s: {"luts": constant_luts(s["bits"])},
    "chain_comparators": lambda s: {"luts": s["luts"]},
    "short_comparators": lambda s: {"luts": s["luts"]},
    "constant_comparators": _constant_comparators,
    "parity": lambda s: {"luts": s["luts"]},
}
