"""Every form of a requantiser equals its exact rational function, on the whole range, one by one."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from intaglio.errors import IntaglioError
from intaglio.ir import Graph, Node, TensorType, verify
from intaglio.ops import Lookup, MulShift, Requantise, Shift, Threshold
from intaglio.ops.rounding import ROUNDINGS
from intaglio.passes.choose_requantisers import choose_requantisers, lookup_forms, requantiser_forms
from rounding_twin import rounded


def objects(values):
    array = np.empty(len(values), dtype=object)
    array[:] = [Fraction(v) for v in values]
    return array


def exact(op: Requantise, channel: int, x: int) -> int:
    value = rounded(op.rounding, x * op.slope[channel] + op.offset[channel])
    return max(op.lo, min(op.hi, value)) - op.zero


def check_everywhere(op: Requantise, form, kind: TensorType) -> None:
    for channel, (lo, hi) in enumerate(zip(kind.lo, kind.hi, strict=True)):
        grid = np.zeros((hi - lo + 1, kind.channels), dtype=np.int64)
        grid[:] = kind.lo_array
        grid[:, channel] = np.arange(lo, hi + 1)
        want = [exact(op, channel, x) for x in range(lo, hi + 1)]
        assert form.run(grid)[:, channel].tolist() == want
    assert form.infer(kind) == op.infer(kind)


ranges = st.tuples(st.integers(-300, 300), st.integers(-300, 300)).map(sorted)
dyadics = st.builds(Fraction, st.integers(-200, 200), st.sampled_from([1, 2, 4, 16, 64, 256, 1024]))
rationals = st.fractions(-3, 3, max_denominator=50)


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_every_form_is_exact_on_the_whole_range(data):
    channels = data.draw(st.integers(1, 4))
    numbers = st.one_of(dyadics, rationals)
    slope = objects(data.draw(st.lists(numbers, min_size=channels, max_size=channels)))
    offset = objects(data.draw(st.lists(numbers, min_size=channels, max_size=channels)))
    bits, signed = data.draw(st.integers(1, 8)), data.draw(st.booleans())
    lo, hi = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    ends = data.draw(st.lists(ranges, min_size=channels, max_size=channels))
    kind = TensorType.integer((channels,), np.array(ends)[:, 0], np.array(ends)[:, 1])
    rounding, zero = data.draw(st.sampled_from(ROUNDINGS)), data.draw(st.integers(-9, 9))
    op = Requantise(slope, offset, lo, hi, Fraction(1, 4), rounding, zero)
    forms = list(requantiser_forms(op, kind))
    assert any(isinstance(form, Threshold) for form in forms)
    for form in forms:
        check_everywhere(op, form, kind)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 255), st.integers(0, 12), st.integers(-500, 500), st.integers(2, 8))
def test_a_dyadic_slope_always_has_a_multiplier_no_wider_than_its_own(m, n, offset, bits):
    op = Requantise(objects([Fraction(m, 1 << n)]), objects([Fraction(offset, 1 << n)]), 0, (1 << bits) - 1)
    kind = TensorType.integer((1,), -2000, 2000)
    found = [form for form in requantiser_forms(op, kind) if isinstance(form, MulShift)]
    assert len(found) == 1
    # half up adds one more bit to the addend, never to the multiplier's significant bits
    assert found[0].shift <= n + 1
    check_everywhere(op, found[0], kind)


def test_one_step_needs_no_multiplier():
    op = Requantise(objects([Fraction(355, 1130)]), objects([Fraction(1, 7)]), 0, 1)
    forms = list(requantiser_forms(op, TensorType.integer((1,), -100, 100)))
    assert forms[0].shift == 0
    assert isinstance(forms[0], Shift)


def graph_of(op: Requantise, kind: TensorType) -> Graph:
    return verify(Graph({"x": kind}, (Node("q", op, ("x",)),), ("q",)))


def test_a_power_of_two_becomes_a_shift():
    op = Requantise(objects([Fraction(1, 8)] * 3), objects([0, Fraction(3, 8), -1]), 0, 15)
    chosen = choose_requantisers(graph_of(op, TensorType.integer((3,), -400, 400)))
    assert isinstance(chosen.by_name["q"].op, Shift)
    assert chosen.types["q"] == graph_of(op, TensorType.integer((3,), -400, 400)).types["q"]


def test_the_cost_decides():
    op = Requantise(objects([Fraction(3, 64), Fraction(-5, 64)]), objects([0, 1]), 0, 15)
    graph = graph_of(op, TensorType.integer((2,), -400, 400))
    for wanted in (Threshold, MulShift):
        chosen = choose_requantisers(graph, lambda form, _, wanted=wanted: 0 if isinstance(form, wanted) else 1)
        assert isinstance(chosen.by_name["q"].op, wanted)
    assert isinstance(choose_requantisers(graph).by_name["q"].op, MulShift)


def test_constant_channels_have_every_form():
    op = Requantise(objects([0, 1, Fraction(1, 1000)]), objects([7, -500, 3]), 0, 15)
    kind = TensorType.integer((3,), -100, 100)
    forms = list(requantiser_forms(op, kind))
    assert {type(form) for form in forms} >= {MulShift, Threshold}
    for form in forms:
        check_everywhere(op, form, kind)


def test_a_range_beyond_64_bits_is_refused():
    op = Requantise(objects([Fraction(1, 3)]), objects([0]), 0, 15)
    with pytest.raises(IntaglioError, match="no form"):
        choose_requantisers(graph_of(op, TensorType.integer((1,), 0, 1 << 61)))


def test_wide_outputs_use_the_multipliers_next_to_the_slope():
    op = Requantise(objects([Fraction(3, 16)]), objects([Fraction(1, 2)]), 0, (1 << 12) - 1)
    kind = TensorType.integer((1,), -5000, 25000)
    forms = list(requantiser_forms(op, kind))
    assert any(isinstance(form, MulShift) for form in forms)
    for form in forms:
        check_everywhere(op, form, kind)


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_a_monotone_table_is_also_thresholds(data):
    """One or several channels, rising or falling, each on its own range."""
    channels, first = data.draw(st.integers(1, 3)), data.draw(st.integers(-20, 0))
    steps = st.lists(st.integers(0, 3), min_size=30, max_size=30)
    rows = [np.cumsum(data.draw(steps)) * data.draw(st.sampled_from([-1, 1])) for _ in range(channels)]
    lows = [data.draw(st.integers(first, first + 9)) for _ in rows]
    kind = TensorType.integer((channels,), lows, [data.draw(st.integers(low, first + 29)) for low in lows])
    table = Lookup(np.array(rows, np.int64), first)
    same, thresholds = lookup_forms(table, kind)
    assert same is table
    assert isinstance(thresholds, Threshold)
    for c, (lo, hi) in enumerate(zip(kind.lo, kind.hi, strict=True)):
        x = np.tile(kind.lo_array, (hi - lo + 1, 1))
        x[:, c] = np.arange(lo, hi + 1)
        assert thresholds.run(x)[:, c].tolist() == rows[c][lo - first : hi - first + 1].tolist()


def test_a_table_that_rises_and_falls_stays_one():
    table = Lookup(np.array([[0, 3, 1]]), 0)
    assert list(lookup_forms(table, TensorType.integer((1,), 0, 2))) == [table]
    assert len(list(lookup_forms(table, TensorType.integer((1,), 0, 1)))) == 2


def test_what_no_other_form_fits_is_a_table():
    """Half to even on a slope with ties, with more steps than thresholds may have."""
    op = Requantise(objects([Fraction(1, 2)]), objects([0]), 0, 1 << 14, None, "half_even")
    chosen = choose_requantisers(graph_of(op, TensorType.integer((1,), 0, 20000))).by_name["q"].op
    assert isinstance(chosen, Lookup)
    check_everywhere(op, chosen, TensorType.integer((1,), 0, 20000))
