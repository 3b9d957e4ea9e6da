"""LUTs of sums of Booth's digits whose weights are few words in turn (few_words.py).

A digit is one of few values then, often 0 in all words. And where x and the weight have few bits together, Yosys (abc9)
sees that the bits of a sum are functions that are there already: then it needs no carry chain.
"""

from __future__ import annotations

from functools import lru_cache
from math import ceil
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ...ops.contents import FIRST_COLUMN
from .addends import Inputs, Masks, chained, luts, told_apart
from .common import LUT_INPUTS

DIGIT = np.array([0, 1, 1, 2, -2, -1, -1, 0])
"""Of three bits of a weight, the highest first."""

COLUMN_BITS, OPERAND_BITS = 16, 48
"""Of a mask, for the columns of a memory of weights, and for bits of x."""

CHAIN, SHORT_CHAIN = 4, 2
"""Bits of a CARRY4; so few bits are added without one."""

COMPARED = 8
"""Inputs up to which functions are compared: sums of more are never there already."""


class Digits(NamedTuple):
    """LUTs. chained: of carry chains that add the digits of a product; summed: of the sum of these, or of digits."""

    chained: int
    summed: int


class _Gates(NamedTuple):
    """Digits, as functions. live: (terms, digits) is it ever not 0; reads, columns: (terms, digits, width) masks of the
    bits of x and of the columns of the memory that a bit depends on.
    """

    live: npt.NDArray[np.bool_]
    reads: Masks
    columns: Masks


def sum_of_digits(weight: Inputs, x: int, unsigned: int, product: int, width: int) -> Digits:
    """weight: (terms, bits) what each bit is, from the lowest on. x: bits of the other factor. product, width: bits of
    a product and of the sum.
    """
    terms, bits = weight.shape
    apart = chained(terms, bits)
    wide = product if apart else width
    gates = _gates(weight, x, unsigned, wide)
    count = gates.live.shape[1]
    own, shared = told_apart(gates.reads.reshape(-1, wide), terms, x, OPERAND_BITS)
    shared = gates.columns.reshape(-1, wide) | shared << np.uint64(COLUMN_BITS)
    alike = np.minimum(2 * np.arange(count) + x + unsigned + 1, wide)
    if not apart:
        return Digits(0, luts(*compacted(own, shared, np.tile(alike, terms))))
    kept = np.array([_kept(tuple(_named(row)), x, unsigned, wide) for row in weight.tolist()])  # (terms, chains)
    own, shared = own.reshape(terms, count, wide), shared.reshape(terms, count, wide)
    found, sums, made = _chains(gates, own, shared, alike, kept)
    if terms == 1:
        return Digits(found, int(np.count_nonzero((sums + np.bitwise_count(made))[:, : alike[-1]] > 1)))
    sign = np.minimum(np.arange(width), wide - 1)
    return Digits(found, luts(*compacted(sums[:, sign], made[:, sign], np.full(terms, wide))))


def _gates(weight: Inputs, x: int, unsigned: int, width: int) -> _Gates:
    bits = weight.shape[1]
    below = np.pad(weight, ((0, 0), (1, 0)))  # a 0 under the lowest bit, the sign once more above the highest
    coded = np.pad(below, ((0, 0), (0, 1)), mode="edge")
    count = (bits + 1) // 2
    state = np.stack([coded[:, 2 * j : 2 * j + 3] for j in range(count)], axis=1)  # (terms, digits, 3)
    code = np.arange(8)
    bit = code[:, None] >> np.arange(3) & 1  # (codes, 3)
    fixed, same = state < FIRST_COLUMN, state[..., :, None] == state[..., None, :]
    wrong = (fixed[..., None, :] & (bit != state[..., None, :])).any(axis=-1)
    wrong |= (same[..., None, :, :] & (bit[:, :, None] != bit[:, None, :])).any(axis=(-1, -2))  # (terms, digits, codes)
    size = np.where(wrong, 0, np.abs(DIGIT))
    flipped = code ^ (same * (1 << np.arange(3))).sum(axis=-1)[..., None]  # (terms, digits, 3, codes)
    turns = ~fixed & (~wrong[..., None, :] & (DIGIT[flipped] != DIGIT)).any(axis=-1)
    column = np.where(turns, 1 << np.maximum(state - FIRST_COLUMN, 0), 0)
    columns = np.bitwise_or.reduce(column, axis=-1).astype(np.uint64)[..., None]
    once, twice = (np.asarray(size == value).any(axis=-1, keepdims=True) for value in (1, 2))
    place = np.arange(width) - 2 * np.arange(count)[:, None]  # (digits, width)
    reads = np.where(once, _bit_of(place, x, unsigned), 0) | np.where(twice, _bit_of(place - 1, x, unsigned), 0)
    live = once[..., 0] | twice[..., 0]
    return _Gates(live, reads.astype(np.uint64), np.where(live[..., None] & (place >= 0), columns, np.uint64(0)))


def _bit_of(place: Inputs, x: int, unsigned: int) -> Inputs:
    """Masks of the bit of x at these places: above its highest stands its sign, or 0."""
    there = (place >= 0) & (~np.bool_(unsigned) | (place < x))
    return np.where(there, 1 << np.clip(place, 0, x - 1), 0)


def _chains(gates: _Gates, own: Inputs, shared: Masks, alike: Inputs, kept: Inputs) -> tuple[int, Inputs, Masks]:
    """LUTs of the chains that add the digits of each product, and what the bits of products are then made of.

    A chain takes a bit of the first digit, or of a further one, from outside: a LUT, if it is no wire, and the same one
    for all bits that are alike.
    """
    count, width = own.shape[1:]
    column, found = np.arange(width), 0
    sums, made = own[:, 0], shared[:, 0]
    for at in range(1, count):
        both = gates.live[:, :at].any(axis=1) & gates.live[:, at]
        adds = both[:, None] & (column >= 2 * at) & (column < kept[:, at - 1, None])
        joined = sums + own[:, at], made | shared[:, at]
        outside = (sums, made) if at == 1 else (own[:, at], shared[:, at])
        inputs = outside[0] + np.bitwise_count(outside[1])
        new = (column < alike[0 if at == 1 else at]) | (column == 2 * at)
        fits = joined[0] + np.bitwise_count(joined[1]) <= LUT_INPUTS
        found += int((adds & (inputs + own[:, at] + np.bitwise_count(shared[:, at]) > 0)).sum())
        found += int((adds & (inputs > 1) & new).sum() + (adds & ~fits & (inputs <= 1)).sum())
        sums, made = np.where(adds, 1, joined[0]), np.where(adds, np.uint64(0), joined[1])
    return found, sums, made


def _named(states: list[int]) -> list[int]:
    """With columns numbered in the order in which they occur."""
    names: dict[int, int] = {}
    return [s if s < FIRST_COLUMN else names.setdefault(s, FIRST_COLUMN + len(names)) for s in states]


@lru_cache(maxsize=1 << 14)
def _kept(states: tuple[int, ...], x: int, unsigned: int, width: int) -> tuple[int, ...]:
    """Of each chain that adds a digit to those below it, the column before which it ends: 0 if it needs none."""
    bits, count = len(states), (len(states) + 1) // 2
    columns = max(0, max(states) - FIRST_COLUMN + 1)
    ends, end = [], x + unsigned + 1
    for at in range(1, count):
        end = min(max(end, 2 * at + x + unsigned + 1) + 1, width)
        ends.append(end if end - 2 * at > SHORT_CHAIN else 0)
    if columns + x > COMPARED:
        return tuple(ends)
    case = np.arange(1 << columns + x)
    bit = [np.full_like(case, s) if s < FIRST_COLUMN else case >> x + s - FIRST_COLUMN & 1 for s in states]
    bit = [np.zeros_like(case), *bit, bit[-1]]
    value = case & ((1 << x) - 1)
    value = value if unsigned else value - ((value >> x - 1) << x)
    known = {_function(case >> at & 1) for at in range(columns + x)} | {_function(np.zeros_like(case))}
    found, parts = [], []
    for at in range(count):
        digit = DIGIT[bit[2 * at] + 2 * bit[2 * at + 1] + 4 * bit[min(2 * at + 2, bits + 1)]]
        parts.append((digit * value - (digit < 0)) << 2 * at)
        known |= {_function(parts[-1] >> column & 1) for column in range(width)}
    total = parts[0]
    for at in range(1, count):
        total = total + parts[at]
        out = [_function(total >> column & 1) for column in range(width)]
        last = max((column + 1 for column in range(2 * at, width) if out[column] not in known), default=0)
        last = 2 * at + ceil((last - 2 * at) / CHAIN) * CHAIN if last else 0
        found.append(min(last, ends[at - 1]))
        known |= set(out)
    return tuple(found)


def _function(values: Inputs) -> bytes:
    """A name of a function of one bit, the same for its complement."""
    return np.packbits(values ^ values[0]).tobytes()


def compacted(own: Inputs, shared: Masks, alike: Inputs) -> tuple[Inputs, Inputs, Masks]:
    """Column by column without the bits that are 0: Yosys takes rows off columns of bits."""
    there = own + np.bitwise_count(shared) > 0
    order = np.argsort(~there, axis=0, kind="stable")
    column = np.arange(own.shape[1])
    name = np.where(there, np.arange(len(own))[:, None] * own.shape[1] + np.minimum(column, alike[:, None] - 1), -1)
    own, shared, name = (np.take_along_axis(each, order, axis=0) for each in (own, shared, name))
    kept = name.max(axis=1) >= 0
    differs = name[:, 1:] != name[:, :-1]
    ends = 1 + np.where(differs.any(axis=1), differs.shape[1] - np.argmax(differs[:, ::-1], axis=1), 0)
    return own[kept], ends[kept], shared[kept]
