"""pad: a border against a loop over integers, bounds with the constant in them, and the first beat taken early."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from intaglio.errors import IntaglioError
from intaglio.ir import IntType, Kernel, TensorType, as_integers
from intaglio.ops import Pad
from mover_checks import check_every_kernel, check_keep, check_values, image


@st.composite
def pads(draw: st.DrawFn) -> tuple[Pad, TensorType]:
    kind = image(*(draw(st.integers(1, 4)) for _ in range(2)), draw(st.integers(1, 5)))
    padding = tuple(draw(st.integers(0, 2)) for _ in range(4))
    values = st.integers(-9, 9)
    each = draw(st.booleans())
    value = as_integers([draw(values) for _ in range(kind.channels)]) if each else draw(values)
    return Pad(padding, value), kind


def twin(op: Pad, x: list) -> list:
    top, bottom, left, right = op.padding
    channels = len(x[0][0])
    border = [int(op.value)] * channels if isinstance(op.value, int) else op.value.tolist()
    wide = len(x[0]) + left + right
    middle = [[border] * left + row + [border] * right for row in x]
    return [[border] * wide] * top + middle + [[border] * wide] * bottom


@given(pads(), st.integers(0, 2**32 - 1))
def test_run_equals_a_loop_over_integers(case: tuple[Pad, TensorType], seed: int) -> None:
    op, kind = case
    check_values(op, kind, lambda x: twin(op, x), seed)


@given(pads(), st.integers(0, 2**32 - 1))
def test_channels_stand_or_fall_on_their_own(case: tuple[Pad, TensorType], seed: int) -> None:
    op, kind = case
    assert check_keep(op, kind, seed) == kind.channels


@given(pads())
def test_programs(case: tuple[Pad, TensorType]) -> None:
    check_every_kernel(*case)


def test_the_first_beat_is_taken_before_a_constant_goes_out() -> None:
    program = Pad((1, 0, 1, 0)).program(Kernel(pe=2, simd=2), image(1, 2, 3))
    assert program.reads[0].tolist() == [0, 9, 10, 11]
    assert program.writes.tolist() == list(range(12))


def test_bounds_hold_the_constant_of_each_channel() -> None:
    kind = TensorType.integer((2, 2, 3), [0, 1, 2], [3, 4, 5])
    out = Pad((0, 1, 0, 0), as_integers([0, 9, -2])).infer(kind)
    assert (out.lo, out.hi) == ((0, 1, -2), (3, 9, 5))
    assert Pad((0, 0, 0, 0), 99).infer(kind).hi == kind.hi


def test_a_dead_channel_with_another_border_is_not_dead() -> None:
    out = Pad((1, 1, 1, 1), 5).infer(TensorType.integer((2, 2, 2), [0, 0], [0, 3]))
    assert (out.lo, out.hi) == ((0, 0), (5, 5))


def test_bipolar_images_stay_bipolar() -> None:
    kind = TensorType((2, 2, 2), IntType(True, 1), (-1, 1), (1, 1))
    out = Pad((1, 0, 0, 0), -1).infer(kind)
    assert (out.dtype, out.lo, out.hi) == (IntType(True, 1), (-1, -1), (1, 1))
    with pytest.raises(IntaglioError, match="around a bipolar image"):
        Pad((1, 0, 0, 0), 0).infer(kind)


@pytest.mark.parametrize(
    ("op", "kind", "message"),
    [
        (Pad((1, -1, 0, 0)), image(2, 2, 2), "at least 0"),
        (Pad((1, 1, 0, 0), as_integers([1, 2, 3])), image(2, 2, 2), "one value or 2"),
        (Pad((1, 1, 0, 0)), image(4), "height, width, channels"),
    ],
)
def test_what_does_not_fit_is_refused(op: Pad, kind: TensorType, message: str) -> None:
    with pytest.raises(IntaglioError, match=message):
        op.infer(kind)


def test_one_constant_per_channel_takes_a_memory_where_folds_differ() -> None:
    kinds = [p.kind for p in Pad((1, 1, 1, 1), as_integers([1, 2, 3])).parts(Kernel(), image(2, 2, 3))]
    assert "rom_lutram" in kinds
    assert "rom_lutram" not in [p.kind for p in Pad((1, 1, 1, 1), 4).parts(Kernel(), image(2, 2, 3))]
    assert np.array_equal(Pad((1, 1, 1, 1), 4).keep((np.array([0]),), np.array([0])).value, 4)
