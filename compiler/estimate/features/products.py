"""LUTs of products: of two numbers in registers, as measured, up to eight bits of the shorter one; or by a constant.

A rule of rows of gates and full adders (arithmetic.py) holds for long factors. Products of few bits are another matter:
Yosys restructures them, some bits become functions of six or seven inputs and others stay behind carry chains, so that
one bit more may double a product or leave it as it is.
"""

from __future__ import annotations

from .common import LUT_INPUTS

Counts = dict[tuple[int, int], dict[int, tuple[float, ...]]]
"""[is the shorter factor signed, is the longer one][bits of the shorter one]: LUTs of Yosys 0.70 for xc7, with longer
ones of the fewest bits that they may have, of one more, …, up to PRODUCTS_NEAR or SUMS_NEAR; the last for FAR bits.

An unsigned factor has a sign besides, a 0, and counts as one bit longer; of two equally long ones, a * b has a as the
longer one.
"""

PRODUCTS: Counts = {
    (0, 0): {
        2: (5, 7, 8, 10, 12, 14, 16, 18, 20, 32),
        3: (8, 14, 16, 22, 25.25, 28, 31.5, 34, 52),
        4: (21, 27, 32.5, 38.25, 44.25, 50.25, 56.25, 90.25),
        5: (37, 45.75, 53.25, 62, 68, 79, 124),
        6: (59, 67, 71.5, 82.5, 92.75, 145.25),
        7: (87.5, 98, 110, 121.75, 193.5),
        8: (115.25, 125.25, 143.5, 227.5),
    },
    (0, 1): {
        2: (6, 8, 10, 12, 14, 16, 18, 20, 32),
        3: (15, 19, 22, 26, 30, 34, 37, 62),
        4: (34, 40, 48, 54.5, 59.75, 68, 105),
        5: (51, 60.5, 70, 77.5, 85.5, 128.5),
        6: (79.25, 92, 101, 115, 175),
        7: (116.25, 132, 145, 216.5),
        8: (147, 157.5, 244.75),
    },
    (1, 0): {
        2: (2, 4, 5, 7, 9, 11, 13, 15, 17, 19, 31),
        3: (5, 6, 11, 17, 25, 33.25, 40, 45, 54.25, 86),
        4: (10, 24, 31, 36, 42, 50, 55, 63, 105),
        5: (28, 44, 48.5, 54.25, 63.75, 71.75, 81.25, 138.25),
        6: (47.25, 65, 77.5, 79.25, 90, 105, 172),
        7: (75.25, 88.25, 97, 114.5, 127, 219),
        8: (99.5, 108, 125.5, 139.5, 231.75),
    },
    (1, 1): {
        2: (4, 6, 8, 10, 12, 14, 16, 18, 20, 32),
        3: (8, 16, 19, 27, 35, 42, 47, 56, 88),
        4: (26, 32, 41, 47, 54, 61, 68, 109),
        5: (45.75, 54, 62.75, 71.5, 80, 87.5, 148),
        6: (71.5, 81, 91, 103, 114, 185),
        7: (108, 120, 133, 151, 245),
        8: (134, 151, 159.75, 251.5),
    },
}
"""A lane of a `multiply` of four."""

SUMS: Counts = {
    (0, 1): {
        2: (13, 16, 18, 21, 24, 27, 48),
        3: (30, 37, 45, 53, 55, 101),
        4: (50, 56, 61, 68, 111),
        5: (76, 81, 92, 164),
        6: (114, 129, 211),
        7: (147, 243),
    },
    (1, 0): {
        2: (6, 7, 12, 15, 18, 21, 24, 27, 29, 45),
        3: (10, 18, 24, 32, 37, 44, 48, 56, 101),
        4: (24, 33, 42, 51, 59, 67, 75, 131),
        5: (47, 57, 68, 78, 93, 102, 185),
        6: (74, 81, 102, 115, 122, 225),
        7: (96, 109, 124, 134, 241),
        8: (134, 147, 173, 285),
    },
    (1, 1): {
        2: (7, 11, 14, 16, 20, 23, 26, 28, 44),
        3: (22, 25, 32, 40, 45, 51, 56, 104),
        4: (36, 45, 54, 61, 69, 77, 134),
        5: (63, 73, 81, 96, 102, 180),
        6: (93, 108, 120, 130, 222),
        7: (122, 132, 146, 245),
        8: (160, 174, 288),
    },
}
"""Of a product and a number of as many bits as the longer factor; a bit more of it costs next to nothing."""

PRODUCTS_NEAR, SUMS_NEAR, FAR = 10, 9, 16


def product_luts(short: int, short_signed: int, long: int, long_signed: int, *, added: bool = False) -> float | None:
    """Of factors of so many bits, in this order or the other, and a number added or not; None where nothing similar was
    measured.
    """
    table, near = (SUMS, SUMS_NEAR) if added else (PRODUCTS, PRODUCTS_NEAR)
    for bits, signed, others, other_signed in (
        (short, short_signed, long, long_signed),
        (long, long_signed, short, short_signed),
    ):
        counts = table.get((signed, other_signed), {}).get(bits, ())
        least = near - len(counts) + 2
        if counts and others >= least:
            if others <= near:
                return counts[others - least]
            return counts[-1] + (others - FAR) * (counts[-1] - counts[-2]) / (FAR - near)
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
