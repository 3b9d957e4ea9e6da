"""What an unrolled layer adds up, signal by signal: the distinct nodes of the adder trees of all its outputs.

Equal sums of the same inputs are built once, whatever outputs they are for; a product with 0 is nothing, a sum with
nothing is the other operand. Signals are numbered from 1, 0 is nothing; every signal reads smaller numbers only.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ....ir import Array, Int64
from ..trees import registered

WIRE, NEGATIVE, PRODUCT, SUM, REGISTER = range(1, 6)
"""x, -x and x by an odd constant, each shifted left; a sum of two signals; a signal one or more cycles later."""


@dataclass(frozen=True, eq=False)
class Terms:
    """Sums of products of inputs with constants, as they are written in RTL.

    constants, places: (outputs, terms) the factors, and which input each one meets. low, high: (outputs, terms) bounds
    of the products. bits, signed: of an input. term_bits: of a product's wire. sum_bits: of what is used of each sum.
    stages: registers in the tree. complemented: inputs are complemented where their constant is positive, and are
    signed numbers of one bit (differences, as XNOR counts them).
    """

    constants: Int64
    places: Int64
    low: Int64
    high: Int64
    bits: int
    signed: bool
    term_bits: int
    sum_bits: int
    stages: int
    complemented: bool = False

    @property
    def levels(self) -> int:
        """Of the adder tree."""
        return (self.constants.shape[1] - 1).bit_length()

    @property
    def operand_bits(self) -> int:
        """Of an input as a signed number."""
        return self.bits + (not self.signed)


@dataclass(frozen=True, eq=False)
class Signals:
    """Arrays by signal, the first entry being nothing. left, right: the operands of a sum; left: what a register holds.
    level: of the tree. place: of the input. odd, low: the constant is odd << low. lo, hi: bounds of wires and products.
    tops: the last register of each output, 0 where nothing is added up. steps: the numbers again, in pieces, each of
    one kind (but for the first, of wires and products) that reads what is in earlier pieces only.
    """

    kind: Array
    left: Int64
    right: Int64
    level: Int64
    place: Int64
    odd: Int64
    low: Int64
    lo: Int64
    hi: Int64
    tops: Int64
    steps: tuple[Int64, ...]

    def __len__(self) -> int:
        return len(self.kind)

    @cached_property
    def sums(self) -> list[Int64]:
        """The sums of each level, the highest level first."""
        return [step for step in reversed(self.steps) if self.kind[step[0]] == SUM]

    @cached_property
    def registers(self) -> Int64:
        return np.flatnonzero(self.kind == REGISTER)

    @cached_property
    def readers(self) -> Int64:
        """How many sums and registers read each signal."""
        read = np.concatenate([self.left, self.right])
        return np.bincount(read, minlength=len(self))


def bit_length(values: Int64) -> Int64:
    """Of numbers that are not negative."""
    return np.frexp(values.astype(np.float64))[1].astype(np.int64)


class _Table:
    """Signals, as they come."""

    NAMES = ("kind", "left", "right", "level", "place", "odd", "low", "lo", "hi")

    def __init__(self) -> None:
        self.count = 1
        self.columns = {name: [np.zeros(1, np.int64)] for name in self.NAMES}
        self.steps: list[Int64] = []

    def add(self, size: int, **columns: Int64 | int) -> Int64:
        """Numbers of `size` new signals; what is not named is 0."""
        for name in self.NAMES:
            self.columns[name].append(np.broadcast_to(np.asarray(columns.get(name, 0), np.int64), size))
        made = np.arange(self.count, self.count + size)
        self.count += size
        self.steps += [made] if size else []
        return made

    def signals(self, tops: Int64) -> Signals:
        merged = {name: np.concatenate(column) for name, column in self.columns.items()}
        return Signals(**merged, tops=tops, steps=tuple(self.steps))


def signals_of(terms: Terms) -> Signals:
    table = _Table()
    nodes = _leaves(table, terms)
    for level in range(1, terms.levels + 1):
        nodes = _pairs(table, nodes, level)
        if registered(level, terms.levels, terms.stages):
            nodes = _held(table, nodes, level)
    return table.signals(_held(table, nodes, terms.levels)[:, 0])


def _leaves(table: _Table, terms: Terms) -> Int64:
    """One for each constant that meets an input."""
    span = int(np.abs(terms.constants).max(initial=0)) * 2 + 1
    keys = terms.places * span + terms.constants + span // 2
    there = terms.constants != 0
    _, first, number = np.unique(keys[there], return_index=True, return_inverse=True)
    constant, place, low, high = (a[there][first] for a in (terms.constants, terms.places, terms.low, terms.high))
    zeros = bit_length(constant & -constant) - 1
    odd = constant >> zeros
    kind = (
        np.full(len(first), WIRE) if terms.complemented else np.select([odd == 1, odd == -1], [WIRE, NEGATIVE], PRODUCT)
    )
    made = table.add(len(first), kind=kind, place=place, odd=odd, low=zeros, lo=low, hi=high)
    nodes = np.zeros(terms.constants.shape, np.int64)
    nodes[there] = made[number]
    return nodes


def _pairs(table: _Table, nodes: Int64, level: int) -> Int64:
    """Sums of two neighbours each."""
    if nodes.shape[1] % 2:
        nodes = np.pad(nodes, ((0, 0), (0, 1)))
    left, right = nodes[:, ::2], nodes[:, 1::2]
    both = (left > 0) & (right > 0)
    keys, number = np.unique(left[both] * table.count + right[both], return_inverse=True)
    a, b = np.divmod(keys, table.count)
    made = table.add(len(keys), kind=SUM, left=a, right=b, level=level)
    sums = left + right  # of which one is 0 where there are not both
    sums[both] = made[number]
    return sums


def _held(table: _Table, nodes: Int64, level: int) -> Int64:
    """The same behind a register each."""
    different, number = np.unique(nodes, return_inverse=True)
    there = different > 0
    source = different[there]
    held = np.zeros(len(different), np.int64)
    held[there] = table.add(len(source), kind=REGISTER, left=source, level=level)
    return held[number].reshape(nodes.shape)
