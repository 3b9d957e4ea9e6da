"""Sums of several numbers in one go, from registers to a register: what Yosys's `alumacc` and `maccmap` make of them.

Two numbers take a carry chain, a LUT a bit. From three on, and wherever there are products, all additions between two
registers become one `$macc`: its addends are rows of bits, and of every three rows a row of full adders makes two
(their sums, and their carries one place up), until a chain adds the last two. A full adder with one input that is known
to be 0 is a half adder. Signs are repeated up to the width of the sum, so from some column on all columns are alike,
and what is alike is built once.

The rows of a product are those of its shorter factor: the longer one wherever a bit is 1, the last row its complement
and 1 (a signed factor's top bit counts negative). That 1 is a lone bit, and may enter as the carry of a chain.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from .common import Features, Make, Sizes


class Row(NamedTuple):
    """An addend. live: a mask of the columns that are not constantly 0; alike: from this column on, all bits are equal
    to the bit before.
    """

    live: int
    alike: int


class Adders(NamedTuple):
    """How many cells. first: full adders of addends alone; full: other full adders; half: half adders; chain: bits of a
    sum of two numbers; last: bits of the last sum of more, in which two meet.
    """

    first: int
    full: int
    half: int
    chain: int
    last: int = 0


def number(bits: int, width: int, shift: int = 0) -> Row:
    """A signed number of so many bits."""
    return Row(_columns(shift, width), min(shift + bits, width))


def product(long: int, short: int, unsigned_long: bool, unsigned_short: bool, width: int) -> list[Row]:
    """The rows of a product of signed factors, of which the top bit is 0 where they are unsigned."""
    end = long - 1 if unsigned_long else width
    rows = [Row(_columns(i, min(i + end, width)), min(i + long, width)) for i in range(short - 1)]
    last = Row(0, 0) if unsigned_short else Row(_columns(short - 1, width), min(short - 1 + long, width))
    return [*rows, last]


def compress(rows: list[Row], width: int, lone: int = 0, column: int = 0) -> Adders:
    """What adds these rows, and as many `lone` bits as this, all of one column."""
    rows, carries = _with_lone_bits(rows, lone, column)
    every, first, full, half = _columns(0, width), -1, 0, 0
    while len(rows) > 2:
        made = []
        for a, b, c in zip(rows[::3], rows[1::3], rows[2::3], strict=False):
            alike = max(a.alike, b.alike, c.alike)
            different = _columns(0, alike)
            three = a.live & b.live & c.live
            two = a.live & b.live | a.live & c.live | b.live & c.live
            full += (three & different).bit_count()
            half += ((two & ~three) & different).bit_count()
            carry = two << 1 & every
            if carries:
                carry, carries = carry | 1, carries - 1
            made += [Row(a.live | b.live | c.live, alike), Row(carry, min(alike + 1, width))]
        first = full if first < 0 else first
        rows = made + rows[len(rows) // 3 * 3 :]
    if len(rows) < 2:
        return Adders(0, 0, 0, 0)
    chain = (rows[0].live & rows[1].live & _columns(0, max(rows[0].alike, rows[1].alike))).bit_count()
    if first < 0:
        return Adders(0, 0, 0, chain)
    return Adders(first, full - first, half, 0, chain)


FREE_COLUMNS = 5
"""Lone bits of higher columns are addends: as carries they would have to enter too often."""


def _with_lone_bits(rows: list[Row], lone: int, column: int) -> tuple[list[Row], int]:
    """The rows with those that hold lone bits, and how often one of these bits enters as a carry instead.

    Each row beyond the first lets a carry in; a bit of column i enters 2^i times. They enter while their column is the
    deepest, as rows are taken off the columns one by one.
    """
    others, own, taken, entered = len(rows), len(rows) + lone, 0, 0
    while others or own:
        taken, others, own = taken + 1, max(others - 1, 0), max(own - 1, 0)
        while column < FREE_COLUMNS and own > others and entered + (1 << column) < taken:
            entered, own = entered + (1 << column), own - 1
    return [*rows, *[Row(1 << column, column + 2)] * (taken - len(rows))], entered


def _columns(low: int, high: int) -> int:
    return ((1 << high) - (1 << low)) if high > low else 0


# ---- parts ---------------------------------------------------------------------------------------------------------
# terms: how many numbers; width: bits of their sum. What the numbers are, the kind of part says.


@cache
def numbers(terms: int, bits: int, width: int) -> Adders:
    """Signed numbers, from registers."""
    return compress([number(bits, width)] * terms, width)


@cache
def products(terms: int, a: int, b: int, unsigned: int, width: int) -> Adders:
    """Products of a signed factor of `b` bits and one of `a` bits, signed or not."""
    a += unsigned
    long, short = max(a, b), min(a, b)
    rows = product(long, short, bool(unsigned) and a >= b, bool(unsigned) and a < b, width)
    return compress(rows * terms, width, 0 if unsigned and a < b else terms, short - 1)


@cache
def digits(terms: int, bits: int, count: int, width: int) -> Adders:
    """Numbers of `count` signed digits in radix 4, each of `bits` bits."""
    return compress([number(bits, width, 2 * digit) for digit in range(count)] * terms, width)


def _cells(found: Adders, s: Sizes) -> dict[str, float]:
    """few: adders whose inputs are chosen among few `words`, by how often bits of so few are constant or alike."""
    adders = found.first + found.full + found.half
    return dict(found._asdict()) | {"few": adders * 2.0 ** (2 - s["words"]) if "words" in s else 0.0}


def _sum(s: Sizes) -> Features:
    return _cells(numbers(s["terms"], s["bits"], s["width"]), s)


def _product_sum(s: Sizes) -> Features:
    return _cells(products(s["terms"], s["a"], s["b"], s["unsigned"], s["width"]), s)


def _digit_sum(s: Sizes) -> Features:
    """A LUT chooses each bit of a digit, but for its sign."""
    cells = _cells(digits(s["terms"], s["bits"], s["digits"], s["width"]), s)
    return cells | {"chosen": s["terms"] * s["digits"] * (s["bits"] - 1)}


def _sign_sum(s: Sizes) -> Features:
    """Of numbers that are complemented or not: LUTs of adders do that for some, those of a chain from one side only."""
    terms, bits = s["terms"], s["bits"]
    cells = _cells(numbers(terms, bits, s["width"]), s)
    return cells | {"alone": bits if terms < ADDENDS else 0, "signs": bits * terms if terms >= ADDENDS else 0}


ADDENDS = 3
"""Of a full adder."""


def _difference_sum(s: Sizes) -> Features:
    """Of bits, each of which says whether two others differ."""
    return _cells(numbers(s["terms"], 1, s["width"]), s)


FEATURES: dict[str, Make] = {
    "sum": _sum,
    "product_sum": _product_sum,
    "digit_sum": _digit_sum,
    "sign_sum": _sign_sum,
    "difference_sum": _difference_sum,
}
