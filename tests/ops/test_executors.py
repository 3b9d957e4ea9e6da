"""The simulator's fast forms equal `run`: convolutions tiled in every way, pools, dense layers, crooked staircases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from intaglio.ir import Op, TensorType
from intaglio.ops import Add, Conv2d, Dense, MaxPool, MulShift, Shift, SumPool, Threshold
from intaglio.ops import executors as ex
from intaglio.ops import staircase_executor as stairs


def agree(op: Op, *kinds: TensorType, frames: int = 3, seed: int = 0) -> Any:
    """The executor's dtype, once it has shown itself equal to run, on inputs in several dtypes, which it left alone."""
    rng = np.random.default_rng(seed)
    inputs = [rng.integers(k.lo_array, k.hi_array, (frames, *k.shape), endpoint=True) for k in kinds]
    for x, kind in zip(inputs, kinds, strict=True):
        x[0] = kind.lo_array
    expected, execute = op.run(*inputs), op.executor(*kinds)
    for dtype in (np.int64, np.float64):
        given_ones = [x.astype(dtype) for x in inputs]
        result = execute(*given_ones)
        assert result.shape == expected.shape
        assert (result == expected).all()
        assert all((x == y).all() for x, y in zip(given_ones, inputs, strict=True))
    return result.dtype


@st.composite
def images(draw: Any) -> TensorType:
    shape = draw(st.tuples(st.integers(3, 9), st.integers(3, 9), st.integers(1, 3)))
    low = draw(st.integers(-9, 9))
    return TensorType.integer(shape, low, low + draw(st.integers(0, 20)))


windows = st.tuples(
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.tuples(*[st.integers(0, 2)] * 4),
)


@given(images(), windows, st.integers(1, 4), st.integers(0, 2**32), st.sampled_from([0.0, 0.4, 1e6]))
def test_conv2d(kind: TensorType, window: Any, outputs: int, seed: int, copy_cost: float) -> None:
    rng = np.random.default_rng(seed)
    weight = rng.integers(-8, 8, (outputs, *window[0], kind.channels))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ex, "COPY_NS", copy_cost)  # from the narrowest tile to the widest
        agree(Conv2d(weight, rng.integers(-99, 99, outputs), window[1], window[2]), kind, seed=seed)


@given(images(), windows, st.integers(0, 2**32))
def test_pools(kind: TensorType, window: Any, seed: int) -> None:
    kernel, stride, padding = window
    agree(SumPool(kernel, stride, padding), kind, seed=seed)
    less = (kernel[0] - 1, kernel[0] - 1, kernel[1] - 1, kernel[1] - 1)
    agree(MaxPool(kernel, stride, tuple(map(min, padding, less))), kind, seed=seed)


@pytest.mark.parametrize(
    ("magnitude", "dtype"), [(100, np.float32), (1 << 21, np.float64), (1 << 50, np.int64)], ids=["f32", "f64", "i64"]
)
def test_dense_takes_the_narrowest_exact_carrier(magnitude: int, dtype: type) -> None:
    rng = np.random.default_rng(1)
    op = Dense(rng.integers(-50, 51, (5, 40)), rng.integers(-1000, 1000, 5))
    assert agree(op, TensorType.integer((40,), -magnitude, magnitude)) == dtype
    assert agree(op, TensorType.integer((2, 3, 40), 0, magnitude)) == dtype


def test_partial_sums_count_for_the_carrier() -> None:
    """The result is small, but the way there is not: float32 would round on it."""
    op = Dense(np.array([[1 << 23, 1 << 23, 1, -(1 << 23), -(1 << 23)]]), np.array([0]))
    kind = TensorType.integer((5,), 0, 3)
    assert agree(op, kind) == np.float64


def test_add() -> None:
    a, b = TensorType.integer((2, 3), -5, 9), TensorType.integer((2, 3), 0, 200)
    assert agree(Add(), a, b) == np.float32


def test_a_straight_staircase_is_one_multiply_and_add() -> None:
    op = MulShift(np.array([37, 41]), np.array([4096, -300]), 13, 0, 15)
    assert "affine" in op.executor(TensorType.integer((2,), -3000, 3000)).__qualname__
    thresholds = np.array([[10, 20, 30, 41], [-7, -5, -3, -1]])
    straight = Threshold(thresholds, np.array([0, 4]), np.array([1, -1]))
    kind = TensorType.integer((3, 2), -3000, 3000)
    assert "affine" in straight.executor(kind).__qualname__
    agree(straight, kind, frames=900)


def test_a_crooked_staircase_is_a_table() -> None:
    op = Threshold(np.array([[0, 1, 2, 90, 91, 500]]), np.array([3]), np.array([-1]))
    kind = TensorType.integer((1,), -600, 600)
    assert "table" in op.executor(kind).__qualname__
    agree(op, kind, frames=2000)


def test_a_crooked_staircase_of_a_wide_range_is_run_itself() -> None:
    op = Threshold(np.array([[0, 1, 2, 90, 91, 50000000]]), np.array([3]), np.array([-1]))
    kind = TensorType.integer((1,), -(10**9), 10**9)
    assert op.executor(kind) == op.run
    agree(op, kind)


def test_wide_accumulators_are_seen_in_float64() -> None:
    op = MulShift(np.array([3]), np.array([1 << 28]), 29, -8, 7)
    kind = TensorType.integer((1,), -(1 << 40), 1 << 40)
    assert agree(op, kind, frames=500) == np.float64
    near = np.concatenate([(np.arange(-9, 9) * (1 << 29) - (1 << 28)) // 3 + d for d in (-1, 0, 1, 2)])[:, None]
    assert (op.executor(kind)(near.astype(np.float64)) == op.run(near)).all()


def test_too_many_steps_are_left_to_run() -> None:
    op = Shift(np.array([0]), 0, -(10**6), 10**6)
    assert op.executor(TensorType.integer((1,), -(10**6), 10**6)) == op.run


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=12), st.sampled_from([-1, 1]), st.integers(-9, 9))
def test_steps_are_found_where_they_are(steps: list[int], direction: int, base: int) -> None:
    op = Threshold(np.array([sorted(steps)]), np.array([base]), np.array([direction]))
    found = stairs.find_stairs(op.run, TensorType.integer((1,), -60, 60))
    assert found is not None
    assert found.steps[:, 0].tolist() == sorted(steps)


def test_constants_beyond_float32_are_not_rounded() -> None:
    """Channels that never change: nothing but the clip would say what they are."""
    kind = TensorType.integer((2,), [-3, 4], [-3, 4])
    agree(MulShift(np.array([11724817, 1]), np.array([1776188997, 7]), 0, 0, 1 << 40), kind)


def test_a_requantiser_of_wide_results_runs_in_float64() -> None:
    kind = TensorType.integer((1,), 0, 600)
    assert agree(MulShift(np.array([1]), np.array([1 << 26]), 0, 0, 1 << 40), kind) == np.float64


@pytest.mark.parametrize("depthwise", [False, True])
def test_convolutions_read_views_whose_single_axes_have_any_stride(depthwise: bool) -> None:
    """One channel of many, one row of many: contiguous for NumPy, whatever the stride of that axis says."""
    rng = np.random.default_rng(5)
    whole = rng.integers(0, 9, (3, 4, 6, 5)).astype(np.float32)
    channels = 2 if depthwise else 1
    view = whole[:, 1:2, :, :channels]
    kind = TensorType.integer((1, 6, channels), 0, 8)
    weight = rng.integers(-4, 5, (channels if depthwise else 3, 1, 2, 1))
    op = Conv2d(weight, np.zeros(len(weight), np.int64), groups=channels)
    for x in (view, view[:, :, :, ::-1], np.lib.stride_tricks.as_strided(view, view.shape, (*view.strides[:3], 999))):
        if x.strides[3] == 999 and channels > 1:
            continue
        assert (op.executor(kind)(x) == op.run(np.array(x))).all()
