"""shift: semantics, bounds, channels, kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from intaglio.errors import IntaglioError
from intaglio.ir import Kernel, TensorType
from intaglio.ops import Shift
from requantiser_twins import check_channels, check_clocks, check_kernels, check_semantics, tensors


@st.composite
def cases(draw: Any) -> tuple[Shift, TensorType]:
    kind = draw(tensors())
    addend = [draw(st.integers(-500, 500)) for _ in range(kind.channels)]
    low, high = sorted((draw(st.integers(-300, 300)), draw(st.integers(-300, 300))))
    return Shift(np.array(addend), draw(st.integers(0, 12)), low, high), kind


@given(cases())
def test_equals_its_twin(case: tuple[Shift, TensorType]) -> None:
    check_semantics(*case)
    check_channels(*case)


def test_kernels() -> None:
    check_kernels(Shift(np.array([3, -2, 5]), 2, -4, 7), TensorType.integer((2, 3), -10, 20))


def test_no_clip_where_the_bounds_need_none() -> None:
    context = Shift(np.array([8]), 4, 0, 15).params(Kernel(), TensorType.integer((1,), 0, 240))
    assert not context["clips_low"]
    assert not context["clips_high"]


def test_clocks() -> None:
    check_clocks(Shift(np.array([3, -2, 5]), 2, -4, 7), TensorType.integer((2, 3), -10, 20), Kernel(2, 2))


def test_wrong_channels() -> None:
    with pytest.raises(IntaglioError, match="shift has 2 channels, its input 3"):
        Shift(np.zeros(2, int), 0, 0, 1).infer(TensorType.integer((3,), 0, 1))
