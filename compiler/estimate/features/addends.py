"""LUTs of a sum of many numbers: full adders between rows of bits (sums.py), put into LUTs of six inputs.

A full adder is two LUTs, of its sum and of its carry. What an addend's bit is made of needs no LUT of its own where its
inputs find room in both: a gate of two inputs always, a full adder's output of three inputs beside two other bits. So
every signal has a number of inputs, 1 for a register, and what no reader takes in is a LUT. With that alone, single
trees, products and sums of products come out within a few percent of what Yosys counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .common import LUT_INPUTS, Features, Sizes
from .sums import Row, compress, lone_rows, number, plain_product, product

REGISTER, GATE = 1, 2
"""Inputs of a bit that comes from a register, and of one that is a gate of two of them."""

BOTH = 2
"""Of two factors, so many are unsigned."""

Inputs = npt.NDArray[np.int64]
Masks = npt.NDArray[np.uint32] | npt.NDArray[np.uint64]


def spread(rows: Sequence[Row], width: int, inputs: int) -> Inputs:
    """(rows, columns): so many inputs wherever a row has a bit, 0 elsewhere."""
    live = np.array([[row.live >> column & 1 for column in range(width)] for row in rows], np.int64)
    return live.reshape(-1, width) * inputs


def luts(inputs: Inputs, alike: Inputs, shared: Masks | None = None) -> int:
    """LUTs that add rows of bits.

    inputs: (rows, columns) of the LUT that each bit would be: 1 a register, 0 a constant. alike: for each row, from
    which column on all bits are equal to the bit before: what is equal is built once. shared: of each bit, which inputs
    that others have, too, it has besides: a LUT takes each of them once.
    """
    if shared is None:
        shared = np.zeros(inputs.shape, np.uint32)
    column, found = np.arange(inputs.shape[1]), 0
    while len(inputs) > 2:
        whole = len(inputs) // 3 * 3
        ends = alike[:whole].reshape(-1, 3).max(axis=1)
        order = np.argsort((inputs + np.bitwise_count(shared))[:whole].reshape(-1, 3, len(column)), axis=1)
        three, masks = (
            np.take_along_axis(each[:whole].reshape(-1, 3, len(column)), order, axis=1) for each in (inputs, shared)
        )
        there = three + np.bitwise_count(masks) > 0
        adds = there[:, 1]
        total, both = np.count_nonzero(there, axis=1), np.zeros_like(masks[:, 0])
        for bit in range(3):
            more, union = np.where(there[:, bit], three[:, bit] - 1, 0), both | masks[:, bit]
            fits = total + more + np.bitwise_count(union) <= LUT_INPUTS
            found += np.count_nonzero(adds & ~fits & (column < ends[:, None]))
            total, both = total + np.where(fits, more, 0), np.where(fits, union, both)
        sums, masks = np.where(adds, total, three[:, 2]), np.where(adds, both, masks[:, 2])
        inputs = np.concatenate([_with_carries(sums, adds), inputs[whole:]])
        shared = np.concatenate([_with_carries(masks, adds), shared[whole:]])
        alike = np.concatenate([np.stack([ends, np.minimum(ends + 1, len(column))], axis=1).ravel(), alike[whole:]])
    end = alike.max(initial=0)
    if len(inputs) < 2:
        return int(found + np.count_nonzero((inputs + np.bitwise_count(shared))[:, :end] > 1))
    return int(found + chain_cost(inputs, shared)[:end].sum())


def _with_carries(sums: Any, adds: npt.NDArray[np.bool_]) -> Any:
    """Row by row the sums, and what has the same inputs one column further, where something is added."""
    carries = np.zeros_like(sums)
    carries[:, 1:] = np.where(adds, sums, 0)[:, :-1]
    return np.stack([sums, carries], axis=1).reshape(-1, sums.shape[1])


def chain_cost(own: Inputs, shared: Masks) -> Inputs:
    """(2, ..., columns): two rows, of each bit the inputs of its own and those that others may have. LUTs, by column:
    a bit of a carry chain takes one of two bits from outside, and a LUT with what differs.
    """
    inputs = own + np.bitwise_count(shared)
    low, high = inputs.min(axis=0), inputs.max(axis=0)
    both = own.sum(axis=0) + np.bitwise_count(shared[0] | shared[1])
    made, full = inputs > 1, inputs == LUT_INPUTS  # a LUT for the bit that the chain takes, another if both do not fit
    apart = np.minimum(1 * made[0] + full[1], 1 * made[1] + full[0])
    apart = np.where(both <= LUT_INPUTS, made.all(axis=0), apart)
    return np.asarray(np.where(low > 0, 1 + apart, high > 1))


class Cells(NamedTuple):
    """luts: of a mapper that takes in whatever finds room. adders: full adders, of which no LUT is saved."""

    luts: int
    adders: int


def _of(rows: Sequence[Row], width: int, inputs: int) -> Cells:
    alike = np.array([min(row.alike, width) for row in rows])
    return Cells(luts(spread(rows, width, inputs), alike), compress(list(rows), width).adders)


@cache
def of_numbers(terms: int, bits: int, width: int, inputs: int = REGISTER, *, signed: bool = True) -> Cells:
    """Numbers, each bit of so many inputs."""
    return _of([number(bits, width, signed=signed)] * terms, width, inputs)


@cache
def of_products(terms: int, a: int, b: int, unsigned: int, width: int) -> Cells:
    """Products of a signed factor of `b` bits and one of `a` bits, signed or not; or, with 2, of two unsigned ones.
    Gates of a single bit share it.
    """
    if unsigned == BOTH:
        return _of(plain_product(max(a, b), min(a, b), width) * terms, width, GATE)
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
    """Products by Booth's digits of weights. What the bits of a term share, a LUT takes once: of a narrow x, bits of
    several digits are made of the same few.
    """
    masks, alike = digit_bits(x, weight, unsigned, width)
    inputs, shared = told_apart(np.tile(masks, (terms, 1)), terms, x + weight, MASK_BITS)
    return luts(inputs, np.tile(alike, terms), shared)


def digit_bits(x: int, weight: int, unsigned: int, width: int) -> tuple[Masks, Inputs]:
    """The digits of a term: (digits, width) what each bit depends on, the bits of x first and those of the weight above
    them; (digits,) from which column on all bits are alike.

    A bit depends on two bits of x and on those of the weight that make the digit, three in general; of the lowest digit
    one is 0, and of the highest two are equal if there is an odd number of them, and x is not doubled.
    """
    count, operand = (weight + 1) // 2, x + unsigned
    masks, alike = np.zeros((count, width), np.uint64), np.zeros(count, np.int64)
    for digit in range(count):
        low, high = 2 * digit, min(2 * digit + 1, weight - 1)
        doubles = low < high  # a last digit of one bit is never 2
        code = {max(low - 1, 0), low, high}
        alike[digit] = min(low + operand + 1, width)
        for column in range(low, width):
            place = min(column - low, operand)
            reads = {min(at, operand - 1) for at in range(max(place - doubles, 0), place + 1)} - (
                {x} if unsigned else set()
            )
            made = code if reads or digit else {high}  # a lowest digit is negative where its upper bit is 1
            masks[digit, column] = sum(1 << bit for bit in reads) + sum(1 << x + bit for bit in made)
    return masks, alike


def told_apart(masks: Masks, terms: int, inputs: int, bits: int) -> tuple[Inputs, Masks]:
    """Inputs and what is shared of them, for rows of several terms that have so many inputs of their own each: as many
    terms as there are `bits` for, and none unless for the three that a full adder takes.
    """
    room = bits // inputs
    if room < FULL_ADDER:
        return np.bitwise_count(masks).astype(np.int64), np.zeros_like(masks)
    term = np.arange(len(masks)) // (len(masks) // terms) % room
    return np.zeros(masks.shape, np.int64), masks << (term * inputs).astype(np.uint64)[:, None]


MASK_BITS, FULL_ADDER = 32, 3


def chained(terms: int, weight: int) -> bool:
    """Are the digits of a product added one by one, in carry chains? Two are where there is no other product; and where
    they may fill the bits of a product, Yosys does not see that their sum cannot overflow, and adds products apart.
    """
    digits = (weight + 1) // 2
    return digits > 1 and (weight % 2 == 1 or (terms == 1 and digits == PAIR))


PAIR = 2


def chain_luts(x: int, weight: int, unsigned: int) -> int:
    """Of those chains, as measured: two for each bit of an operand, its sign and what is above it."""
    chains = (weight + 1) // 2 - 1
    return chains * (2 * x + 1) + (2 * chains - 1) * unsigned + (weight % 2 == 0)


def sum_of(s: Sizes) -> Features:
    """The sum, of `width` bits, of so many `terms`: products of factors of `a` and `b` bits, by Booth's digits or not;
    or numbers of `bits`, each bit of so many `inputs`.
    """
    terms, width = s["terms"], s["width"]
    if "booth" in s:
        if chained(terms, s["b"]):
            found = {"chained": terms * chain_luts(s["a"], s["b"], s["unsigned"])}
            return found | ({"registered": of_numbers(terms, s["product"], width).luts} if terms > 1 else {})
        return {"digits": of_digits(terms, s["a"], s["b"], s["unsigned"], width)}
    inputs = s.get("inputs", REGISTER)
    cells = (
        of_products(terms, s["a"], s["b"], s["unsigned"], width)
        if "a" in s
        else of_numbers(terms, s["bits"], width, inputs, signed=bool(s.get("signed", 1)))
    )
    if "a" in s or (inputs > REGISTER and s["bits"] > 1):
        return {"gated": cells.luts, "gated_adders": cells.adders}
    return {"gated_bits" if inputs > REGISTER else "registered": cells.luts}
