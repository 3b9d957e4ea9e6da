"""Registers of an unrolled layer: those that hold the same are one, and three or more in a row are a shift register.

Bits of inputs are the same wherever they are shifted to; a sum is as wide as its cell, and bits that are always 0 are
not held.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ....ir import Array, Int64
from .rows import Net
from .signals import REGISTER, SUM, WIRE, bit_length

SHORTEST_LINE = 3
"""Registers in a row that become a shift register in LUTs."""

LONGEST_LINE = 16
"""Of one LUT, as Yosys counts them (SRL16E)."""

LOGIC = -1
"""What a register holds that comes from no other register."""


@dataclass(frozen=True)
class Registers:
    """bits: flip-flops behind the operands. lines: LUTs that are shift registers. idle: bits of the operands that need
    no flip-flop, as nothing reads them or a shift register begins with them.
    """

    bits: int
    lines: int
    idle: int


def registers_of(net: Net, starts: Int64, inputs: int, *, held: bool) -> Registers:
    """starts: what each output's sum starts from. inputs: of the layer. held: is each of them in a register that
    nothing else reads?
    """
    row = _Row(net, starts, inputs, held=held)
    length = np.ones(len(row.bits), np.int64)  # of the row of registers that ends here
    passed = np.zeros(len(row.bits), bool)
    for holders in row.order:
        source = row.source[holders]
        goes_on = (source != LOGIC) & (row.reads[source] == 1)
        length[holders] += np.where(goes_on, length[source], 0)
        passed[source[goes_on]] = True
    line = ~passed & (length >= SHORTEST_LINE)
    for holders in reversed(row.order):  # what goes on into a line is in it
        source = row.source[holders]
        inside = line[holders] & (source != LOGIC) & passed[source]
        line[source[inside]] = True
    kept, lines = row.bits[~line & ~row.operand].sum(), (-(-length // LONGEST_LINE) * row.bits)[line & ~passed].sum()
    # where a number is added, the bits below its lowest one go on as they are
    top, through = row.passing
    longer = np.where((row.reads[top] == 1) & (length[top] + 1 >= SHORTEST_LINE), through, 0)
    kept -= (np.where(line[top], 1, length[top] + 1) * longer).sum()
    lines += (~line[top] * longer).sum()
    unread = row.operand & (row.reads == 0)
    return Registers(int(kept), int(lines), int(row.bits[(line & row.operand) | unread].sum()))


class _Row:
    """All registers: of the operands, of the tree, of the results. source: the register that each one holds the value
    of. reads: how often it is read. order: those of the tree and the results in pieces, each after what it reads.
    passing: for each result, the last register of the tree and how many of its bits the result holds as they are.
    """

    def __init__(self, net: Net, starts: Int64, inputs: int, *, held: bool) -> None:
        self.net, self.inputs = net, inputs
        signals = net.signals
        self.same = self._same()  # by signal, the holder of what it is a part of; LOGIC for all but wires and registers
        results, start = np.unique(np.stack([signals.tops, starts])[:, signals.tops > 0], axis=1)
        count = self.held + len(results)
        self.operand = np.arange(count) < inputs
        self.source = np.full(count, LOGIC)
        self.bits = np.zeros(count, np.int64)
        self.bits[:inputs] = net.terms.bits
        kept = (net.live - net.zeros)[signals.registers]
        np.maximum.at(self.bits, self.same[signals.registers], kept)
        first = self.same[signals.left[signals.registers]]
        inverted = self._inverted(signals.left[signals.registers])
        self.source[self.same[signals.registers]] = np.where(inverted | ((first < inputs) & (not held)), LOGIC, first)
        last = np.arange(count - len(results), count)
        self.source[last] = np.where(start == 0, self.same[results], LOGIC)
        self.bits[last] = np.where(start == 0, self.bits[self.same[results]], self._started(results, start))
        below = np.minimum(bit_length(start & -start) - 1, net.live[results]) - net.zeros[results]
        self.passing = self.same[results], np.where(start == 0, 0, np.maximum(below, 0))
        self.reads = self._reads(count, results)
        self.order = [np.unique(self.same[step]) for step in signals.steps if signals.kind[step[0]] == REGISTER]
        self.order.append(last)

    def _inverted(self, signal: Int64) -> Array:
        signals = self.net.signals
        return np.asarray((signals.kind[signal] == WIRE) & (signals.odd[signal] > 0) & self.net.terms.complemented)

    def _same(self) -> Int64:
        signals = self.net.signals
        same = np.where(signals.kind == WIRE, signals.place, LOGIC)
        count = self.inputs
        for step in signals.steps:
            if signals.kind[step[0]] == REGISTER:
                source = signals.left[step]
                known = np.where(same[source] == LOGIC, count + len(signals) + source, same[source])
                _, number = np.unique(known * 2 + self._inverted(source), return_inverse=True)
                same[step] = count + number
                count += int(number.max(initial=-1)) + 1
        self.held = count
        return same

    def _reads(self, count: int, results: Int64) -> Int64:
        """By sums and products, by other registers, by results."""
        signals = self.net.signals
        logic = np.flatnonzero(signals.kind == SUM)
        reads = np.zeros(count, np.int64)
        for operand in (signals.left[logic], signals.right[logic]):
            np.add.at(reads, self.same[operand][self.same[operand] != LOGIC], 1)
        others = (
            (signals.kind != WIRE) & (signals.kind != SUM) & (signals.kind != REGISTER) & (np.arange(len(signals)) > 0)
        )
        np.add.at(reads, signals.place[others], 1)
        _, first = np.unique(self.same[signals.registers], return_index=True)
        held = self.same[signals.left[signals.registers[first]]]
        np.add.at(reads, held[held != LOGIC], 1)
        np.add.at(reads, self.same[results], 1)
        return reads

    def _started(self, tops: Int64, start: Int64) -> Int64:
        """Bits of results that start from a number: those of an adder, but for those that are that number's."""
        net = self.net
        live, positive = net.live[tops], ~net.signed[tops]
        size = bit_length(np.where(start < 0, ~start, start))
        unsigned = positive & (start >= 0)
        widest = np.where(unsigned, np.maximum(live, size), np.maximum(live + positive, size + 1))
        return np.asarray(np.minimum(widest + 1, net.terms.sum_bits) - net.zeros[tops], np.int64)
