"""The fit: non-negative, exact where an exact answer exists, relative."""

from __future__ import annotations

import numpy as np
import pytest
from intaglio.estimate.fit import errors, fit, predict


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


def test_a_module_that_nothing_explains_does_not_spoil_the_prices() -> None:
    rows = [{"a": 10.0 + k, "b": float(5 + 7 * k % 11)} for k in range(20)]
    measured = [3 * row["a"] + 2 * row["b"] for row in rows]
    measured[7] *= 3
    assert fit(rows, measured) == pytest.approx({"a": 3, "b": 2}, rel=0.03)


def test_a_prior_holds_where_nothing_is_measured_and_yields_to_what_is() -> None:
    few = fit([{"a": 100.0, "b": 1.0}], [250.0], prior={"a": 2.0, "b": 1.0}, spread=0.05)
    assert 2.0 < few["a"] < 2.5
    assert few["b"] == pytest.approx(1.0, abs=0.02)
    rows = [{"a": 50.0 + k} for k in range(200)]
    many = fit(rows, [2.5 * row["a"] for row in rows], prior={"a": 2.0}, spread=0.3)
    assert many["a"] == pytest.approx(2.5, abs=0.01)


def test_errors_are_relative_down_to_a_floor() -> None:
    assert errors([110, 3], [100, 1]) == pytest.approx([0.1, 0.1])
