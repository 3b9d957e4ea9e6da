"""threshold: semantics, bounds, channels, and what its hardware leaves out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from intaglio.errors import IntaglioError
from intaglio.ir import Kernel, TensorType
from intaglio.ops import Threshold
from requantiser_twins import check_channels, check_kernels, check_semantics, tensors


@st.composite
def cases(draw: Any) -> tuple[Threshold, TensorType]:
    kind = draw(tensors())
    levels = draw(st.integers(1, 7))
    rows = [sorted(draw(st.integers(-400, 700)) for _ in range(levels)) for _ in range(kind.channels)]
    base = [draw(st.integers(-9, 9)) for _ in range(kind.channels)]
    step = [draw(st.sampled_from([-1, 1])) for _ in range(kind.channels)]
    return Threshold(np.array(rows), np.array(base), np.array(step)), kind


@given(cases())
def test_equals_its_twin(case: tuple[Threshold, TensorType]) -> None:
    check_semantics(*case)
    check_channels(*case)


@given(cases())
def test_open_levels_are_the_same_function(case: tuple[Threshold, TensorType]) -> None:
    op, kind = case
    thresholds, base = op.open_levels(kind)
    check_semantics(Threshold(thresholds, base, op.step), kind)


def test_kernels() -> None:
    op = Threshold(np.array([[1, 5], [0, 9], [3, 3]]), np.array([0, -1, 4]), np.array([1, -1, 1]))
    check_kernels(op, TensorType.integer((2, 3), -10, 20))


def test_thresholds_out_of_reach_are_not_built() -> None:
    op = Threshold(np.array([[-99, 2, 5, 99]]), np.array([0]), np.array([1]))
    context = op.params(Kernel(), TensorType.integer((1,), 0, 7))
    assert context["levels"] == 2
    assert context["start"]["table"] == "{{1}}"


def test_shared_constants_take_no_memory() -> None:
    op = Threshold(np.tile([1, 2, 3], (8, 1)), np.zeros(8, int), np.ones(8, int))
    kernel, kind = Kernel(pe=2, simd=2), TensorType.integer((8,), 0, 7)
    context = op.params(kernel, kind)
    assert context["constant_width"] == 0
    assert not context["starts"]
    assert not any(part.kind.startswith("rom") for part in op.parts(kernel, kind))


def test_a_lane_that_shares_its_constants_leaves_the_memory_to_the_others() -> None:
    thresholds = np.array([[4], [1], [4], [2], [4], [3]])
    op = Threshold(thresholds, np.zeros(6, int), np.ones(6, int))
    context = op.params(Kernel(pe=2, simd=2), TensorType.integer((6,), 0, 7))
    assert context["constant_words"] == ["3'h1", "3'h2", "3'h3"]
    assert context["thresholds"]["vector"] == "{constants[0 +: 3], 3'h4}"


def test_wrong_channels() -> None:
    op = Threshold(np.zeros((2, 1), int), np.zeros(2, int), np.ones(2, int))
    with pytest.raises(IntaglioError, match="threshold has 2 channels, its input 3"):
        op.infer(TensorType.integer((3,), 0, 1))
