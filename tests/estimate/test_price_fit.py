"""The fit: non-negative, exact where an exact answer exists, relative."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from intaglio.estimate.fit import errors, fit, nnls, predict


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_nnls_meets_its_optimality_conditions(seed: int) -> None:
    rng = np.random.default_rng(seed)
    matrix = rng.random((rng.integers(1, 30), rng.integers(1, 12))) * rng.integers(0, 2, 1)
    matrix += rng.random(matrix.shape) * (rng.random(matrix.shape) < 0.5)
    target = rng.normal(size=len(matrix))
    x = nnls(matrix, target)
    gradient = matrix.T @ (target - matrix @ x)
    assert (x >= 0).all()
    assert (gradient <= 1e-7).all()
    assert np.abs(gradient[x > 0]).max(initial=0) < 1e-7


def test_fit_finds_the_prices_that_made_the_numbers() -> None:
    rng = np.random.default_rng(3)
    true = {"a": 2.5, "b": 0.0, "c": 1.25}
    rows = [{name: float(rng.integers(1, 50)) for name in true} for _ in range(20)]
    found = fit(rows, [predict(row, true) for row in rows])
    assert found == pytest.approx(true, abs=1e-3)


def test_only_savings_may_be_negative() -> None:
    rows = [{"a": 10.0 + k, "b": float(k % 4)} for k in range(20)]
    measured = [5 * row["a"] - 3 * row["b"] for row in rows]
    assert fit(rows, measured, {"b"}) == pytest.approx({"a": 5, "b": -3}, abs=1e-3)
    assert fit(rows, measured)["b"] == 0


def test_errors_are_relative_down_to_a_floor() -> None:
    assert errors([110, 3], [100, 1]) == pytest.approx([0.1, 0.1])
