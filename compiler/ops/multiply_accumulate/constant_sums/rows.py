"""The rows of bits that a sum of many addends is made of, as Yosys's `maccmap` lays them out.

A cell is a number: 0 or 1 where a bit is constant, otherwise twice the number of a variable, plus 1 for its
complement; `ABSENT` where there is no bit. A product has a row for each bit of its shorter factor, also where that bit
is 0; the row of a sign is complemented, and what that lacks is added as a constant.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ....ir import Array, Int64
from ...timing import LUT_INPUTS
from .merging import Addends
from .signals import NEGATIVE, PRODUCT, REGISTER, SUM, WIRE, Signals, Terms, bit_length
from .widths import Widths

ABSENT = np.uint64(2**64 - 1)

GATE = np.uint64(1) << np.uint64(62)
"""Cells from here on are outputs of LUTs; others are bits of registers or sums."""

COLUMNS = 64
"""More than any sum has."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Arrays by row, in the order of their sums, each sum's rows as they come. sum: index into `sums`. addend: which.
    bit: of a product, which bit of its shorter factor.
    """

    net: Net
    sums: Int64
    sum: Int64
    addend: Int64
    bit: Int64

    @cached_property
    def counts(self) -> Int64:
        """Rows of each sum."""
        return np.bincount(self.sum, minlength=len(self.sums))

    @cached_property
    def starts(self) -> Int64:
        return np.cumsum(self.counts) - self.counts


@dataclass(frozen=True, eq=False)
class Net:
    """The signals, how wide they are and how they are added."""

    terms: Terms
    signals: Signals
    widths: Widths
    addends: Addends

    @cached_property
    def zeros(self) -> Int64:
        """Lowest bits of each signal that are always 0."""
        signals = self.signals
        zeros = signals.low.copy()
        for step in signals.steps:
            if signals.kind[step[0]] == SUM:
                zeros[step] = np.minimum(zeros[signals.left[step]], zeros[signals.right[step]])
            elif signals.kind[step[0]] == REGISTER:
                zeros[step] = zeros[signals.left[step]]
        return zeros

    @cached_property
    def signed(self) -> Array:
        """Is the highest bit of a signal its sign?"""
        signals, terms = self.signals, self.terms
        signed = np.select(
            [signals.kind == WIRE, signals.kind == NEGATIVE, signals.kind == PRODUCT],
            [terms.signed, True, terms.signed | (signals.odd < 0)],
            self.widths.signed,
        ).astype(bool)
        for step in signals.steps:
            if signals.kind[step[0]] == REGISTER:
                signed[step] = signed[signals.left[step]]
        return signed

    @cached_property
    def live(self) -> Int64:
        """Where the bits of a signal end that are neither 0 nor its sign once more, as its cell has it."""
        live = self.widths.width.copy()
        for step in self.signals.steps:
            if self.signals.kind[step[0]] == REGISTER:
                live[step] = np.minimum(live[step], live[self.signals.left[step]])
        return live

    @cached_property
    def bounds(self) -> tuple[Int64, Int64]:
        """Of each signal, if registers may hold whatever their bits allow."""
        signals = self.signals
        lo, hi = signals.lo.copy(), signals.hi.copy()
        for step in signals.steps:
            if signals.kind[step[0]] == SUM:
                left, right = signals.left[step], signals.right[step]
                lo[step], hi[step] = lo[left] + lo[right], hi[left] + hi[right]
            elif signals.kind[step[0]] == REGISTER:
                half = np.int64(1) << (self.live[step] - self.signed[step])
                lo[step], hi[step] = np.where(self.signed[step], -half, 0), half - 1
        return lo, hi

    @cached_property
    def exact(self) -> Int64:
        """Bits that each signal needs by its bounds, its sign among them, but no more than its cell has."""
        lo, hi = self.bounds
        bits = bit_length(np.where(lo < 0, np.maximum(hi, ~lo), hi)) + (lo < 0)
        return np.minimum(bits, self.live)

    @cached_property
    def varies(self) -> Int64:
        """Where the bits of a signal end that are neither constant nor its sign once more."""
        return np.where(self.signals.kind == WIRE, self.signals.low + self.terms.bits, self.exact)

    @cached_property
    def columns(self) -> Int64:
        """Of a sum: up to where its bits differ. Of a product: the same without the zeros below."""
        return np.maximum(self.exact - self.signals.low, 1)

    @cached_property
    def logic(self) -> Array:
        """Which sums are too short for a carry chain: LUTs of their own, or a part of those that read them."""
        return np.asarray((self.signals.kind == SUM) & (self.widths.width < SHORTEST_CHAIN))

    @cached_property
    def support(self) -> Int64:
        """How many variables the bits of a signal are functions of."""
        signals, terms = self.signals, self.terms
        inputs = (signals.kind == WIRE) | ((signals.kind == PRODUCT) | (signals.kind == NEGATIVE)) & _one_bit(terms)
        support = np.where(inputs, terms.bits, np.maximum(self.varies - np.maximum(self.zeros, signals.low), 0))
        for step in signals.steps:
            short = step[self.logic[step]]
            support[short] = support[signals.left[short]] + support[signals.right[short]]
        return support

    @cached_property
    def variables(self) -> Int64:
        """Of each sum or product with adders of its own: how many variables it is a function of."""
        addends, signals = self.addends, self.signals
        whole = np.minimum(self.support[addends.signal], self.columns[addends.sum] * (1 + self.logic[addends.signal]))
        bits = np.where(addends.whole, whole, self.terms.bits)
        return np.bincount(addends.sum, bits, len(signals)).astype(np.int64)

    @cached_property
    def roots(self) -> Int64:
        """The sums and products that have adders of their own. Short sums are parts of the LUTs of what reads them, if
        that is a function of few variables.
        """
        signals, addends = self.signals, self.addends
        apart = np.zeros(len(signals), bool)
        apart[signals.left[signals.registers]] = True
        apart[addends.signal[self.variables[addends.sum] > LUT_INPUTS]] = True
        found = np.unique(addends.sum)
        return found[~self.logic[found] | apart[found]]


SHORTEST_CHAIN = 3
"""Bits of a sum that Yosys builds of carry chains."""


def _one_bit(terms: Terms) -> bool:
    """Then products are wires, too: that bit, wherever the constant has a one."""
    return terms.bits == 1 and not terms.signed


def rows_of(net: Net, chosen: Int64) -> Rows:
    """Of the chosen sums, numbers of signals in ascending order."""
    signals, addends = net.signals, net.addends
    place = np.searchsorted(chosen, addends.sum)
    place[place == len(chosen)] = 0
    mine = np.flatnonzero(chosen[place] == addends.sum)
    each = np.where(addends.whole[mine], 1, _product_rows(net, mine))
    addend = np.repeat(mine, each)
    bit = np.arange(len(addend)) - np.repeat(np.cumsum(each) - each, each)
    signal = addends.signal[addend]
    rank = np.where(addends.whole[addend], signals.kind[signal] * len(signals) + signal, REGISTER * 2 * len(signals))
    order = np.lexsort((bit, addend, rank, place[addend]))
    return Rows(net, chosen, place[addend][order], addend[order], bit[order])


def _factors(net: Net, addends: Int64) -> tuple[Int64, Int64, Array, Array]:
    """Of products: bits of the input and of the constant, is the product signed, and is a row made for each bit of the
    constant?
    """
    signals, terms = net.signals, net.terms
    signal, signed = net.addends.signal[addends], net.addends.signed[addends]
    odd = signals.odd[signal]
    constant = bit_length(np.where(odd < 0, ~odd, odd)) + signed
    operand = terms.bits + (signed & (not terms.signed))
    return operand, constant, signed, operand >= constant


def _product_rows(net: Net, addends: Int64) -> Int64:
    operand, constant, signed, by_constant = _factors(net, addends)
    rows = np.where(by_constant, constant, operand + (signed & net.terms.signed))
    return np.where(net.signals.kind[net.addends.signal[addends]] == NEGATIVE, 1, rows)


def cells(rows: Rows, chosen: Int64, columns: int) -> Array:
    """(chosen rows, columns)."""
    addend, bit = rows.addend[chosen], rows.bit[chosen]
    addends = rows.net.addends
    found = np.zeros((len(chosen), columns), np.uint64)
    whole = addends.whole[addend]
    minus = ~whole & (rows.net.signals.kind[addends.signal[addend]] == NEGATIVE)
    product = ~whole & ~minus
    found[whole] = _signal_cells(rows.net, addends.signal[addend[whole]], columns)
    found[minus] = _input_cells(
        rows.net, addends.signal[addend[minus]], np.zeros(minus.sum(), np.int64), columns
    ) ^ np.uint64(1)
    found[product] = _product_cells(rows.net, addend[product], bit[product], columns)
    return found


def _variable(number: Int64, column: Int64) -> Array:
    """Cells of a bit of a signal; of an input, its number is beyond those of all signals."""
    return ((number * COLUMNS + column) * 2).astype(np.uint64)


def _signal_cells(net: Net, signal: Int64, columns: int) -> Array:
    signals, terms = net.signals, net.terms
    column, number = np.arange(columns)[None, :], signal[:, None]
    kind, low = signals.kind[number], signals.low[number]
    wire = kind == WIRE
    bit = np.minimum(column, net.varies[number] - 1)
    inverted = wire & (signals.odd[number] > 0) & terms.complemented
    from_input = _variable(len(signals) + signals.place[number], bit - low) + inverted
    from_signal = _variable(number, bit) | np.where(net.logic[number], GATE, np.uint64(0))
    found = np.where(wire, from_input, from_signal)
    positive = net.bounds[0][number] >= 0
    found[(column < net.zeros[number]) | ((column >= net.varies[number]) & positive)] = 0
    if _one_bit(terms):
        multiple = np.isin(kind, (PRODUCT, NEGATIVE))
        one = (signals.odd[number] << low) >> column & 1
        pattern = np.where(one == 1, _variable(len(signals) + signals.place[number], column * 0), 0)
        found = np.where(multiple, pattern.astype(np.uint64), found)
    absent = (column >= net.live[number]) & ~net.signed[number] | ((column < low) & (kind != REGISTER))
    found[absent] = ABSENT
    return found


def _input_cells(net: Net, signal: Int64, shift: Int64, columns: int) -> Array:
    """An input, shifted: 0 below, its sign or 0 above."""
    bit = np.arange(columns)[None, :] - shift[:, None]
    place = len(net.signals) + net.signals.place[signal][:, None]
    found = _variable(place, np.clip(bit, 0, net.terms.bits - 1))
    found[(bit < 0) | ((bit >= net.terms.bits) & (not net.terms.signed))] = 0
    return found


def _product_cells(net: Net, addend: Int64, bit: Int64, columns: int) -> Array:
    signals, terms = net.signals, net.terms
    signal = net.addends.signal[addend]
    operand, constant, signed, by_constant = _factors(net, addend)
    odd, column = signals.odd[signal][:, None], np.arange(columns)[None, :]
    # a row for each bit of the constant: the input, shifted; its complement for the sign
    sign = (signed & (bit == constant - 1))[:, None]
    shifted = _input_cells(net, signal, bit, columns)
    shifted = np.where(sign & (column >= bit[:, None]), shifted ^ np.uint64(1), shifted)
    first = np.where((odd >> bit[:, None] & 1) == 1, shifted, 0)
    # a row for each bit of the input: the constant, shifted, where that bit is 1
    place = len(signals) + signals.place[signal]
    variable = _variable(place, np.minimum(bit, terms.bits - 1))[:, None]
    top = (signed & (bit == operand - 1))[:, None]
    ones = odd >> np.maximum(column - bit[:, None], 0) & 1
    gated = (column >= bit[:, None]) & (np.where(top & terms.signed, 1 - ones, ones) == 1)
    gated &= ~(top & (not terms.signed))
    second = np.where(gated, variable, 0)
    rest = (bit == operand)[:, None]  # what the complement of the sign's row lacks
    lacking = np.where(column == operand[:, None] - 1, variable, ABSENT)
    second = np.where(rest, lacking, second)
    return np.asarray(np.where(by_constant[:, None], first, second), np.uint64)


def constant_of(rows: Rows) -> Int64:
    """What is added besides the rows, for each sum: the ones that complements lack."""
    net = rows.net
    addends, signals = net.addends, net.signals
    signal = addends.signal[rows.addend]
    _, constant, signed, by_constant = _factors(net, rows.addend)
    sign = signed & by_constant & (rows.bit == constant - 1) & (signals.odd[signal] < 0)
    minus = signals.kind[signal] == NEGATIVE
    ones = np.where(minus, 1, np.where(sign, np.int64(1) << np.minimum(rows.bit, COLUMNS - 2), 0))
    ones[addends.whole[rows.addend]] = 0
    total = np.zeros(len(rows.sums), np.int64)
    np.add.at(total, rows.sum, ones)
    return total & ((np.int64(1) << net.columns[rows.sums]) - 1)
