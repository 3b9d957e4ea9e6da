"""add: values, bounds per channel, coupled channels, one beat of both inputs a step."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from intaglio.errors import IntaglioError
from intaglio.ir import Kernel, TensorType
from intaglio.ops import Add
from pairwise_twin import FORMS, check_channels, check_programs, check_semantics, pairs

RANGES = st.tuples(st.integers(-300, 300), st.integers(0, 300)).map(lambda r: (r[0], r[0] + r[1]))


@given(RANGES, RANGES, st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_run_equals_plain_integers(a: tuple[int, int], b: tuple[int, int], channels: int, seed: int) -> None:
    kinds = [TensorType.integer((2, channels), *limits) for limits in (a, b)]
    rng = np.random.default_rng(seed)
    x, y = (rng.integers(kind.lo[0], kind.hi[0], (3, *kind.shape), endpoint=True) for kind in kinds)
    expected = [p + q for p, q in zip(x.ravel().tolist(), y.ravel().tolist(), strict=True)]
    assert Add().run(x, y).ravel().tolist() == expected
    out = Add().infer(*kinds)
    assert (out.lo[0], out.hi[0]) == (a[0] + b[0], a[1] + b[1])


def test_narrow_inputs_do_not_overflow() -> None:
    x = np.full((1, 2), 127, np.int8)
    assert Add().run(x, x).tolist() == [[254, 254]]


def test_bounds_are_per_channel() -> None:
    out = Add().infer(TensorType.integer((2,), [0, -8], [1, 7]), TensorType.integer((2,), [0, 0], [1, 3]))
    assert (out.lo, out.hi) == ((0, -8), (2, 10))


def test_both_inputs_and_the_output_stand_or_fall_together() -> None:
    kind = TensorType.integer((2, 3), 0, 1)
    (a, b), out = Add().couplings(kind, kind)
    assert a.tolist() == b.tolist() == out.tolist() == [0, 1, 2]


def test_unequal_shapes_are_refused_and_unequal_scales_give_none() -> None:
    kind = TensorType.integer((3,), 0, 1)
    with pytest.raises(IntaglioError, match="two equal shapes"):
        Add().infer(kind, TensorType.integer((4,), 0, 1))
    assert Add().infer(kind.with_scale(Fraction(1)), kind.with_scale(Fraction(1, 2))).scale is None


@pytest.mark.parametrize("lanes", [1, 2, 3, 5])
def test_a_step_takes_a_beat_of_both(lanes: int) -> None:
    kind = TensorType.integer((2, 2, 5), 0, 15)
    kernel = Kernel(pe=lanes, simd=lanes)
    program = Add().program(kernel, kind, kind)
    beats = 4 * -(-5 // lanes)
    assert program.steps == Add().steps(kernel, kind, kind) == beats
    assert program.writes.tolist() == list(range(beats))
    assert all(reads.tolist() == list(range(beats)) for reads in program.reads)
    assert Add().lanes(kernel, kind, kind) == ((lanes, lanes), lanes)


def test_adders_take_luts_where_both_numbers_vary() -> None:
    kind = TensorType.integer((5,), 0, 15)
    adders = [p for p in Add().parts(Kernel(pe=3, simd=3), kind, kind) if p.kind == "adder"]
    assert [(p.count, p["bits"]) for p in adders] == [(3, 4)], "the fifth bit is a carry"


@given(pairs(), st.integers(0, 2**32))
def test_equals_its_twin_with_gates_too(kinds: tuple[TensorType, TensorType], seed: int) -> None:
    check_semantics(Add(), lambda p, q: p + q, kinds, seed)
    check_channels(Add(), kinds, seed)


@pytest.mark.parametrize("form", FORMS)
def test_a_step_takes_what_is_new(form: str) -> None:
    check_programs(Add(), FORMS[form])
