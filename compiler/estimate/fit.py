"""Prices from measurements: least squares on relative errors, robust, no price negative.

`fit` weighs a module that is predicted badly down (iteratively reweighted, Huber's loss: P. J. Huber, "Robust
estimation of a location parameter", 1964), so that what no feature describes does not spoil the prices of what some
do. With a `prior`, prices stay near it unless the measurements say otherwise (a ridge): that is how operators with few
modules share what the others have shown.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

FLOOR = 20.0
"""Cells below which an absolute error counts, not a relative one: nobody minds 3 LUTs of 5."""

KNEE = 0.04
"""The relative error from which on a module counts linearly and no longer squared."""

NOISE = 0.05
"""The relative error that a module is expected to be left with: how much one module says against a prior."""

LEAST_PRICE = 0.1
"""Prices below this differ from their prior by as much as this one would."""

ROUNDS = 6
"""Reweightings: the prices stand after four or five."""


def fit(
    rows: Sequence[Mapping[str, float]],
    measured: Sequence[float],
    savings: Collection[str] = (),
    *,
    prior: Mapping[str, float] | None = None,
    spread: float = 0.0,
) -> dict[str, float]:
    """Price by feature, such that each row's features times prices come near its measured value, relatively.

    Args:
        rows: what each module has of each feature.
        measured: its cells.
        savings: features whose price may be negative.
        prior: prices to stay near.
        spread: by how much of itself a price is expected to differ from the prior.
    """
    names = sorted({name for row in rows for name in row})
    if not names:
        return {}
    matrix = np.array([[row.get(name, 0.0) for name in names] for row in rows]).reshape(-1, len(names))
    target = np.asarray(measured, np.float64)
    pull = before = np.zeros(len(names))
    if prior is not None:
        before = np.array([prior.get(name, 0.0) for name in names])
        pull = NOISE / (spread * np.maximum(np.abs(before), LEAST_PRICE))
    free = np.array([name in savings for name in names], bool)
    relative = 1.0 / np.maximum(target, FLOOR)
    weight, prices = relative, np.zeros(len(names))
    for _ in range(ROUNDS):
        prices = _solve(matrix * weight[:, None], target * weight, free, before, pull)
        missed = np.abs(matrix @ prices - target) * relative
        weight = relative / np.sqrt(np.maximum(missed / KNEE, 1.0))
    return {name: round(float(price), 4) for name, price in zip(names, prices, strict=True)}


def _solve(matrix: Floats, target: Floats, free: Bools, prior: Floats, pull: Floats) -> Floats:
    """argmin ||matrix @ x - target||^2 + ||pull * (x - prior)||^2 with x >= 0 where it is not free."""
    if pull.any():
        matrix, target = np.vstack([matrix, np.diag(pull)]), np.concatenate([target, pull * prior])
    scale = np.maximum(np.abs(matrix).max(axis=0, initial=0.0), 1e-12)
    scaled = matrix / scale
    found, _ = nnls(np.hstack([scaled, -scaled[:, free]]), target)
    found[: len(scale)][free] -= found[len(scale) :]
    return np.asarray(found[: len(scale)], np.float64) / scale


def predict(row: Mapping[str, float], prices: Mapping[str, float]) -> float:
    return sum(value * prices.get(name, 0.0) for name, value in row.items())


def errors(predicted: Sequence[float], measured: Sequence[float]) -> Floats:
    """|predicted - measured| relative to what was measured (at least FLOOR cells)."""
    p, m = np.asarray(predicted, np.float64), np.asarray(measured, np.float64)
    return np.abs(p - m) / np.maximum(m, FLOOR)
