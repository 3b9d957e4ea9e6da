"""How wide the cells of an unrolled layer are, before anything is mapped: what Yosys's `wreduce` leaves of them.

A wire is declared as wide as its level of the tree may need. Cells are narrowed in the order of its queue, sums before
their operands, so a sum mostly still reads operands as wide as they are declared; where its port is narrowed later,
its operands have another turn. It matters because `alumacc` makes one sum of many addends out of several only where a
port is exactly what another cell drives (merging.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ....ir import Array, Int64
from .signals import NEGATIVE, PRODUCT, REGISTER, SUM, WIRE, Signals, Terms, bit_length


@dataclass(eq=False)
class Widths:
    """By signal. width: of the wire that drives it, zeros below included. positive: is what lies above known to be 0?
    left, right: of a sum's ports. signed: is a sum one of signed numbers?
    """

    width: Int64
    positive: Array
    left: Int64
    right: Int64
    signed: Array


def widths_of(signals: Signals, terms: Terms) -> Widths:
    return _Narrowing(signals, terms).run()


class _Narrowing:
    def __init__(self, signals: Signals, terms: Terms) -> None:
        self.signals, self.terms = signals, terms
        self.declared = terms.term_bits + np.where(signals.kind == SUM, signals.level, 0)
        width, positive = self._leaves()
        for step in signals.steps:
            if signals.kind[step[0]] == REGISTER:  # of a wire, what is 0 above is known; of anything else not
                source = signals.left[step]
                self.declared[step] = self.declared[source]
                known = np.isin(signals.kind[source], (WIRE, REGISTER))
                width[step] = np.where(known, width[source], self.declared[source])
                positive[step] = known & positive[source]
        width[signals.kind == SUM] = self.declared[signals.kind == SUM]
        left, right = (np.where(signals.kind == SUM, self.declared[side], 0) for side in (signals.left, signals.right))
        self.now = Widths(width, positive, left, right, np.ones(len(signals), bool))
        self.needed = np.zeros(len(signals), np.int64)

    def _leaves(self) -> tuple[Int64, Array]:
        signals, terms = self.signals, self.terms
        odd, positive = signals.odd, ~np.full(len(signals), terms.signed)
        magnitude = bit_length(np.where(odd < 0, ~odd, odd))
        unsigned = positive & (odd > 0)
        product = np.where(unsigned, terms.bits + magnitude, terms.operand_bits + magnitude + 1)
        size = np.select(
            [signals.kind == WIRE, signals.kind == NEGATIVE], [terms.bits, terms.term_bits - signals.low], product
        )
        width = np.minimum(size + signals.low, terms.sum_bits)
        return width, np.where(signals.kind == PRODUCT, unsigned, positive & (signals.kind == WIRE))

    def run(self) -> Widths:
        turn = np.ones(len(self.signals), bool)
        first = True
        while turn.any():
            turn = self._turn(turn, first)
            first = False
        self._unused()
        return self.now

    def _turn(self, turn: Array, first: bool) -> Array:
        """Narrows those whose turn it is; gives those that have another."""
        signals, now = self.signals, self.now
        touched = np.zeros(len(signals), bool)  # signals some of whose bits have gone from a port
        self.needed[:] = 0
        self.needed[signals.tops] = self.terms.sum_bits
        self._count_ports()
        held = signals.registers[turn[signals.registers]]
        source = signals.left[held]
        width = np.minimum(now.width[held], self.needed[held])
        if not first:
            width = np.where(signals.kind[source] == SUM, np.minimum(width, now.width[source]), width)
        less = (width < now.width[held]) | (first & (self.declared[source] > width))
        now.width[held] = width
        now.positive[held] |= (not first) & now.positive[source] & (width >= now.width[source])
        touched[source[less]] = touched[held[less]] = True
        self.needed[:] = 0
        np.maximum.at(self.needed, signals.left[signals.registers], now.width[signals.registers])
        for sums in signals.sums:
            self._narrow(sums[turn[sums]], touched)
            np.maximum.at(self.needed, signals.left[sums], now.left[sums])
            np.maximum.at(self.needed, signals.right[sums], now.right[sums])
        again = touched | touched[signals.left] | touched[signals.right]
        again[0] = False
        return again & np.isin(signals.kind, (SUM, REGISTER))

    def _count_ports(self) -> None:
        signals, now = self.signals, self.now
        for sums in signals.sums:
            np.maximum.at(self.needed, signals.left[sums], now.left[sums])
            np.maximum.at(self.needed, signals.right[sums], now.right[sums])
        held = signals.registers
        reads = np.isin(signals.left[held], held)
        np.maximum.at(self.needed, signals.left[held[reads]], now.width[held[reads]])

    def _narrow(self, sums: Int64, touched: Array) -> None:
        signals, now = self.signals, self.now
        operands, ports = (signals.left[sums], signals.right[sums]), (now.left, now.right)
        width = np.minimum(now.width[sums], self.needed[sums])
        signed = now.signed[sums]
        while True:
            before = width, signed
            zero_above = np.ones(len(sums), bool)
            for operand, port in zip(operands, ports, strict=True):
                seen = now.width[operand] + (now.positive[operand] & signed)
                narrowed = np.minimum(np.minimum(port[sums], width), seen)
                touched[operand[narrowed < port[sums]]] = True
                port[sums] = narrowed
                zero_above &= now.positive[operand] & (narrowed > now.width[operand])
            signed = signed & ~zero_above
            width = np.minimum(width, np.maximum(now.left[sums], now.right[sums]) + 1)
            if (width == before[0]).all() and (signed == before[1]).all():
                break
        now.width[sums], now.signed[sums] = width, signed
        now.positive[sums] = ~signed & (width < self.declared[sums])

    def _unused(self) -> None:
        """Highest bits of products that nothing reads."""
        signals, now = self.signals, self.now
        leaves = np.isin(signals.kind, (NEGATIVE, PRODUCT))
        wanted = np.where(leaves, np.maximum(self.needed, signals.low + 1), now.width)
        now.width = np.minimum(now.width, wanted)
