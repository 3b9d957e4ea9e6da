"""Adder trees, counted: what `intaglio_sum_tree` builds."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple


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
        if top == levels or registered(top, levels, stages):
            nodes, each = -(-terms >> bottom), 1 << (top - bottom)
            found += [Segment(nodes // each, each, bottom, top)] if nodes >= each else []
            found += [Segment(1, nodes % each, bottom, top)] if nodes % each else []
            bottom = top
    return tuple(found) or (Segment(1, 1, 0, 0),)


def registered(level: int, levels: int, stages: int) -> bool:
    """Is there a register behind this level, counted from 1, of so many?"""
    return level * (stages - 1) // levels != (level - 1) * (stages - 1) // levels


Row = tuple[tuple[int, int], ...]
"""Registers side by side: (how many, bits)."""


def tree_registers(terms: int, bits: int, stages: int, most: int | None = None) -> Iterator[Row]:
    """The rows of registers that `intaglio_sum_tree` spreads over its levels, its last included.

    The last of a row may have fewer terms below it, and then no more bits than these need: others would be alike.
    """
    levels = (terms - 1).bit_length()
    for level in range(1, levels + 1):
        if registered(level, levels, stages):
            others = (terms - 1) >> level
            last = bits + (terms - (others << level) - 1).bit_length()
            yield (others, min(bits + level, most or bits + level)), (1, min(last, most or last))
    yield ((1, min(bits + levels, most or bits + levels)),)
