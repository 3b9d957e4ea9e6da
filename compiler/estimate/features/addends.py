"""LUTs of a sum of many numbers: full adders between rows of bits (sums.py), put into LUTs of six inputs.

A full adder is two LUTs, of its sum and of its carry. What an addend's bit is made of needs no LUT of its own where its
inputs find room in both: a gate of two inputs always, a full adder's output of three inputs beside two other bits. So
every signal has a number of inputs, 1 for a register, and what no reader takes in is a LUT. With that alone, single
trees, products and sums of products come out within a few percent of what Yosys counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .common import LUT_INPUTS, Features, Make, Sizes
from .sums import Row, compress, lone_rows, number, product

REGISTER, GATE = 1, 2
"""Inputs of a bit that comes from a register, and of one that is a gate of two of them."""

Inputs = npt.NDArray[np.int64]


def spread(rows: Sequence[Row], width: int, inputs: int) -> Inputs:
    """(rows, columns): so many inputs wherever a row has a bit, 0 elsewhere."""
    live = np.array([[row.live >> column & 1 for column in range(width)] for row in rows], np.int64)
    return live.reshape(-1, width) * inputs


def luts(inputs: Inputs, alike: Inputs) -> int:
    """LUTs that add rows of bits.

    inputs: (rows, columns) of the LUT that each bit would be: 1 a register, 0 a constant 0. alike: for each row, from
    which column on all bits are equal to the bit before: what is equal is built once.
    """
    column, found = np.arange(inputs.shape[1]), 0
    while len(inputs) > 2:
        whole = len(inputs) // 3 * 3
        ends = alike[:whole].reshape(-1, 3).max(axis=1)
        three = np.sort(inputs[:whole].reshape(-1, 3, inputs.shape[1]), axis=1)
        adds = three[:, 1] > 0
        total = np.count_nonzero(three, axis=1)
        for bit in range(3):
            more = np.maximum(three[:, bit] - 1, 0)
            fits = total + more <= LUT_INPUTS
            found += np.count_nonzero(adds & ~fits & (column < ends[:, None]))
            total = total + np.where(fits, more, 0)
        carries = np.zeros_like(total)
        carries[:, 1:] = np.where(adds, total, 0)[:, :-1]
        sums = np.where(adds, total, three[:, 2])
        made = np.stack([sums, carries], axis=1).reshape(-1, inputs.shape[1])
        inputs = np.concatenate([made, inputs[whole:]])
        alike = np.concatenate([np.stack([ends, np.minimum(ends + 1, len(column))], axis=1).ravel(), alike[whole:]])
    return found + _chain(inputs[:, : alike.max(initial=0)])


def _chain(inputs: Inputs) -> int:
    """The last two rows: a bit of a carry chain takes one of two bits from outside, and a LUT with what differs."""
    if len(inputs) < 2:
        return int(np.count_nonzero(inputs > 1))
    low, high = inputs.min(axis=0), inputs.max(axis=0)
    made, full = inputs > 1, inputs == LUT_INPUTS  # a LUT for the bit that the chain takes, another if both do not fit
    apart = np.minimum(1 * made[0] + full[1], 1 * made[1] + full[0])
    return int(np.where(low > 0, 1 + apart, high > 1).sum())


class Cells(NamedTuple):
    """luts: of a mapper that takes in whatever finds room. adders: full adders, of which no LUT is saved."""

    luts: int
    adders: int


def _of(rows: Sequence[Row], width: int, inputs: int) -> Cells:
    alike = np.array([min(row.alike, width) for row in rows])
    return Cells(luts(spread(rows, width, inputs), alike), compress(list(rows), width).adders)


@cache
def of_numbers(terms: int, bits: int, width: int, inputs: int = REGISTER) -> Cells:
    """Signed numbers, each bit of so many inputs."""
    return _of([number(bits, width)] * terms, width, inputs)


@cache
def of_products(terms: int, a: int, b: int, unsigned: int, width: int) -> Cells:
    """Products of a signed factor of `b` bits and one of `a` bits, signed or not. Gates of a single bit share it."""
    long, short = max(a + unsigned, b), min(a + unsigned, b)
    first = a + unsigned >= b
    rows = product(long, short, bool(unsigned) and first, bool(unsigned) and not first, width) * terms
    lone = [] if unsigned and not first else lone_rows(len(rows), terms, short - 1)
    found = _of([*rows, *lone], width, GATE if a > 1 or terms == 1 else REGISTER)
    if terms == 1 and a + b <= LUT_INPUTS:
        return Cells(min(found.luts, width), min(found.adders, width))
    return found


@cache
def of_digits(terms: int, x: int, weight: int, unsigned: int, width: int) -> int:
    """Products by Booth's digits of weights: a bit of a digit depends on two bits of x and on those of the weight that
    make the digit, three in general; of the lowest digit one is 0, and of the highest two are equal if there is an odd
    number of them.
    """
    count, operand = (weight + 1) // 2, x + unsigned
    rows, alike = np.zeros((count, width), np.int64), np.zeros(count, np.int64)
    for digit in range(count):
        code = 3 - (digit == 0) - (0 < digit == count - 1 and weight % 2)
        bits = [code + 1, *[code + 2] * (operand - 1), code + 1]
        if unsigned:
            bits[-2:] = code + 1, code
        at = 2 * digit
        rows[digit, at:] = bits[-1]
        rows[digit, at : at + len(bits)] = bits[: max(width - at, 0)]
        alike[digit] = min(at + len(bits), width)
    found = luts(np.tile(rows, (terms, 1)), np.tile(alike, terms))
    return min(found, width) if terms == 1 and x + weight <= LUT_INPUTS else found


def _sum(s: Sizes) -> Features:
    """The sum, of `width` bits, of so many `terms`: products of factors of `a` and `b` bits, by Booth's digits or not;
    or numbers of `bits`, each bit of so many `inputs`.
    """
    terms, width = s["terms"], s["width"]
    if "booth" in s:
        found = of_digits(terms, s["a"], s["b"], s["unsigned"], width)
        return {"digits" if terms > 1 else "digits_alone": found}
    inputs = s.get("inputs", REGISTER)
    cells = (
        of_products(terms, s["a"], s["b"], s["unsigned"], width)
        if "a" in s
        else of_numbers(terms, s["bits"], width, inputs)
    )
    if "a" in s or (inputs > REGISTER and s["bits"] > 1):
        return {"gated": cells.luts, "gated_adders": cells.adders}
    return {"gated_bits" if inputs > REGISTER else "registered": cells.luts}


FEATURES: dict[str, Make] = {"sum": _sum}
