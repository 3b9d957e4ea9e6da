"""Sums of many addends as Yosys's `maccmap` builds them: rows of full adders until two words are left, then an adder.

What is constant folds, and what computes the same is built once: every cell of rows.py stands for a function, so full
adders of the same three cells are one. Counted are the adders that are left, by how the LUTs for them are found.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ....ir import Array, Int64
from ...timing import LUT_INPUTS
from .rows import ABSENT, GATE, Rows, cells, constant_of

NEAR = 2
"""The last rows of full adders: their carries are part of the LUTs of the adder behind them."""

MOST_ROWS = 8_000
"""Of more rows, some sums stand for all."""

CARRIES = 5
"""Columns whose bits may go where a carry of the first column would."""


@dataclass
class Counts:
    """pairs: bits of the last adders that add two variables. tops: bits of those that are a function of LUT_INPUTS
    variables at most. near, inner: full adders of the last rows and of the others. half: those of two variables.
    """

    pairs: float = 0.0
    tops: float = 0.0
    near: float = 0.0
    inner: float = 0.0
    half: float = 0.0

    def scaled(self, factor: float) -> dict[str, int]:
        return {name: round(value * factor) for name, value in vars(self).items()}


def counted(rows: Rows) -> dict[str, int]:
    """Of all sums together."""
    every, each = float(rows.counts.sum()), rows.counts
    step = max(1, int(np.ceil(every / MOST_ROWS)))
    chosen = np.argsort(each, kind="stable")[step // 2 :: step]
    counter = _Counter(rows)
    constants = constant_of(rows)
    size = each[chosen] + (constants[chosen] > 0)
    for most in np.unique(bit_ceiling(size)):
        counter.add(chosen[bit_ceiling(size) == most], int(most), constants)
    return counter.result().scaled(every / max(float(each[chosen].sum()), 1.0))


def bit_ceiling(values: Int64) -> Int64:
    """The next power of two."""
    return np.int64(1) << np.frexp(np.maximum(values - 1, 0).astype(np.float64))[1].astype(np.int64)


@dataclass(frozen=True, eq=False)
class _Kind:
    """Of each sum: is it a function of LUT_INPUTS variables at most, is it too short for a carry chain, and which
    columns it does not have.
    """

    small: Array
    short: Array
    outside: Array


@dataclass
class _Counter:
    rows: Rows
    gates: dict[str, list[Array]] = field(default_factory=lambda: {name: [] for name in vars(Counts())})

    def add(self, sums: Int64, most: int, constants: Int64) -> None:
        """Sums of at most so many rows each."""
        rows, net = self.rows, self.rows.net
        columns = int(net.columns[rows.sums[sums]].max())
        words = np.full((len(sums), most, columns), ABSENT, np.uint64)
        filled = np.repeat(np.arange(len(sums)), rows.counts[sums])
        row = np.arange(len(filled)) - np.repeat(np.cumsum(rows.counts[sums]) - rows.counts[sums], rows.counts[sums])
        first = (constants[sums] > 0).astype(np.int64)
        found = cells(rows, rows.starts[sums][filled] + row, columns)
        words[filled, row + first[filled]] = found
        ones = constants[sums][:, None] >> np.arange(columns) & 1
        words[first > 0, 0] = np.where(ones[first > 0] == 1, np.uint64(1), ABSENT)
        outside = np.arange(columns)[None, :] >= net.columns[rows.sums[sums]][:, None]
        words[np.broadcast_to(outside[:, None, :], words.shape)] = ABSENT
        small, short = net.variables[rows.sums[sums]] <= LUT_INPUTS, net.logic[rows.sums[sums]]
        subtracts = (rows.counts[sums] == 2) & (constants[sums] == 1) & self._whole_rows(sums)
        words[subtracts, 0] = ABSENT  # the 1 is the adder's carry
        heights = (words != ABSENT).sum(axis=1)
        order = np.argsort(words == ABSENT, axis=1, kind="stable")
        words = np.take_along_axis(words, order, axis=1)
        packs = _packs(heights)
        for part in (~packs, packs):
            if part.any():
                taken, carried = pack(words[part], heights[part]) if part is packs else (words[part], None)
                count = (taken != ABSENT).any(axis=2).sum(axis=1)
                taken = np.where(taken == ABSENT, np.uint64(0), taken)
                for number in np.unique(count):
                    these = count == number
                    some = None if carried is None else carried[these]
                    kind = _Kind(small[part][these], short[part][these], outside[part][these])
                    self._compress(taken[these][:, :number], some, kind)

    def _whole_rows(self, sums: Int64) -> Array:
        rows = self.rows
        whole = rows.net.addends.whole[rows.addend] | (rows.net.signals.odd[rows.net.addends.signal[rows.addend]] == -1)
        return np.asarray(np.bincount(rows.sum, ~whole, len(rows.sums))[sums] == 0)

    def _compress(self, words: Array, carried: Array | None, kind: _Kind) -> None:
        while words.shape[1] > 2:
            groups, inner = words.shape[1] // 3, levels(words.shape[1]) > NEAR
            triples = words[:, : 3 * groups].reshape(len(words), groups, 3, -1)
            total, carry, full, half = full_adders(triples)
            big = ~np.broadcast_to(kind.small[:, None, None], full.shape)
            self.gates["inner" if inner else "near"].append(total[full & big])
            self.gates["half"].append(total[half & big])
            shifted = np.zeros_like(carry)
            shifted[:, :, 1:] = carry[:, :, :-1]
            if carried is not None:
                shifted[:, :, 0], carried = carried[:, :groups], carried[:, groups:]
                if carried.shape[1] < words.shape[1]:
                    carried = np.pad(carried, ((0, 0), (0, words.shape[1])))
            both = np.stack([total, shifted], axis=2).reshape(len(words), 2 * groups, -1)
            words = np.concatenate([both, words[:, 3 * groups :]], axis=1)
            words[np.broadcast_to(kind.outside[:, None], words.shape)] = 0
        if words.shape[1] == 2:
            self._last(words[:, 0], words[:, 1], kind)

    def _last(self, one: Array, other: Array, kind: _Kind) -> None:
        """The adder of the two words that are left."""
        adds = np.asarray((one > 1).any(axis=1) & (other > 1).any(axis=1))[:, None]  # otherwise it is wires
        two = (one > 1) & (other > 1) & (one >> np.uint64(1) != other >> np.uint64(1)) & adds
        plain = np.sort(np.stack([one[two], other[two]]) >> np.uint64(1), axis=0)
        column = kind.short[:, None] * np.arange(one.shape[1], dtype=np.uint64)  # without a carry they all differ
        self.gates["pairs"].append(mixed(plain[0]) + mixed(plain[1] ^ _SALT) + column[two])
        single = ((one > 1) ^ (other > 1)) & adds
        function = ((two & (one >= GATE)) | (single & (np.maximum(one, other) >= GATE))) & kind.small[:, None]
        self.gates["tops"].append(np.where(one > 1, one, other)[function])

    def result(self) -> Counts:
        return Counts(
            **{
                name: float(len(np.unique(np.concatenate(found)))) if found else 0.0
                for name, found in self.gates.items()
            }
        )


def levels(words: int) -> int:
    """Rows of full adders that leave two words."""
    return 0 if words <= 2 else 1 + levels(words - words // 3)


_SALT = np.uint64(0x9E3779B97F4A7C15)


def mixed(values: Array) -> Array:
    """A number that no one would take for another's (the finaliser of SplitMix64, G. Steele and others, 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(values ^ (values >> np.uint64(31)), np.uint64)


def full_adders(triples: Array) -> tuple[Array, Array, Array, Array]:
    """Sum and carry of cells (sums, groups, 3, columns), and where a full adder, or one of two variables, is needed."""
    ordered: Array = np.moveaxis(np.sort(triples, axis=2), 2, 0)
    a, b, c = ordered  # constants first, equal ones and complements side by side
    one = np.uint64(1)
    variables = (a > 1).astype(np.int8) + (b > 1) + (c > 1)
    equal_low, equal_high = (a == b) & (a > 1), (b == c) & (b > 1)
    opposite_low = ((a ^ b) == one) & (a > 1) & (a >> one == b >> one)
    opposite_high = ((b ^ c) == one) & (b > 1) & (b >> one == c >> one)
    name: Array = mixed(a + _SALT) + mixed(b + _SALT) * np.uint64(3) + mixed(c + _SALT) * np.uint64(5)
    total = ((mixed(name) >> np.uint64(3)) | (GATE >> one)) << one
    carry = ((mixed(name ^ _SALT) >> np.uint64(3)) | (GATE >> one)) << one
    ones = (a == 1).astype(np.uint64) + (b == 1) + (c == 1)
    zero = np.zeros(a.shape, np.uint64)
    cases: list[tuple[Array, Array, Array]] = [
        (variables == 0, ones & one, ones >> one),
        ((variables == 1) & (ones == 0), c, zero),
        ((variables == 1) & (ones == 1), c ^ one, c),
        (variables == 1, c, zero | one),
        (equal_low, c, a),
        (opposite_low, c ^ one, c),
        (equal_high, a, c),
        (opposite_high, a ^ one, a),
    ]
    conditions = [condition for condition, _, _ in cases]
    gate = ~np.logical_or.reduce(conditions)
    total = np.select(conditions, [made for _, made, _ in cases], total)
    carry = np.select(conditions, [made for _, _, made in cases], carry)
    return total, carry, gate & (variables == 3), gate & (variables == 2)


def _packs(heights: Int64) -> Array:
    """Are the highest columns among the first few, whose bits may go where carries into words would?"""
    highest = heights.shape[1] - 1 - np.argmax((heights == heights.max(axis=1, keepdims=True))[:, ::-1], axis=1)
    return np.asarray((highest < CARRIES) & (heights.max(axis=1) > 2))


def pack(words: Array, heights: Int64) -> tuple[Array, Array]:
    """Words (sums, rows, columns) of which the rows beyond the highest columns are used as carries into words: what is
    left as words, and those bits in the order in which they are used.
    """
    sums, _, columns = words.shape
    left, place = heights.copy(), np.zeros_like(heights)
    made: list[Array] = []
    packed: list[list[Array]] = [[] for _ in range(sums)]
    count, used = np.zeros(sums, np.int64), np.zeros(sums, np.int64)
    weight = (1 << np.arange(CARRIES))[: min(CARRIES, columns)]
    index = np.arange(sums)[:, None], np.arange(columns)[None, :]
    while (left > 0).any():
        word = np.where(left > 0, words[index[0], np.minimum(place, words.shape[1] - 1), index[1]], ABSENT)
        made.append(word)
        count += (left > 0).any(axis=1)
        place, left = place + (left > 0), np.maximum(left - 1, 0)
        while True:
            depth = left.max(axis=1)
            deepest = (left == depth[:, None]) & (depth[:, None] > 0)
            last = columns - 1 - np.argmax(deepest[:, ::-1], axis=1)
            wanted = (deepest[:, : len(weight)] * weight).sum(axis=1)
            go = (depth > 0) & (last < CARRIES) & (wanted <= count - 1 - used)
            if not go.any():
                break
            taken = deepest & go[:, None]
            for at, column in zip(*np.nonzero(taken[:, : len(weight)]), strict=True):
                packed[at] += [words[at, place[at, column], column]] * int(weight[column])
            used += np.where(go, wanted, 0)
            place, left = place + taken, left - taken
    width = max(*map(len, packed), words.shape[1]) + 1
    carried = np.zeros((sums, width), np.uint64)
    for at, bits in enumerate(packed):
        carried[at, : len(bits)] = bits[::-1]
    return np.stack(made, axis=1), carried
