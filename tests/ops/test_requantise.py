"""requantise: exact rational arithmetic; never hardware."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from intaglio.errors import IntaglioError
from intaglio.ir import TensorType
from intaglio.ops import Requantise
from requantiser_twins import check_channels, check_semantics, tensors, twin

fractions = st.fractions(-3, 3, max_denominator=1000)


@st.composite
def cases(draw: Any) -> tuple[Requantise, TensorType]:
    kind = draw(tensors())
    slope = [draw(fractions) for _ in range(kind.channels)]
    offset = [draw(fractions) for _ in range(kind.channels)]
    low, high = sorted((draw(st.integers(-300, 300)), draw(st.integers(-300, 300))))
    return Requantise(np.array(slope, object), np.array(offset, object), low, high), kind


@given(cases())
def test_equals_its_twin(case: tuple[Requantise, TensorType]) -> None:
    check_semantics(*case)
    check_channels(*case)


@given(st.fractions(Fraction(1, 100), 3), st.fractions(-9, 9), st.integers(1, 15))
def test_thresholds_are_the_least_inputs(slope: Fraction, offset: Fraction, high: int) -> None:
    op = Requantise(np.array([slope], object), np.array([offset], object), 0, high)
    for level, least in enumerate(op.thresholds(0), start=1):
        assert twin(op, 0, least) >= level > twin(op, 0, least - 1)


def test_it_is_not_hardware() -> None:
    op = Requantise(np.array([Fraction(1, 2)], object), np.array([Fraction(0)], object), 0, 15)
    with pytest.raises(IntaglioError, match="compile chooses threshold, mul_shift or shift") as error:
        op.kernels(TensorType.integer((1,), 0, 9))
    assert error.value.hint
