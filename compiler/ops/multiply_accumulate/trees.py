"""Adder trees and sums of constant multiples, counted: what `intaglio_sum_tree` builds."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import numpy as np

from ...ir import Int64


class Segment(NamedTuple):
    """A piece of an adder tree that no register cuts: `sums` sums, each of `terms` numbers that lie `bottom` levels
    above the leaves; their sums lie `top` levels above them. terms is 1 where an odd one is passed on.
    """

    sums: int
    terms: int
    bottom: int
    top: int


@cache
def segments(terms: int, stages: int) -> tuple[Segment, ...]:
    """What `intaglio_sum_tree` adds between its registers, from the leaves on."""
    levels, found, bottom = (terms - 1).bit_length(), [], 0
    for top in range(1, levels + 1):
        if top == levels or _registered(top, levels, stages):
            nodes, each = -(-terms >> bottom), 1 << (top - bottom)
            found += [Segment(nodes // each, each, bottom, top)] if nodes >= each else []
            found += [Segment(1, nodes % each, bottom, top)] if nodes % each else []
            bottom = top
    return tuple(found) or (Segment(1, 1, 0, 0),)


def _registered(level: int, levels: int, stages: int) -> bool:
    """Is there a register behind this level, counted from 1, of so many?"""
    return level * (stages - 1) // levels != (level - 1) * (stages - 1) // levels


def tree_registers(terms: int, bits: int, stages: int, most: int | None = None) -> Iterator[tuple[int, int]]:
    """(how many, bits) of each row of registers that `intaglio_sum_tree` spreads over its levels, its last included."""
    levels = (terms - 1).bit_length()
    for level in range(1, levels + 1):
        terms, bits = (terms + 1) // 2, bits + 1
        if _registered(level, levels, stages):
            yield terms, bits if most is None else min(bits, most)
    yield 1, bits if most is None else min(bits, most)


def constant_tree_registers(low: Int64, high: Int64, stages: int) -> int:
    """Bits of all registers in adder trees over constant multiples: each as wide as its own bounds, none for a zero."""
    terms, total = low.shape[1], 0
    levels = (terms - 1).bit_length()
    for level in range(levels):
        if low.shape[1] % 2:
            low, high = (np.pad(ends, ((0, 0), (0, 1))) for ends in (low, high))
        low, high = low[:, ::2] + low[:, 1::2], high[:, ::2] + high[:, 1::2]
        if (level + 1) * (stages - 1) // levels != level * (stages - 1) // levels:
            total += _signed_bits(low, high)
    return total + _signed_bits(low, high)


def _signed_bits(low: Int64, high: Int64) -> int:
    """Bits of signed words that hold these ranges, all together."""
    reach = np.maximum(np.maximum(high, -low - 1), 0).astype(np.float64)
    return int(np.where((low == 0) & (high == 0), 0, np.frexp(reach)[1] + 1).sum())


def constant_sizes(weights: Int64, bits: int, weight_bits: int) -> dict[str, int]:
    """Of sums of products with constants, one per row: their terms as non-zero signed digits and as ones in two's
    complement, and how many of these are beyond the two that one adder takes.
    """
    rows = weights.reshape(len(weights), -1)
    magnitude = np.abs(rows)
    digits = np.bitwise_count(magnitude ^ (3 * magnitude)).sum(axis=1, dtype=np.int64)
    ones = np.bitwise_count(rows & ((1 << weight_bits) - 1)).sum(axis=1, dtype=np.int64)
    return {
        "bits": bits,
        "digits": int(digits.sum()),
        "ones": int(ones.sum()),
        "more_digits": int(np.maximum(digits - 2, 0).sum()),
        "more_ones": int(np.maximum(ones - 2, 0).sum()),
        "weights": int(np.count_nonzero(weights)),
    }
