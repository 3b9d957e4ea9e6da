"""Sums of what is left of each output: two terms at a time, no deeper than need be, and as few bits as that allows."""

from __future__ import annotations

from itertools import combinations

from ...ir import IntType
from .cost import Operand, chain_bits, overlap_bits
from .graph import NOTHING, Tap
from .wiring import Wiring

PAIRS = 10
"""Up to so many terms all pairs are tried; of more, the shallowest and narrowest term with each other one."""


def least_depth(depths: list[int]) -> int:
    """Levels that a tree over terms of these depths needs: of any tree, the sum of 2^depth fits 2^levels."""
    return (sum(1 << depth for depth in depths) - 1).bit_length()


def total(terms: list[Tap], wiring: Wiring, levels: int) -> Tap:
    """The sum of terms, at most `levels` deep or as deep as it must be."""
    terms = [tap for tap in terms if tap.node != NOTHING]
    levels = max(levels, least_depth([wiring.depths[tap.node] for tap in terms])) if terms else 0
    room = (1 << levels) - sum(1 << wiring.depths[tap.node] for tap in terms)
    while len(terms) > 1:
        a, b = _cheapest(terms, wiring, room)
        terms.remove(a)
        terms.remove(b)
        left, right = wiring.depths[a.node], wiring.depths[b.node]
        made = wiring.add(a, b)
        if made.node == NOTHING:
            room += (1 << left) + (1 << right)
            continue
        room -= (1 << wiring.depths[made.node]) - (1 << left) - (1 << right)
        terms.append(made)
    return terms[0] if terms else Tap(NOTHING)


def _cheapest(terms: list[Tap], wiring: Wiring, room: int) -> tuple[Tap, Tap]:
    """The pair whose adder has fewest bits, of those that leave room for the others."""
    depths = wiring.depths
    if len(terms) <= PAIRS:
        pairs = list(combinations(terms, 2))
    else:
        first = min(terms, key=lambda t: (depths[t.node], wiring.bits[t.node] + t.shift, t.node, t.shift))
        pairs = [(first, t) for t in terms if t is not first]
    allowed = [(a, b) for a, b in pairs if abs((1 << depths[a.node]) - (1 << depths[b.node])) <= room]
    if not allowed:
        ordered = sorted(terms, key=lambda t: (depths[t.node], wiring.bits[t.node] + t.shift, t.node, t.shift))
        return ordered[0], ordered[1]
    return min(allowed, key=lambda pair: _cost(pair[0], pair[1], wiring))


def _cost(a: Tap, b: Tap, wiring: Wiring) -> tuple[int, int]:
    """What a sum costs, by its bounds as if its terms were independent, and how deep it is."""
    minus = a.minus != b.minus
    first, second = (b, a) if (a.minus if minus else a.shift > b.shift) else (a, b)
    base = min(a.shift, b.shift)
    low, high = _range(first, base, wiring)
    more_low, more_high = _range(second, base, wiring)
    ends = (low - more_high, high - more_low) if minus else (low + more_low, high + more_high)
    left, right = (Operand(wiring.bits[t.node], wiring.lows[t.node] < 0, t.shift - base) for t in (first, second))
    bits = IntType.holding(*ends).bits
    cost = chain_bits(left, right, minus, bits) + overlap_bits(left, right, minus, bits)
    return cost, max(wiring.depths[a.node], wiring.depths[b.node])


def _range(tap: Tap, base: int, wiring: Wiring) -> tuple[int, int]:
    return wiring.lows[tap.node] << (tap.shift - base), wiring.highs[tap.node] << (tap.shift - base)
