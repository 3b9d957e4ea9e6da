"""Sums of products whose weights are a few words in turn: what each bit of a weight is makes a difference to them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ...ir import Int64, Part
from ..contents import FIRST_COLUMN, STATE_BITS

VERY_FEW_WORDS = 4
"""Of so many, a bit is often constant, and multipliers are not all alike."""

SAMPLES = 2
"""Sums that stand for all of a kind."""


def bit_states(codes: Int64, bits: int) -> Int64:
    """What each bit of weights (words, ...) is, as (..., bits): constant 0 or 1, or which of the columns that vary."""
    words = len(codes)
    turn = np.arange(words).reshape(-1, *[1] * codes.ndim)
    column = ((codes[..., None] >> np.arange(bits) & 1) << turn).sum(axis=0)
    every = (1 << words) - 1
    return np.asarray(np.where(column == 0, 0, np.where(column == every, 1, column + FIRST_COLUMN - 1)), np.int64)


def known_sums(part: Part, states: Int64) -> Iterator[Part]:
    """Such sums, each with the bits of the weights of some of them. states: (sums, terms, bits)."""
    if part.kind != "sum" or ("a" not in part.sizes and "inputs" not in part.sizes):
        yield part  # of numbers that are in registers, or that no weight is part of
        return
    pieces = states.reshape(part.count, part["terms"], -1)
    for those in np.array_split(np.arange(part.count), min(part.count, SAMPLES)):
        code = _packed(pieces[those[len(those) // 2]].ravel())
        yield replace(part, count=len(those), sizes=part.sizes | {"code": code})


def _packed(states: Int64) -> int:
    """In one number, STATE_BITS for each."""
    padded = np.pad(states, (0, len(states) % 2)).astype(np.uint8)
    return int.from_bytes((padded[::2] | padded[1::2] << STATE_BITS).tobytes(), "little")
