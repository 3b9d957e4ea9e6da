"""Common sums of two terms: the most useful one is built, over and over, until none occurs twice.

A matrix is a set of signed digits (canonical: no two neighbours are set): output m is the sum of +/- node << bit. Two
terms of an output that stand to each other as they do in another output, or at another place of the same one, are one
adder for both. Which one is taken first: the one that saves most bits of carry chains.

The idea is that of R. Hartley, "Subexpression sharing in filters using canonic signed digit multipliers", 1996, and of
the weighted choice of da4ml (2025). What is ours is how it is counted. Where a pair occurs is an AND of bit sets, so
no count is kept up to date: one that is too high is found out when its pair comes up.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator

import numpy as np

from ...ir import Array, Int64
from .graph import NOTHING, Tap
from .wiring import Wiring

NODE_BITS, SHIFT_BITS = 24, 8
HALF = 1 << (SHIFT_BITS - 2)
"""A term is a number: node, bit, is it subtracted. So is a pair: first node, second node, how many bits further the
second is (plus 2 HALF), is its sign another.
"""


def csd(matrix: Int64) -> Iterator[tuple[int, Int64]]:
    """(bit, digits of -1, 0, 1 in the matrix's shape) of its canonical signed digits."""
    rest, bit = matrix.copy(), 0
    while rest.any():
        odd = rest & 1
        digit = odd * (2 - (rest & 3))
        yield bit, digit
        rest, bit = (rest - digit) >> 1, bit + 1


class Sharing:
    """The terms of every output, over a growing set of nodes."""

    def __init__(self, matrix: Int64, wiring: Wiring, nodes: list[int], weigh: Weigh) -> None:
        """matrix: (outputs, len(nodes)); column k multiplies the wiring's node nodes[k]. weigh: see `WEIGHTS`."""
        digits = list(csd(matrix))
        self.wiring, self.weigh = wiring, weigh
        # places of an output in the bit sets: so many that shifted sets never meet their neighbours
        self.pitch = 2 * len(digits) + 16
        self.sets: tuple[dict[int, int], dict[int, int]] = (dict.fromkeys(nodes, 0), dict.fromkeys(nodes, 0))
        terms: list[list[int]] = [[] for _ in range(len(matrix))]
        for bit, digit in digits:
            for m, k in zip(*(index.tolist() for index in np.nonzero(digit)), strict=True):
                negative = int(digit[m, k] < 0)
                terms[m].append(_code(nodes[k], bit, negative))
                self.sets[negative][nodes[k]] |= 1 << (m * self.pitch + bit)
        self.columns = [np.array(codes, np.int64) for codes in terms]
        self.queue: list[tuple[float, int, int]] = []

    def run(self) -> list[list[Tap]]:
        """Shares what can be shared; what is left of each output, to be summed."""
        self._count_all()
        while self.queue:
            score, pair, claimed = heapq.heappop(self.queue)
            first, second, distance, differs = _parts(pair)
            same, other = self._occurrences(first, second, distance, differs)
            count = (same | other).bit_count()
            if count < claimed:
                if count > 1:
                    heapq.heappush(self.queue, (score * (count - 1) / (claimed - 1), pair, count))
                continue
            self._build(first, second, distance, differs, same, other)
        return [[Tap(*_term(int(code))) for code in column] for column in self.columns]

    def _occurrences(self, first: int, second: int, distance: int, differs: int) -> tuple[int, int]:
        """Places of the first term, where it is added and where it is subtracted."""
        plus, minus = self.sets[differs][second], self.sets[1 - differs][second]
        if distance >= 0:
            plus, minus = plus >> distance, minus >> distance
        else:
            plus, minus = plus << -distance, minus << -distance
        added, taken = self.sets[0][first] & plus, self.sets[1][first] & minus
        if first == second:
            if differs:  # the second may be the first of a pair in the other set
                both = _apart(added | taken, distance)
                return added & both, taken & both
            return _apart(added, distance), _apart(taken, distance)
        return added, taken

    def _build(self, first: int, second: int, distance: int, differs: int, added: int, taken: int) -> None:
        """One adder for all of these places."""
        base = min(0, distance)
        made = self.wiring.add(Tap(first, -base), Tap(second, distance - base, bool(differs)))
        touched = []
        for place, negative in (*((p, 0) for p in _each(added)), *((p, 1) for p in _each(taken))):
            m, bit = divmod(place, self.pitch)
            self._take(m, first, bit, negative)
            self._take(m, second, bit + distance, negative ^ differs)
            if made.node != NOTHING:
                code = self._put(m, made.node, bit + base + made.shift, negative ^ made.minus)
                touched += [(m, code)] if code else []
        self._count_new(touched)

    def _take(self, m: int, node: int, bit: int, negative: int) -> None:
        self.sets[negative][node] ^= 1 << (m * self.pitch + bit)
        column = self.columns[m]
        self.columns[m] = column[column != _code(node, bit, negative)]

    def _put(self, m: int, node: int, bit: int, negative: int) -> int:
        """One more term of output m; 0 if it cancels one that is there, else its code."""
        for known in self.sets:
            known.setdefault(node, 0)
        place = 1 << (m * self.pitch + bit)
        if self.sets[1 - negative][node] & place:
            self._take(m, node, bit, 1 - negative)
            return 0
        if self.sets[negative][node] & place:
            self._take(m, node, bit, negative)
            return self._put(m, node, bit + 1, negative)
        self.sets[negative][node] |= place
        code = _code(node, bit, negative)
        self.columns[m] = np.append(self.columns[m], code)
        return code

    def _count_all(self) -> None:
        found = [_pairs_of(column) for column in self.columns if len(column) > 1]
        if found:
            self._push(np.concatenate(found))

    def _count_new(self, touched: list[tuple[int, int]]) -> None:
        """Pairs of a new node's terms with the terms around them."""
        found = [_pairs_with(self.columns[m], code) for m, code in touched if len(self.columns[m]) > 1]
        if found:
            self._push(np.concatenate(found))

    def _push(self, pairs: Array) -> None:
        pairs, counts = np.unique(pairs, return_counts=True)
        pairs, counts = pairs[counts > 1], counts[counts > 1]
        if not len(pairs):
            return
        scores = -(counts - 1) * self._worth(pairs)
        items = zip(scores.tolist(), pairs.tolist(), counts.tolist(), strict=True)
        if len(self.queue) < len(pairs):
            self.queue.extend(items)
            heapq.heapify(self.queue)
        else:
            for item in items:
                heapq.heappush(self.queue, item)

    def _worth(self, pairs: Array) -> Array:
        """What one adder for a pair saves each time it is not built again."""
        first, second, distance, _ = _split(pairs)
        bits = np.array(self.wiring.bits)
        left, right = bits[first] + np.maximum(-distance, 0), bits[second] + np.maximum(distance, 0)
        overlap = np.minimum(left, right) - np.abs(distance)
        return self.weigh(overlap, np.maximum(left, right) - np.abs(distance))


Weigh = Callable[[Array, Array], Array]

WEIGHTS: dict[str, Weigh] = {
    "overlap": lambda overlap, chain: np.maximum(overlap, 1) + 1.0,
    "chain": lambda overlap, chain: chain + 1.0,
    "both": lambda overlap, chain: np.maximum(overlap, 1) + chain + 1.0,
    "count": lambda overlap, chain: np.ones(len(overlap)),
}


def _each(places: int) -> Iterator[int]:
    """The numbers of the bits that are set."""
    while places:
        low = places & -places
        places ^= low
        yield low.bit_length() - 1


def _apart(places: int, distance: int) -> int:
    """Of places where a node meets itself `distance` further, those that share no term: the lowest first."""
    kept, rest = 0, places
    while rest:
        low = rest & -rest
        kept |= low
        rest &= ~(low | low << distance)
    return kept


def _code(node: int, bit: int, negative: int) -> int:
    return node << SHIFT_BITS | bit << 1 | negative


def _term(code: int) -> tuple[int, int, bool]:
    return code >> SHIFT_BITS, (code & ((1 << SHIFT_BITS) - 1)) >> 1, bool(code & 1)


def _pair(a: Array, b: Array) -> Array:
    """The pairs of terms, whichever is named first."""
    swap = a > b
    a, b = np.where(swap, b, a), np.where(swap, a, b)
    distance = ((b >> 1) & (2 * HALF - 1)) - ((a >> 1) & (2 * HALF - 1)) + HALF * 2
    nodes = (a >> SHIFT_BITS) << NODE_BITS | b >> SHIFT_BITS
    return nodes << (SHIFT_BITS + 2) | distance << 1 | ((a ^ b) & 1)


def _split(pairs: Array) -> tuple[Array, Array, Array, Array]:
    nodes = pairs >> (SHIFT_BITS + 2)
    distance = ((pairs >> 1) & ((2 << SHIFT_BITS) - 1)) - HALF * 2
    return nodes >> NODE_BITS, nodes & ((1 << NODE_BITS) - 1), distance, pairs & 1


def _parts(pair: int) -> tuple[int, int, int, int]:
    nodes = pair >> (SHIFT_BITS + 2)
    distance = ((pair >> 1) & ((2 << SHIFT_BITS) - 1)) - HALF * 2
    return nodes >> NODE_BITS, nodes & ((1 << NODE_BITS) - 1), distance, pair & 1


def _pairs_of(column: Array) -> Array:
    first, second = np.triu_indices(len(column), 1)
    return _pair(column[first], column[second])


def _pairs_with(column: Array, code: int) -> Array:
    others = column[column != code]
    return _pair(np.full_like(others, code), others)
