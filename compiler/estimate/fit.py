"""Prices from measurements: non-negative least squares on relative errors."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

FLOOR = 20.0
"""Cells below which an absolute error counts, not a relative one: nobody minds 3 LUTs of 5."""


def nnls(matrix: Floats, target: Floats) -> Floats:
    """argmin ||matrix @ x - target|| with x >= 0, by Lawson and Hanson's active set."""
    solution = np.zeros(matrix.shape[1])
    free = np.zeros(len(solution), bool)
    barred = np.zeros(len(solution), bool)  # columns that rounding alone let in: not again before something changes
    tolerance = 1e-10 * float(np.abs(matrix.T @ target).max(initial=1.0))
    for _ in range(20 * len(solution) + 20):
        gradient = np.where(free | barred, -np.inf, matrix.T @ (target - matrix @ solution))
        best = int(np.argmax(gradient))
        if gradient[best] <= tolerance:
            break
        free[best] = True
        before = solution
        while free.any():
            trial = np.zeros(len(solution))
            trial[free] = np.linalg.lstsq(matrix[:, free], target, rcond=None)[0]
            falling = free & (trial <= 0)
            if not falling.any():
                solution = trial
                break
            gap = np.maximum(solution - trial, 1e-300)
            solution = solution + float((solution / gap)[falling].min()) * (trial - solution)
            free &= solution > 1e-12
            solution = np.where(free, solution, 0.0)
        if np.array_equal(before, solution):
            barred[best] = True
        else:
            barred[:] = False
    return solution


def fit(rows: Sequence[dict[str, float]], measured: Sequence[float], savings: Collection[str] = ()) -> dict[str, float]:
    """Price by feature, such that each row's features times prices come near its measured value, relatively.

    Prices are not negative, but for the features in `savings`, which may be of either sign.
    """
    if not rows:
        return {}
    names = sorted({name for row in rows for name in row})
    signs = [(name, sign) for name in names for sign in ((1.0, -1.0) if name in savings else (1.0,))]
    matrix = np.array([[sign * row.get(name, 0.0) for name, sign in signs] for row in rows]).reshape(-1, len(signs))
    target = np.asarray(measured, np.float64)
    weight = 1.0 / np.maximum(target, FLOOR)
    scale = np.maximum(np.abs(matrix * weight[:, None]).max(axis=0, initial=0.0), 1e-12)
    found = nnls(matrix * weight[:, None] / scale, target * weight) / scale
    prices = dict.fromkeys(names, 0.0)
    for (name, sign), price in zip(signs, found, strict=True):
        prices[name] += sign * float(price)
    return {name: round(price, 4) for name, price in prices.items()}


def predict(row: dict[str, float], prices: dict[str, float]) -> float:
    return sum(value * prices.get(name, 0.0) for name, value in row.items())


def errors(predicted: Sequence[float], measured: Sequence[float]) -> Floats:
    """|predicted - measured| relative to what was measured (at least FLOOR cells)."""
    p, m = np.asarray(predicted, np.float64), np.asarray(measured, np.float64)
    return np.abs(p - m) / np.maximum(m, FLOOR)
