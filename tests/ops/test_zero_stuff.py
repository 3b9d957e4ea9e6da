"""zero_stuff: zeros between pixels against a loop over integers, and against a transposed convolution."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from intaglio.errors import IntaglioError
from intaglio.ir import IntType, Kernel, TensorType
from intaglio.ops import Conv2d, ZeroStuff
from mover_checks import check_every_kernel, check_keep, check_values, frames_of, image


@st.composite
def stuffed(draw: st.DrawFn) -> tuple[ZeroStuff, TensorType]:
    kind = image(*(draw(st.integers(1, 4)) for _ in range(2)), draw(st.integers(1, 5)))
    return ZeroStuff((draw(st.integers(1, 4)), draw(st.integers(1, 4)))), kind


def twin(op: ZeroStuff, x: list) -> list:
    down, right = op.factors
    zero = [0] * len(x[0][0])
    height, width = (len(x) - 1) * down + 1, (len(x[0]) - 1) * right + 1
    return [
        [x[h // down][w // right] if h % down == 0 and w % right == 0 else zero for w in range(width)]
        for h in range(height)
    ]


@given(stuffed(), st.integers(0, 2**32 - 1))
def test_run_equals_a_loop_over_integers(case: tuple[ZeroStuff, TensorType], seed: int) -> None:
    op, kind = case
    check_values(op, kind, lambda x: twin(op, x), seed)


@given(stuffed(), st.integers(0, 2**32 - 1))
def test_channels_stand_or_fall_on_their_own(case: tuple[ZeroStuff, TensorType], seed: int) -> None:
    op, kind = case
    assert check_keep(op, kind, seed) == kind.channels


@given(stuffed())
def test_programs(case: tuple[ZeroStuff, TensorType]) -> None:
    check_every_kernel(*case)


def test_a_convolution_behind_it_is_a_transposed_convolution() -> None:
    kind = image(3, 4, 2)
    x = torch.tensor(frames_of(kind, 3)).permute(0, 3, 1, 2).double()
    weight = torch.randint(-3, 4, (2, 3, 3, 4), generator=torch.Generator().manual_seed(1)).double()
    want = torch.nn.functional.conv_transpose2d(x, weight, stride=(2, 3)).permute(0, 2, 3, 1)
    turned = weight.flip(2, 3).permute(1, 2, 3, 0).long().numpy()  # (outputs, rows, columns, inputs)
    conv = Conv2d(turned, turned[:, 0, 0, 0] * 0, (1, 1), (2, 2, 3, 3))
    assert conv.run(ZeroStuff((2, 3)).run(frames_of(kind, 3))).tolist() == want.long().tolist()


def test_bounds_hold_0_only_where_there_are_zeros() -> None:
    kind = TensorType.integer((2, 2, 2), [2, -5], [3, -4])
    out = ZeroStuff((2, 1)).infer(kind)
    assert (out.lo, out.hi) == ((0, -5), (3, 0))
    out = ZeroStuff((2, 1)).infer(TensorType.integer((1, 2, 2), [2, -5], [3, -4]))
    assert (out.lo, out.hi) == ((2, -5), (3, -4))


@pytest.mark.parametrize(
    ("op", "kind", "message"),
    [
        (ZeroStuff((0, 1)), image(2, 2, 2), "at least 1"),
        (ZeroStuff((2, 2)), image(4), "height, width, channels"),
        (ZeroStuff((2, 2)), TensorType((2, 2, 1), IntType(True, 1), (-1,), (1,)), "not a bipolar one"),
    ],
)
def test_what_does_not_fit_is_refused(op: ZeroStuff, kind: TensorType, message: str) -> None:
    with pytest.raises(IntaglioError, match=message):
        op.infer(kind)


def test_it_takes_no_memory() -> None:
    parts = ZeroStuff((2, 2)).parts(Kernel(), image(2, 2, 3))
    assert {p.kind for p in parts} == {"register", "control", "counter", "constant_comparator"}
