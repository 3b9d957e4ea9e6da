"""Sums of products whose weights are a few words in turn: what each bit of a weight is makes a difference to them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ...ir import Int64, Part
from ..contents import FIRST_COLUMN, STATE_BITS

VERY_FEW_WORDS = 4
"""Of so many, a bit is often constant, and multipliers are not all alike."""

SAMPLES, LEAST_SAMPLES, SAMPLED_BITS = 16, 2, 1024
"""Different sums of a kind that are looked at, and about how many bits of weights in all: of more, so many stand for
all.
"""


def bit_states(codes: Int64, bits: int) -> Int64:
    """What each bit of weights (words, ...) is, as (..., bits): constant 0 or 1, or which of the columns that vary."""
    words = len(codes)
    turn = np.arange(words).reshape(-1, *[1] * codes.ndim)
    column = ((codes[..., None] >> np.arange(bits) & 1) << turn).sum(axis=0)
    every = (1 << words) - 1
    return np.asarray(np.where(column == 0, 0, np.where(column == every, 1, column + FIRST_COLUMN - 1)), np.int64)


def known_sums(part: Part, states: Int64, side: int = 1) -> Iterator[Part]:
    """Such sums, with the bits of their weights; those of the same weights and inputs are built once.

    states: (outputs, terms, bits), the terms of all sums of an output. side: so many groups of outputs have inputs of
    their own.
    """
    if part.kind != "sum" or ("a" not in part.sizes and "inputs" not in part.sizes):
        yield part  # of numbers that are in registers, or that no weight is part of
        return
    outputs, sums = len(states), part.count // len(states)
    place = np.arange(outputs)[:, None] // (outputs // side) * sums + np.arange(sums)  # of the inputs
    pieces = np.column_stack([place.ravel(), states.reshape(outputs * sums, -1)])
    content, count = np.unique(np.unique(pieces, axis=0)[:, 1:], axis=0, return_counts=True)
    most = min(SAMPLES, max(LEAST_SAMPLES, SAMPLED_BITS // content.shape[1]), len(content))
    for those in np.array_split(np.arange(len(content)), most):
        code = _packed(content[those[len(those) // 2]])
        yield replace(part, count=int(count[those].sum()), sizes=part.sizes | {"code": code})


def different_gates(states: Int64, side: int) -> int:
    """How many different products of one bit of a weight (outputs, terms, bits) and an input of one bit there are; with
    a constant 1 it is the input, which has a register anyway.
    """
    groups = states.reshape(side, -1, *states.shape[1:])
    inputs = groups.transpose(0, 2, 1, 3).reshape(side * states.shape[1], -1)
    return sum(len(np.unique(row[row >= FIRST_COLUMN])) for row in inputs)


def _packed(states: Int64) -> int:
    """In one number, STATE_BITS for each."""
    padded = np.pad(states, (0, len(states) % 2)).astype(np.uint8)
    return int.from_bytes((padded[::2] | padded[1::2] << STATE_BITS).tobytes(), "little")
