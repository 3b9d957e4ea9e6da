"""How far estimates are from measurements: errors on configurations held out, exactness of rules, ranks.

Every fifth configuration of each operator is held out of the fit that predicts it, five times over, so that each
module is predicted once by prices that have not seen it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import spearmanr
from scipy.stats import t as student

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

SIZED = (50, 2000)
"""LUTs of the modules whose errors are published."""

CLASSES = (SIZED, (50, 316), (316, 2000), (50, 200), (200, 600), (600, 2000))
"""LUTs from and to which modules of an operator are ranked: all, in two classes and in three."""

RANKED = 8
"""Fewer modules than this are not ranked by themselves."""

GOAL_DEGREES, GOAL_SCALE = 3.227, 0.06597
"""Student's t whose absolute values have a median of 5 % and a 90th percentile of 15 %: the errors asked for."""

DRAWN = 200
"""How often such errors are drawn, to see how they would rank."""


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
    low, high = SIZED
    sized = (measured["lut"] >= low) & (measured["lut"] <= high)
    exact = {name: [by_rule(specimen, name) == row[name] for specimen, row in chosen] for name in RULES}

    def group(those: np.ndarray) -> dict[str, Any]:
        return {"modules": int(those.sum()), **{name: _quantiles(missed[name][those]) for name in FITTED}}

    each = [str(kind) for kind in dict.fromkeys(kinds)]
    ranks = {"all": {name: _rank(found[name][sized], measured[name][sized]) for name in FITTED}}
    for kind in each:
        for low, high in CLASSES:
            those = (kinds == kind) & (measured["lut"] >= low) & (measured["lut"] < high + (high == SIZED[1]))
            if those.sum() >= RANKED:
                ranks[f"{kind}, {low} to {high} LUT"] = {
                    "modules": int(those.sum()),
                    **{name: _rank(found[name][those], measured[name][those]) for name in FITTED},
                    "lut_at_goal": _rank_at_goal(measured["lut"][those]),
                }
    return {
        "modules": len(chosen),
        "equal": {name: f"{sum(flags)} of {len(flags)}" for name, flags in exact.items()},
        "sized": {"from_lut": SIZED[0], "to_lut": SIZED[1], **group(sized)},
        "smaller": group(measured["lut"] < SIZED[0]),
        "larger": group(measured["lut"] > SIZED[1]),
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


def _rank_at_goal(measured: np.ndarray) -> float | None:
    """The mean rank correlation of numbers with themselves, with the errors asked for: what narrow classes allow."""
    noise = student.rvs(GOAL_DEGREES, scale=GOAL_SCALE, size=(DRAWN, len(measured)), random_state=0)
    ranks = [_rank(each, measured) for each in measured * np.exp(noise)]
    known = [rank for rank in ranks if rank is not None]
    return round(float(np.mean(known)), 4) if known else None
