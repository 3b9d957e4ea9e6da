"""The blocks of `pe` x `simd` weights that a kernel steps over: all of them, or those alone that are not all zero.

A block of zeros adds nothing in any form of multiplication, so neither a step nor a weight word is spent on it. An
output fold (a turn) in which nothing else is left keeps one such block, in whose step its bias is sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from ...ir import Int64
from ..hardware import distinct_lanes, folds, weight_type
from .layer import Same

SEQUENCER_BITS = 16
"""About what a step's place in the order takes in memory."""

WORTH = 8
"""Skipping this share of all blocks is worth a larger memory."""


@dataclass(frozen=True, eq=False)
class Tiles:
    """Blocks in the order of their steps: number turn * beats + beat, ascending, at least one for each turn.

    word_bits: of the weights of a block.
    """

    turns: int
    beats: int
    blocks: Int64
    word_bits: int = 0

    @staticmethod
    def every(turns: int, beats: int) -> Tiles:
        return Tiles(turns, beats, np.arange(turns * beats))

    @property
    def complete(self) -> bool:
        """Is nothing skipped?"""
        return len(self.blocks) == self.turns * self.beats

    @cached_property
    def ends(self) -> Int64:
        """How many blocks the turns up to each one have."""
        return np.searchsorted(self.blocks, np.arange(1, self.turns + 1) * self.beats)

    @cached_property
    def longest(self) -> int:
        """Blocks of the longest turn."""
        return int(np.diff(self.ends, prepend=0).max())

    @cached_property
    def last(self) -> Int64:
        """For each block, 1 if it is the last of its turn."""
        last = np.zeros(len(self.blocks), np.int64)
        last[self.ends - 1] = 1
        return last

    @cached_property
    def beat(self) -> Int64:
        """The beat of each block."""
        return self.blocks % self.beats

    def skipped(self, shape: tuple[int, ...], pe: int, simd: int) -> npt.NDArray[np.bool_]:
        """Which weights (outputs, ..., inputs) have no step."""
        if self.complete:
            return np.zeros(shape, np.bool_)
        outputs, inputs = np.arange(shape[0]), np.arange(shape[-1])
        positions = np.arange(self.beats // folds(shape[-1], simd))
        beat = positions[:, None] * folds(shape[-1], simd) + inputs // simd
        number = (outputs // pe)[:, None, None] * self.beats + beat
        return np.isin(number, self.blocks, invert=True).reshape(shape)

    def pays(self, steps: int) -> bool:
        """Is it worth while to take these blocks alone, in so many steps: fewer than for all of them, by a good share
        or with a memory that grows no more by the order of the steps than it shrinks by the words of the others?
        """
        every = self.turns * self.beats
        words, saved = every - len(self.blocks), every - steps
        return saved > 0 and (saved * WORTH >= every or steps * SEQUENCER_BITS <= words * self.word_bits)


def aligned_lanes(size: int) -> list[int]:
    """Lanes for every number of folds, and the powers of two, in which blocks are often pruned."""
    return sorted({*distinct_lanes(size), *(1 << n for n in range(size.bit_length()))})


def occupied(weight: Int64, pe: int, simd: int) -> Tiles:
    """The blocks that are not all zero; a turn that has none keeps its first. weight: (outputs, ..., inputs)."""
    return _occupied(Same(weight), pe, simd)


@lru_cache(maxsize=256)
def _occupied(key: Same, pe: int, simd: int) -> Tiles:
    weight, counts = key.value, _counts(key)
    outputs, inputs = weight.shape[0], weight.shape[-1]
    turns, beats = folds(outputs, pe), weight[0].size // inputs * folds(inputs, simd)
    if counts is None:
        return Tiles.every(turns, beats)
    rows = np.minimum(np.arange(turns + 1) * pe, outputs)
    columns = np.minimum(np.arange(folds(inputs, simd) + 1) * simd, inputs)
    corners = counts[rows][:, :, columns]
    filled = np.diff(np.diff(corners, axis=0), axis=2).reshape(turns, beats) > 0
    filled[~filled.any(axis=1), 0] = True
    return Tiles(turns, beats, np.flatnonzero(filled), pe * simd * weight_type(weight).bits)


@lru_cache(maxsize=16)
def _counts(key: Same) -> Int64 | None:
    """How many weights are not zero among the first outputs and inputs, at each position: (outputs + 1, positions,
    inputs + 1); None if all are.
    """
    weight = key.value
    nonzero = weight.reshape(len(weight), -1, weight.shape[-1]) != 0
    if nonzero.all():
        return None
    counts = np.zeros(np.add(nonzero.shape, (1, 0, 1)), np.int64)
    counts[1:, :, 1:] = nonzero.cumsum(axis=0).cumsum(axis=2)
    return counts
