"""slice: what stays against a loop over integers, channels that are free, and which folds need no repacking."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from intaglio.errors import IntaglioError
from intaglio.ir import IntType, Kernel, TensorType, as_integers
from intaglio.ops import Slice
from mover_checks import check_every_kernel, check_keep, check_values, image

ALL = (0, 1, 1)


@st.composite
def ranges(draw: st.DrawFn, size: int) -> tuple[int, int, int]:
    start = draw(st.integers(0, size - 1))
    return start, draw(st.integers(start + 1, size)), draw(st.integers(1, 3))


@st.composite
def slices(draw: st.DrawFn) -> tuple[Slice, TensorType]:
    channels = draw(st.integers(1, 7))
    kept = sorted(draw(st.sets(st.integers(0, channels - 1), min_size=1)))
    if draw(st.booleans()):
        return Slice(ALL, ALL, as_integers(kept)), image(channels)
    height, width = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    return Slice(draw(ranges(height)), draw(ranges(width)), as_integers(kept)), image(height, width, channels)


def twin(op: Slice, x: list) -> list:
    kept = op.channels.tolist()
    if isinstance(x[0], int):
        return [x[c] for c in kept]
    return [[[x[r][c][k] for k in kept] for c in range(*op.columns)] for r in range(*op.rows)]


@given(slices(), st.integers(0, 2**32 - 1))
def test_run_equals_a_loop_over_integers(case: tuple[Slice, TensorType], seed: int) -> None:
    op, kind = case
    check_values(op, kind, lambda x: twin(op, x), seed)


@given(slices(), st.integers(0, 2**32 - 1))
def test_channels_stand_or_fall_on_their_own(case: tuple[Slice, TensorType], seed: int) -> None:
    op, kind = case
    assert check_keep(op, kind, seed) == kind.channels


@given(slices())
def test_programs(case: tuple[Slice, TensorType]) -> None:
    op, kind = case
    check_every_kernel(op, kind)
    assert all(op.steps(k, kind) == kind.pixels * -(-kind.channels // k.simd) for k in op.kernels(kind))


def test_indices_are_those_of_the_channels_that_are_left() -> None:
    op = Slice(ALL, ALL, as_integers([1, 3, 5, 6]))
    ins, out = op.couplings(image(7))
    assert (ins[0].tolist(), out.tolist()) == ([0, 1, 2, 3, 4, 5, 6], [1, 3, 5, 6])
    assert op.keep((np.array([0, 1, 4, 5, 6]),), np.array([0, 2, 3])).channels.tolist() == [1, 3, 4]


@pytest.mark.parametrize(
    ("kept", "channels", "folds"),
    [
        (range(5), 5, [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5)]),
        (range(4, 9), 9, [(1, 1), (2, 2), (4, 4), (5, 9)]),
        ([1, 3, 4], 5, [(1, 1), (3, 5)]),
        ([0, 2, 4, 6], 8, [(1, 1), (1, 2), (2, 4), (3, 6), (4, 7), (4, 8)]),
        ([6], 7, [(1, n) for n in range(1, 8)]),
    ],
)
def test_folds_that_need_no_repacking(kept: list[int], channels: int, folds: list[tuple[int, int]]) -> None:
    found = [(k.pe, k.simd) for k in Slice(ALL, ALL, as_integers(kept)).kernels(image(channels))]
    assert found == folds


def test_other_folds_are_refused() -> None:
    with pytest.raises(IntaglioError, match="cannot take 2 channels"):
        Slice(ALL, ALL, as_integers([1, 3, 4])).program(Kernel(pe=2, simd=2), image(5))


def test_bounds_are_those_of_what_stays() -> None:
    kind = TensorType.integer((2, 2, 3), [-9, 0, 2], [9, 1, 5])
    out = Slice((0, 1, 1), (0, 2, 1), as_integers([1, 2])).infer(kind)
    assert (out.shape, out.lo, out.hi, out.dtype) == ((1, 2, 2), (0, 2), (1, 5), IntType(False, 3))
    bipolar = TensorType((3,), IntType(True, 1), (-1, -1, 1), (1, 1, 1))
    assert Slice(ALL, ALL, as_integers([2])).infer(bipolar).dtype == bipolar.dtype


@pytest.mark.parametrize(
    ("op", "kind", "message"),
    [
        (Slice((0, 3, 1), ALL, as_integers([0])), image(2, 2, 2), "no rows 0:3:1 of 2"),
        (Slice(ALL, (1, 1, 1), as_integers([0])), image(2, 2, 2), "no columns 1:1:1 of 2"),
        (Slice(ALL, ALL, as_integers([1, 0])), image(2, 2, 2), "ascending channels"),
        (Slice(ALL, ALL, as_integers([0, 2])), image(2), "ascending channels"),
        (Slice(ALL, ALL, as_integers([0])), image(2, 2), "height, width, channels"),
    ],
)
def test_what_does_not_fit_is_refused(op: Slice, kind: TensorType, message: str) -> None:
    with pytest.raises(IntaglioError, match=message):
        op.infer(kind)
