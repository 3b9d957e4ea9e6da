"""Prices from measurements: non-negative least squares on relative errors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

FLOOR = 20.0
"""Cells below which an absolute error counts, not a relative one: nobody minds 3 LUTs of 5."""


def nnls(matrix: Floats, target: Floats) -> Floats:
    """argmin ||matrix @ x - target|| with x >= 0, by Lawson and Hanson's active set."""
    columns = matrix.shape[1]
    solution = np.zeros(columns)
    free = np.zeros(columns, bool)
    gram, moment = matrix.T @ matrix, matrix.T @ target
    tolerance = 1e-9 * max(1.0, float(np.abs(moment).max(initial=0.0)))
    for _ in range(10 * columns + 10):
        gradient = moment - gram @ solution
        gradient[free] = -np.inf
        best = int(np.argmax(gradient))
        if gradient[best] <= tolerance:
            break
        free[best] = True
        while free.any():
            trial = np.zeros(columns)
            trial[free] = np.linalg.lstsq(gram[np.ix_(free, free)], moment[free], rcond=1e-12)[0]
            if (trial[free] > 0).all():
                solution = trial
                break
            falling = free & (trial <= 0)
            gap = solution[falling] - trial[falling]
            step = float(np.min(np.where(gap > 0, solution[falling] / np.where(gap > 0, gap, 1.0), 0.0)))
            solution = np.maximum(solution + step * (trial - solution), 0.0)
            free &= solution > 1e-12
            solution[~free] = 0.0
    return solution


def fit(rows: Sequence[dict[str, float]], measured: Sequence[float]) -> dict[str, float]:
    """Price by feature, such that each row's features times prices come near its measured value, relatively."""
    names = sorted({name for row in rows for name in row})
    matrix = np.array([[row.get(name, 0.0) for name in names] for row in rows], np.float64).reshape(-1, len(names))
    target = np.asarray(measured, np.float64)
    weight = 1.0 / np.maximum(target, FLOOR)
    scale = np.maximum(np.abs(matrix * weight[:, None]).max(axis=0, initial=0.0), 1e-12)
    prices = nnls(matrix * weight[:, None] / scale, target * weight) / scale
    return {name: round(float(price), 4) for name, price in zip(names, prices, strict=True) if price > 5e-5}


def predict(row: dict[str, float], prices: dict[str, float]) -> float:
    return sum(value * prices.get(name, 0.0) for name, value in row.items())


def errors(predicted: Sequence[float], measured: Sequence[float]) -> Floats:
    """|predicted - measured| relative to what was measured (at least FLOOR cells)."""
    p, m = np.asarray(predicted, np.float64), np.asarray(measured, np.float64)
    return np.abs(p - m) / np.maximum(m, FLOOR)
