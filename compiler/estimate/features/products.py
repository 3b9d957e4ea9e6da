"""LUTs of products: of two numbers in registers, as measured, up to eight bits of the shorter one; or by a constant.

A rule of rows of gates and full adders (arithmetic.py) holds for long factors. Products of few bits are another matter:
Yosys restructures them, some bits become functions of six or seven inputs and others stay behind carry chains, so that
one bit more may double a product or leave it as it is.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

from .common import LUT_INPUTS

Key = tuple[str, int, int, int]
"""What it is, the bits of the shorter factor, whether it is signed, and whether the longer one is."""

PRODUCT, PRODUCT_AND_SUM = "product", "product_and_sum"
"""A product alone; or in one sum with a number of as many bits as the longer factor, of which a bit more costs next to
nothing.
"""


@cache
def _measured() -> dict[Key, dict[int, float]]:
    """LUTs by bits of the longer factor: from the fewest that it may have on without a gap, and of FAR bits.

    An unsigned factor has a sign besides, a 0, and counts as one bit longer; of two equally long ones, a * b has a as
    the longer one. `python -m intaglio.flow.measure_products` writes the table.
    """
    found: dict[Key, dict[int, float]] = {}
    with (files("intaglio.estimate") / TABLE).open(newline="") as file:
        for row in csv.DictReader(file):
            key = row["what"], int(row["short_bits"]), int(row["short_signed"]), int(row["long_signed"])
            found.setdefault(key, {})[int(row["long_bits"])] = float(row["luts"])
    return found


TABLE = "measured_products_xc7.csv"
"""Of Yosys 0.70."""

FAR = 16


def product_luts(short: int, short_signed: int, long: int, long_signed: int, *, added: bool = False) -> float | None:
    """Of factors of so many bits, in this order or the other, and a number added or not; None where nothing similar was
    measured. Between the last of the longer factors and FAR, and beyond, LUTs go on in a line.
    """
    what = PRODUCT_AND_SUM if added else PRODUCT
    for bits, signed, others, other_signed in (
        (short, short_signed, long, long_signed),
        (long, long_signed, short, short_signed),
    ):
        counts = _measured().get((what, bits, signed, other_signed), {})
        if counts and others >= min(counts):
            if others in counts:
                return counts[others]
            near = max(each for each in counts if each < FAR)
            return counts[FAR] + (others - FAR) * (counts[FAR] - counts[near]) / (FAR - near)
    return None


THREE_ROWS, MORE_ROWS = (2.2, 2.8), (1.3, 1.5)
"""LUTs of three rows of a product by a constant, and of each further one, for each bit of the number: where the
constant is positive, and where it is negative. What 140 synthesised ones of 4 to 22 bits have on average.
"""

NARROW, WIDE = 4, 12
"""Bits of a number whose further rows cost nothing, as a LUT takes it whole, and of one where they cost all."""


def constant_product_luts(rows: int, negative: int, bits: int, signed: int) -> float:
    """A number of so many bits, added to itself in as many places as a literal has ones, the last time negative or not.

    Two of them, of which each bit but the first meets another, and the constants that stand for their signs are full
    adders, two LUTs each; a third number takes the place of those constants.
    """
    if rows < 2:
        return 0.0
    if rows == 2:
        return 2 * (bits - 2 + signed) + negative * signed
    apart = min(max((bits - NARROW) / (WIDE - NARROW), 0.0), 1.0)
    return bits * (THREE_ROWS[negative] + (rows - 3) * MORE_ROWS[negative] * apart)


def rows_alone(rows: int, gated: int, bits: int, width: int, negative: int, signed: int) -> float | None:
    """Multiples of a number by powers of two, so many of them gated, the last one negative or not, and nothing else.
    None where they are rows of full adders.
    """
    if gated == rows:
        found = product_luts(rows, negative, bits, signed)
        return found if found is not None or rows > 2 else rows * bits
    if rows == 2:
        return constant_product_luts(rows, negative, bits, signed)
    if gated:
        return None
    found = constant_product_luts(rows, negative, bits, signed)
    return min(found, width * (bits > 1)) if bits <= LUT_INPUTS else found
