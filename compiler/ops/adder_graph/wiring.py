"""Building an adder graph: each adder in its cheapest form, and no linear form twice."""

from __future__ import annotations

import numpy as np

from ...ir import Int64, IntType
from .graph import NOTHING, Adder, AdderGraph, Tap, form_bounds, trailing_zeros

LONG_SHIFT = 2
"""The s low bits of b are part of the carry chain in (a << s) - b and pass by in b - (a << s), but the first takes a
look-up table less by Yosys's count.
"""


class Wiring:
    """An adder graph that grows. Every node is odd: not all of its coefficients are even (shifts are for free)."""

    def __init__(self, lo: Int64, hi: Int64, *, turn: bool = True) -> None:
        """turn: may a difference be built the other way round, as the negative of what is asked for?"""
        count = len(lo)
        self.turn = turn
        self.lo, self.hi = np.asarray(lo, np.int64), np.asarray(hi, np.int64)
        self.adders: list[Adder] = []
        self.forms: list[Int64] = list(np.eye(count, dtype=np.int64))
        self.lows: list[int] = self.lo.tolist()
        self.highs: list[int] = self.hi.tolist()
        self.depths: list[int] = [0] * count
        self.bits: list[int] = [IntType.holding(*ends).bits for ends in zip(self.lows, self.highs, strict=True)]
        self._known = {form.tobytes(): Tap(node) for node, form in enumerate(self.forms)}

    def add(self, a: Tap, b: Tap) -> Tap:
        """The sum of two taps, as a tap of a node that is there or of a new one."""
        if NOTHING in (a.node, b.node):
            return b if a.node == NOTHING else a
        base = min(a.shift, b.shift)
        form = self.form(Tap(a.node, a.shift - base, a.minus)) + self.form(Tap(b.node, b.shift - base, b.minus))
        if not form.any():
            return Tap(NOTHING)
        drop = trailing_zeros(form.tolist()) if a.shift == b.shift else 0
        form >>= drop
        known = self._known.get(form.tobytes())
        if known is None:
            known = self._build(a, b, base, drop, form)
        return Tap(known.node, known.shift + base + drop, known.minus)

    def form(self, tap: Tap) -> Int64:
        """The linear form of a tap."""
        form = self.forms[tap.node] << tap.shift
        return -form if tap.minus else form

    def _build(self, a: Tap, b: Tap, base: int, drop: int, form: Int64) -> Tap:
        """A new node that is `form` or its negative, whichever is the cheaper adder."""
        lo, hi = (int(end) for end in form_bounds(form, self.lo, self.hi))
        flipped = a.minus and b.minus
        if a.minus != b.minus:
            first, second = (b, a) if a.minus else (a, b)
            flipped = hi <= 0 or (lo < 0 and self.turn and first.shift - second.shift > LONG_SHIFT)
            a, b = (second, first) if flipped else (first, second)
        elif a.shift > b.shift:
            a, b = b, a
        adder = Adder(a.node, b.node, a.shift - base, b.shift - base, a.minus != b.minus, drop)
        form, lo, hi = (-form, -hi, -lo) if flipped else (form, lo, hi)
        node = len(self.forms)
        self.adders.append(adder)
        self.forms.append(form)
        self.lows.append(lo)
        self.highs.append(hi)
        self.bits.append(IntType.holding(lo, hi).bits)
        self.depths.append(max(self.depths[a.node], self.depths[b.node]) + 1)
        self._known[form.tobytes()] = Tap(node)
        self._known[(-form).tobytes()] = Tap(node, 0, True)
        return Tap(node, 0, flipped)


def outputs_of(wiring: Wiring, taps: list[Tap], bias: Int64) -> AdderGraph:
    """The graph with these outputs, without the adders that none of them needs."""
    count = len(wiring.lo)
    needed = np.zeros(len(wiring.forms), bool)
    needed[[tap.node for tap in taps if tap.node != NOTHING]] = True
    for node in range(len(wiring.forms) - 1, count - 1, -1):
        if needed[node]:
            adder = wiring.adders[node - count]
            needed[[adder.left, adder.right]] = True
    needed[:count] = True
    number = np.cumsum(needed) - 1
    adders = tuple(
        Adder(int(number[a.left]), int(number[a.right]), a.left_shift, a.right_shift, a.minus, a.drop)
        for node, a in enumerate(wiring.adders, count)
        if needed[node]
    )
    outputs = tuple(tap if tap.node == NOTHING else Tap(int(number[tap.node]), tap.shift, tap.minus) for tap in taps)
    lo, hi = (tuple(int(v) for v in ends) for ends in (wiring.lo, wiring.hi))
    return AdderGraph(lo, hi, adders, outputs, tuple(int(b) for b in bias))
