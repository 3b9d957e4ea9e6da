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

from typing import NamedTuple


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

    @property
    def adders(self) -> int:
        """Of three bits, or of two."""
        return self.first + self.full + self.half


def number(bits: int, width: int, shift: int = 0, *, signed: bool = True) -> Row:
    """A number of so many bits: its sign is repeated to the width of the sum, or zeros are."""
    end = min(shift + bits, width)
    return Row(_columns(shift, width if signed else end), end)


def product(long: int, short: int, unsigned_long: bool, unsigned_short: bool, width: int) -> list[Row]:
    """The rows of a product of signed factors, of which the top bit is 0 where they are unsigned."""
    end = long - 1 if unsigned_long else width
    rows = [Row(_columns(i, min(i + end, width)), min(i + long, width)) for i in range(short - 1)]
    last = Row(0, 0) if unsigned_short else Row(_columns(short - 1, width), min(short - 1 + long, width))
    return [*rows, last]


def plain_product(long: int, short: int, width: int) -> list[Row]:
    """The rows of a product of unsigned factors."""
    return [number(long, width, i, signed=False) for i in range(short)]


def compress(rows: list[Row], width: int, lone: int = 0, column: int = 0) -> Adders:
    """What adds these rows, and as many `lone` bits as this, all of one column."""
    if lone:
        rows = [*rows, *lone_rows(len(rows), lone, column)]
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
            made += [Row(a.live | b.live | c.live, alike), Row(two << 1 & every, min(alike + 1, width))]
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


def lone_rows(rows: int, lone: int, column: int) -> list[Row]:
    """The rows that hold lone bits, as far as these do not enter as carries, where they cost nothing.

    Each row beyond the first lets a carry in; a bit of column i enters 2^i times. They enter while their column is the
    deepest, as rows are taken off the columns one by one.
    """
    others, own, taken, entered = rows, rows + lone, 0, 0
    while others or own:
        taken, others, own = taken + 1, max(others - 1, 0), max(own - 1, 0)
        while column < FREE_COLUMNS and own > others and entered + (1 << column) < taken:
            entered, own = entered + (1 << column), own - 1
    return [Row(1 << column, column + 2)] * (taken - rows)


def _columns(low: int, high: int) -> int:
    return ((1 << high) - (1 << low)) if high > low else 0
