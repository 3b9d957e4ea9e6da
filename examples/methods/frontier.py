"""Accuracy against LUTs: channel pruning and quantisation of a residual network, six ways, by our estimator.

`layerwise`, `one-shot` and `stepwise` (1), ADMM on channels (18), DJPQ (7), and narrow networks from scratch, each in
four sizes: of the budgeted methods a size is a share of channels at W4A4, of DJPQ a weight of BOPs. Every run ends in
an integer network that is compiled for one and the same rate; its LUTs are the estimate of that design. Methods are
compared at equal LUTs: along each seed's own curve in straight lines from size to size, over the logarithm of LUTs.

python examples/methods/frontier.py
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import intaglio
import numpy as np
from experiment import Experiment, Measured, Outcome, interval
from intaglio.compress import PreparedModel, Recipe
from intaglio.report.curves import Curve, draw_curves

sys.path.insert(0, str(Path(__file__).parent.parent))

import digits_resnet
from data import TensorBatches, digits
from training import FOLDER, Example

BOARD, RATE = "pynq-z2", 200_000
"""The whole network fits it at that many frames a second: LUTs differ because networks do, not because folds do."""

EPOCHS = 10
"""Of pruning and quantising, for every method; the split of it is the method's own."""

WIDTH = 16
KEPT = (3, 4, 5, 8)
"""Channels that stay of the WIDTH of the first layers; of the others, the same share."""

BOPS = (20.0, 10.0, 5.0, 2.5)
"""DJPQ's weights of BOPs, chosen on seed 100, in part by extrapolation, such that its designs span the others' LUTs."""

LEVELS = 4
"""At how many numbers of LUTs methods are compared, evenly over the logarithm of those that all curves reach."""

SHORT = {"start_epoch": 0.5, "layer_epochs": 0.5}
"""So that four layers, one after the other, find room in a pruning phase of three epochs."""

BUDGETED = {
    "layerwise": SHORT,
    "one-shot": SHORT,
    "stepwise": SHORT,
    "admm-structured": {"structure": "channel"},
}
ARMS = (*BUDGETED, "djpq", "from scratch")


def data() -> tuple[TensorBatches, TensorBatches]:
    """The digits, 360 images held out, in batches that leave fewer steps to an epoch than those of the example."""
    x, y, x_valid, y_valid = digits()
    return TensorBatches(x, y, 64, shuffle=True), TensorBatches(x_valid, y_valid, 360)


EXAMPLE = replace(
    digits_resnet.example, name="frontier", data=data, float_epochs=25, epochs=EPOCHS,
    settings={"lr": 0.006, "retrain_lr": 0.75},
)  # fmt: skip
PRICES = FOLDER / "frontier-lut.json"


def run(arm: str, seed: int) -> Measured:
    """Accuracy (%) and LUTs of all sizes of one method."""
    found: Measured = {}
    for size in range(len(KEPT)):
        example, recipe = setup(arm, size, seed)
        model, history = example.fit(recipe, progress=False)
        found |= {f"accuracy {size}": 100 * history.accuracy, f"LUT {size}": luts(model, example.name)}
    return found


def setup(arm: str, size: int, seed: int) -> tuple[Example, Recipe]:
    """The network to begin with, and what to make of it."""
    bits = {"weight_bits": 4, "act_bits": 4, "input_bits": 8, "seed": seed}
    if arm == "djpq":
        return EXAMPLE, Recipe("djpq", input_bits=8, seed=seed, bops_weight=BOPS[size])
    if arm == "from scratch":
        narrow = replace(EXAMPLE, name=f"frontier_{KEPT[size]}", net=lambda: digits_resnet.ResNet(KEPT[size]))
        return narrow, Recipe("layerwise", keep=1.0, **bits)
    return EXAMPLE, Recipe(arm, keep=KEPT[size] / WIDTH, **BUDGETED[arm], **bits)


def luts(model: PreparedModel, name: str) -> float:
    """Of the cheapest design at the common rate; kept in build/ for a run that was cut off."""
    known = json.loads(PRICES.read_text()) if PRICES.is_file() else {}
    key = f"{name} {model.recipe.resolved()} {EPOCHS} {BOARD} {RATE}"
    if key not in known:
        graph = replace(intaglio.lower(model), notes={})
        known[key] = round(intaglio.compile(graph, BOARD, target_fps=RATE).estimate().total.lut)
        PRICES.parent.mkdir(parents=True, exist_ok=True)
        PRICES.write_text(json.dumps(known, indent=1))
    return float(known[key])


def curve(one: Measured) -> tuple[np.ndarray, np.ndarray]:
    """Logarithms of LUTs in rising order, and accuracies, of one seed of one method."""
    luts_, accuracies = (np.array([one[f"{what} {size}"] for size in range(len(KEPT))]) for what in ("LUT", "accuracy"))
    order = np.argsort(luts_)
    return np.log(luts_[order]), accuracies[order]


def levels(values: Mapping[str, Sequence[Measured]]) -> np.ndarray:
    """Numbers of LUTs that lie within every curve."""
    ends = [curve(one)[0][[0, -1]] for runs in values.values() for one in runs]
    low, high = max(first for first, _ in ends), min(last for _, last in ends)
    return np.exp(np.linspace(low, high, LEVELS))


def at_equal_luts(values: Mapping[str, Sequence[Measured]], arm: str) -> np.ndarray:
    """(seeds, levels) accuracies in percent, along each seed's curve."""
    at = np.log(levels(values))
    return np.array([np.interp(at, *curve(one)) for one in values[arm]])


def judge(outcome: Outcome) -> tuple[bool, str]:
    """Is the first method ahead of every other one, in the mean over levels, paired by seed?"""
    values = outcome.values
    at = ", ".join(f"{level:,.0f}" for level in levels(values))
    rows = {arm: at_equal_luts(values, arm) for arm in ARMS}
    ahead = {arm: interval((rows[ARMS[0]] - rows[arm]).mean(axis=1)) for arm in ARMS[1:]}
    means = "; ".join(f"{arm} " + ", ".join(f"{m:.1f}" for m in rows[arm].mean(axis=0)) for arm in ARMS)
    text = f"accuracy (%) at {at} LUT: {means}. {ARMS[0]} minus the others, mean over levels: "
    text += ", ".join(f"{arm} {difference.text()}" for arm, difference in ahead.items()) + " points."
    return all(difference.low > 0 for difference in ahead.values()), text


def figure(outcome: Outcome) -> str:
    """Means over seeds with their 95 % intervals, as SVG."""
    values, curves = outcome.values, []
    for arm in ARMS:
        points = []
        for size in range(len(KEPT)):
            found = interval([one[f"accuracy {size}"] for one in values[arm]])
            half = found.half if np.isfinite(found.half) else 0.0
            points.append((float(np.mean([one[f"LUT {size}"] for one in values[arm]])), found.mean, half))
        curves.append(Curve(arm, *zip(*sorted(points), strict=True)))
    return draw_curves(curves, f"LUT at {RATE:,} frames/s on {BOARD} (estimated)", "accuracy (%)", logarithmic=True)


experiment = Experiment(
    number=19,
    system="frontier",
    claim="at equal LUTs, `layerwise` is more accurate than one-shot, stepwise, ADMM on channels, DJPQ and narrow "
    "networks from scratch",
    data="digits, residual network of 16 and 32 channels",
    arms=ARMS,
    run=run,
    judge=judge,
    seeds=3,
    figure=figure,
)

if __name__ == "__main__":
    experiment.main()
