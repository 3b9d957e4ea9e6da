"""upsample: copies against a loop over integers, what is kept for them, and the timing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from intaglio.errors import IntaglioError
from intaglio.ir import IntType, Kernel, TensorType
from intaglio.ops import Upsample
from mover_checks import check_every_kernel, check_keep, check_values, image


@st.composite
def upsampled(draw: st.DrawFn) -> tuple[Upsample, TensorType]:
    kind = image(*(draw(st.integers(1, 4)) for _ in range(2)), draw(st.integers(1, 5)))
    return Upsample((draw(st.integers(1, 3)), draw(st.integers(1, 3)))), kind


def twin(op: Upsample, x: list) -> list:
    down, right = op.factors
    return [[x[h // down][w // right] for w in range(len(x[0]) * right)] for h in range(len(x) * down)]


@given(upsampled(), st.integers(0, 2**32 - 1))
def test_run_equals_a_loop_over_integers(case: tuple[Upsample, TensorType], seed: int) -> None:
    op, kind = case
    check_values(op, kind, lambda x: twin(op, x), seed)


@given(upsampled(), st.integers(0, 2**32 - 1))
def test_channels_stand_or_fall_on_their_own(case: tuple[Upsample, TensorType], seed: int) -> None:
    op, kind = case
    assert check_keep(op, kind, seed) == kind.channels


@given(upsampled())
def test_programs(case: tuple[Upsample, TensorType]) -> None:
    check_every_kernel(*case)


def test_bounds_and_types_stay() -> None:
    kind = TensorType((2, 2, 2), IntType(True, 1), (-1, 1), (1, 1))
    out = Upsample((2, 3)).infer(kind)
    assert (out.shape, out.dtype, out.lo, out.hi) == ((4, 6, 2), kind.dtype, kind.lo, kind.hi)
    kind = TensorType.integer((2, 2, 2), [-3, 0], [1, 9])
    out = Upsample((2, 3)).infer(kind)
    assert (out.dtype, out.lo, out.hi) == (kind.dtype, kind.lo, kind.hi)


@pytest.mark.parametrize(
    ("factors", "lanes", "depths"),
    [((2, 2), 1, [12]), ((2, 1), 3, [4]), ((1, 2), 1, [3]), ((1, 2), 3, []), ((1, 1), 1, [])],
)
def test_what_is_kept(factors: tuple[int, int], lanes: int, depths: list[int]) -> None:
    parts = Upsample(factors).parts(Kernel(pe=lanes, simd=lanes), image(2, 4, 3))
    assert [p["depth"] for p in parts if p.kind.startswith("ram")] == depths


@pytest.mark.parametrize(
    ("op", "kind", "message"),
    [
        (Upsample((0, 1)), image(2, 2, 2), "at least 1"),
        (Upsample((2, 2)), image(4), "height, width, channels"),
    ],
)
def test_what_does_not_fit_is_refused(op: Upsample, kind: TensorType, message: str) -> None:
    with pytest.raises(IntaglioError, match=message):
        op.infer(kind)
