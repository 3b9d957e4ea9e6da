"""How long logic takes, roughly: from delays to the number of registers that a clock asks for.

The model is a slow 7-series part (speed grade -1) with room around the logic: a LUT6 takes 0.12 ns and the net in front
of it about 0.9 ns; a carry chain takes 0.5 ns to enter and leave and 0.114 ns for four bits; a register 0.5 ns to show
its value and be set up, 0.5 ns more go to skew and jitter. No route longer than its neighbourhood is known here, and
faster parts only have more room. A kernel is given registers by it, never a value: where the model is wrong, the
clock is missed and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from math import ceil

LUT_NS = 1.0
"""A LUT of six inputs and the net in front of it."""

CARRY_NS = 0.03
"""A bit of a carry chain."""

CHAIN_NS = 0.5
"""Into a carry chain and out of it."""

REGISTER_NS = 1.0
"""What a clock cycle loses to a register, skew and jitter."""

BLOCK_RAM_NS = 2.5
"""From the clock to the word of a block RAM without an output register."""

DSP_NS = 5.0
"""Through a DSP slice without registers of its own."""

LUT_INPUTS = 6


def logic_ns(inputs: int) -> float:
    """Any gate of so many inputs, as a tree of LUTs."""
    levels = 0
    while inputs > 1:
        inputs, levels = ceil(inputs / LUT_INPUTS), levels + 1
    return levels * LUT_NS


def adder_ns(bits: int) -> float:
    """A sum of two numbers, or a multiplexer's or gate's worth of logic in front of its carry chain."""
    return LUT_NS + CHAIN_NS + bits * CARRY_NS


def comparator_ns(bits: int) -> float:
    """Greater or less: two bits share a place in the carry chain."""
    return adder_ns(ceil(bits / 2))


def choice_ns(inputs: int) -> float:
    """One of so many words: a LUT chooses among four."""
    levels = 0
    while inputs > 1:
        inputs, levels = ceil(inputs / 4), levels + 1
    return levels * LUT_NS


def tree_ns(terms: int, bits: int) -> float:
    """An adder tree of so many terms, each of `bits` bits."""
    levels = (terms - 1).bit_length()
    return sum(adder_ns(bits + level + 1) for level in range(levels))


def multiplier_ns(a: int, b: int) -> float:
    """A product built of LUTs: partial products in pairs, then a tree of adders."""
    rows = ceil(min(a, b) / 2)
    return adder_ns(max(a, b) + 2) + tree_ns(rows, max(a, b) + 2)


def room_ns(clock_mhz: float) -> float:
    """What a clock cycle leaves to logic: a LUT at least."""
    return max(1000 / clock_mhz - REGISTER_NS, LUT_NS)


def registers(path_ns: float, clock_mhz: float) -> int:
    """Rows of registers, the last at the end of the path, that cut it into pieces of one clock cycle; at least one."""
    return max(1, ceil(path_ns / room_ns(clock_mhz)))


@dataclass(frozen=True)
class Path:
    """Logic in a row, piece by piece, from a register to a register: names and nanoseconds.

    `fixed` pieces end in a register in any case; the others, but for the last, may be given one each, by `stages`: 1 is
    none.
    """

    pieces: tuple[tuple[str, float], ...]
    fixed: frozenset[str] = frozenset()

    @property
    def most(self) -> int:
        """The largest number of `stages`."""
        return 1 + sum(name not in self.fixed for name, _ in self.pieces[:-1])

    @property
    def rows(self) -> int:
        """Registers along it where `stages` is 1."""
        return 1 + len(self.fixed)

    def stages(self, clock_mhz: float) -> int:
        """The fewest that let everything between two registers happen in a clock cycle, as far as pieces go."""
        return 1 + len(self._cuts(room_ns(clock_mhz)))

    def registers(self, stages: int) -> frozenset[str]:
        """The pieces that so many `stages` give a register, so that the longest way between two is as short as it can
        be.
        """
        wanted = stages - 1
        sums = {0.0}
        for start in range(len(self.pieces)):
            sums.update(accumulate(ns for _, ns in self.pieces[start:]))
        cuts = next(cuts for limit in sorted(sums) if len(cuts := self._cuts(limit + EPSILON)) <= wanted)
        free = [name for name, _ in self.pieces[:-1] if name not in self.fixed and name not in cuts]
        return frozenset([*cuts, *free[: wanted - len(cuts)]])

    def _cuts(self, limit: float) -> list[str]:
        """Where registers go if each comes as late as `limit` allows."""
        cuts: list[str] = []
        before, total = "", 0.0
        for name, ns in self.pieces:
            if before and total + ns > limit:
                cuts.append(before)
                total = 0.0
            before, total = ("", 0.0) if name in self.fixed else (name, total + ns)
        return cuts


EPSILON = 1e-9
"""Sums of the same delays in another order differ by less."""
