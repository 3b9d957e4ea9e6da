"""How far estimates are from measurements: errors on configurations held out, exactness of rules, ranks.

Every fifth configuration of each operator is held out of the fit that predicts it, five times over, so that each
module is predicted once by prices that have not seen it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from ..estimate.features import SAVINGS, features, fixed, may_cost
from ..estimate.fit import Floats, errors, fit, predict
from ..estimate.prices import Prices
from .measure import Row
from .specimens import Specimen

Chosen = Sequence[tuple[Specimen, Row]]

FITTED = ("lut", "ff")
RULES = ("dsp", "bram36", "uram")

FOLDS = 5
"""Every fifth module is held out of the fit that its stated error comes from."""

SPREAD = 0.35
"""By how much of itself the price of a feature may differ from operator to operator."""

CLASSES = (50, 200, 600, 2000)
"""LUTs that bound the classes of size; the errors that are published are of modules between the first and the last."""

RANKED = 8
"""Fewer modules than this are not ranked by themselves."""


def totals(specimen: Specimen) -> dict[str, float]:
    """The features of a module: those of its parts, added."""
    sums: dict[str, float] = {}
    for part in specimen.parts:
        for name, value in features(part).items():
            sums[name] = sums.get(name, 0.0) + part.count * value
    return sums


def fit_prices(
    family: str, chosen: Chosen, made_by: Mapping[str, Any], *, prior: Prices | None = None, spread: float = SPREAD
) -> Prices:
    """Prices of all modules together, and per operator what differs there.

    Args:
        family: of devices.
        chosen: modules and what was measured.
        made_by: provenance, to be written down with them.
        prior: prices that these stay near where few modules say otherwise; without, those of all modules are what those
            of an operator stay near.
        spread: by how much of themselves prices may differ from what they stay near.
    """
    every = [totals(specimen) for specimen, _ in chosen]
    members: dict[str, list[int]] = {operator: [] for operator in (prior.operators if prior is not None else ())}
    for number, (specimen, _) in enumerate(chosen):
        members.setdefault(specimen.operator, []).append(number)
    common: dict[str, dict[str, float]] = {}
    operators: dict[str, dict[str, dict[str, float]]] = {operator: {} for operator in members}
    for at, name in enumerate(FITTED):
        cells = [row[name] for _, row in chosen]
        rows = [{f: value for f, value in row.items() if may_cost(f, name)} for row in every]
        before = dict(prior.of("")[at]) if prior is not None else None
        common[name] = (before or {}) | fit(rows, cells, SAVINGS, prior=before, spread=spread)
        for operator, own in members.items():
            start = common[name] if prior is None else dict(prior.of(operator)[at])
            found = fit([rows[k] for k in own], [cells[k] for k in own], SAVINGS, prior=start, spread=spread)
            kept = {} if prior is None else prior.operators.get(operator, {}).get(name, {})
            operators[operator][name] = {**kept, **found}
    return Prices(family, common["lut"], common["ff"], operators, made_by)


def predicted(specimen: Specimen, prices: Prices, name: str) -> float:
    """LUTs ("lut") or flip-flops ("ff") of a module at these prices."""
    return max(0.0, predict(totals(specimen), prices.of(specimen.operator)[FITTED.index(name)]))


def by_rule(specimen: Specimen, name: str) -> float:
    """DSPs, block RAMs or UltraRAMs of a module."""
    return float(sum(part.count * getattr(fixed(part), name) for part in specimen.parts))


def held_out(chosen: Chosen, fitted: Callable[[Chosen], Prices]) -> dict[str, Floats]:
    """For "lut" and "ff", each module's prediction by prices that were fitted without it."""
    fold = [(specimen.index + specimen.index // FOLDS) % FOLDS for specimen, _ in chosen]
    found = {name: np.zeros(len(chosen)) for name in FITTED}
    for number in range(FOLDS):
        prices = fitted([pair for pair, k in zip(chosen, fold, strict=True) if k != number])
        for at, (specimen, _) in enumerate(chosen):
            if fold[at] == number:
                for name in FITTED:
                    found[name][at] = predicted(specimen, prices, name)
    return found


def judge(chosen: Chosen) -> dict[str, Any]:
    """The errors on modules held out."""
    return summary(chosen, held_out(chosen, lambda others: fit_prices("", others, {})))


def summary(chosen: Chosen, predictions: Mapping[str, Sequence[float] | Floats]) -> dict[str, Any]:
    """Errors by operator and by size; rules hit exactly; rank correlations.

    predictions: of "lut" and "ff", for each module.
    """
    found = {name: np.asarray(values, np.float64) for name, values in predictions.items()}
    measured = {name: np.array([row[name] for _, row in chosen]) for name in FITTED}
    missed = {name: errors(found[name], measured[name]) for name in FITTED}
    kinds = np.array([specimen.kind for specimen, _ in chosen])
    size = np.digitize(measured["lut"], CLASSES)
    sized = (measured["lut"] >= CLASSES[0]) & (measured["lut"] <= CLASSES[-1])
    exact = {name: [by_rule(specimen, name) == row[name] for specimen, row in chosen] for name in RULES}

    def group(those: np.ndarray) -> dict[str, Any]:
        return {"modules": int(those.sum()), **{name: _quantiles(missed[name][those]) for name in FITTED}}

    each = [str(kind) for kind in dict.fromkeys(kinds)]
    ranks = {"all": {name: _rank(found[name][sized], measured[name][sized]) for name in FITTED}}
    for kind in each:
        for step in range(1, len(CLASSES)):
            those = (kinds == kind) & (size == step)
            if those.sum() >= RANKED:
                low, high = CLASSES[step - 1 : step + 1]
                ranks[f"{kind}, {low} to {high} LUT"] = {
                    "modules": int(those.sum()),
                    **{name: _rank(found[name][those], measured[name][those]) for name in FITTED},
                }
    return {
        "modules": len(chosen),
        "equal": {name: f"{sum(flags)} of {len(flags)}" for name, flags in exact.items()},
        "sized": {"from_lut": CLASSES[0], "to_lut": CLASSES[-1], **group(sized)},
        "smaller": group(measured["lut"] < CLASSES[0]),
        "larger": group(measured["lut"] > CLASSES[-1]),
        "kinds": {kind: group((kinds == kind) & sized) for kind in each if ((kinds == kind) & sized).any()},
        "spearman": ranks,
    }


def _quantiles(values: np.ndarray) -> dict[str, float]:
    if not len(values):
        return {}
    return {name: round(float(np.percentile(values, at)), 4) for name, at in (("median", 50), ("p90", 90))}


def _rank(a: np.ndarray, b: np.ndarray) -> float | None:
    """Spearman's rank correlation; None where there is nothing to rank."""
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return round(float(spearmanr(a, b).statistic), 4)
