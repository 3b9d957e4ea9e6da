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
from intaglio.ops.rounding import ROUNDINGS, boundary
from intaglio.ops.rounding import rounded as fast
from requantiser_twins import check_channels, check_semantics, tensors
from rounding_twin import rounded

fractions = st.fractions(-3, 3, max_denominator=1000)


@st.composite
def cases(draw: Any) -> tuple[Requantise, TensorType]:
    kind = draw(tensors())
    slope = [draw(fractions) for _ in range(kind.channels)]
    offset = [draw(fractions) for _ in range(kind.channels)]
    low, high = sorted((draw(st.integers(-300, 300)), draw(st.integers(-300, 300))))
    rounding, zero = draw(st.sampled_from(ROUNDINGS)), draw(st.integers(-9, 9))
    return Requantise(np.array(slope, object), np.array(offset, object), low, high, None, rounding, zero), kind


@given(cases())
def test_equals_its_twin(case: tuple[Requantise, TensorType]) -> None:
    check_semantics(*case)
    check_channels(*case)


@given(st.sampled_from(ROUNDINGS), st.integers(-40, 40), st.integers(-9, 9))
def test_a_boundary_is_the_least_number_that_rounds_to_k(mode: str, halves: int, k: int) -> None:
    v, (edge, closed) = Fraction(halves, 4), boundary(mode, k)
    assert (v >= edge if closed else v > edge) == (rounded(mode, v) >= k) == (fast(mode, v) >= k)
    assert fast(mode, v) == rounded(mode, v)


def test_it_is_not_hardware() -> None:
    op = Requantise(np.array([Fraction(1, 2)], object), np.array([Fraction(0)], object), 0, 15)
    with pytest.raises(IntaglioError, match="compile chooses threshold, mul_shift or shift") as error:
        op.kernels(TensorType.integer((1,), 0, 9))
    assert error.value.hint
