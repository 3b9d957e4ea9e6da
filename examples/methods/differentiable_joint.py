"""Channels and widths learned together by gradient (7, DJPQ), against pruning first and quantising uniformly then.

Each arm gives a front of networks: DJPQ one for each weight of its BOPs term (with any width, or with 2, 4 and 8 bits
alone), two-stage one for each sparsity and width of a grid, pruned layer by layer. Of each network: accuracy, and bit
operations of the lowered graph. A DJPQ network is set against two-stage's front at the same BOPs, between whose points
accuracy is linear in log BOPs; the mean of these differences is one number a seed.

python examples/methods/differentiable_joint.py
"""

from __future__ import annotations

import intaglio
import numpy as np
from common_digits import fitted
from experiment import Experiment, Interval, Measured, Outcome, interval
from intaglio.compress import Recipe
from intaglio.estimate.figures import figures

SHARES = (0, 0.5, 0.3, 0.2)
BOPS_WEIGHTS = (0.3, 1.0, 3.0)
TWO_STAGE = ((1.0, 8), (0.75, 4), (0.5, 4), (0.5, 3), (0.25, 4))
"""Share of channels, bits of weights and activations."""
DENSE = 0
"""The network of TWO_STAGE that BOPs are counted against: all channels, 8 bits."""
LOSS = 1.0
"""Points of accuracy that may go."""


def run(arm: str, seed: int) -> Measured:
    found: Measured = {}
    for number, recipe in enumerate(recipes(arm, seed)):
        model, accuracy = fitted(recipe)
        found |= {f"accuracy {number}": accuracy, f"BOPs {number}": figures(intaglio.lower(model)).total.bops}
    return found


def recipes(arm: str, seed: int) -> list[Recipe]:
    if arm == "two-stage":
        return [
            Recipe("layerwise", keep=keep, weight_bits=bits, act_bits=bits, shares=SHARES, seed=seed)
            for keep, bits in TWO_STAGE
        ]
    return [Recipe(arm, bops_weight=weight, shares=SHARES, seed=seed) for weight in BOPS_WEIGHTS]


def points(found: Measured) -> list[tuple[float, float]]:
    """(BOPs, accuracy) of each network of an arm, in order of BOPs."""
    count = sum(name.startswith("BOPs") for name in found)
    return sorted((found[f"BOPs {n}"], found[f"accuracy {n}"]) for n in range(count))


def front_at(found: Measured, bops: float) -> float | None:
    """The best accuracy of an arm at so many BOPs or fewer, linear in between; None beyond its ends."""
    pairs = points(found)
    best = np.maximum.accumulate([accuracy for _, accuracy in pairs])
    logs = np.log([bops for bops, _ in pairs])
    inside = logs[0] <= np.log(bops) <= logs[-1]
    return float(np.interp(np.log(bops), logs, best)) if inside else None


def gain(outcome: Outcome, arm: str) -> Interval:
    """Points of accuracy above two-stage's front at equal BOPs, of each seed the mean."""
    means = []
    for mine, other in zip(outcome.values[arm], outcome.values["two-stage"], strict=True):
        pairs = [(accuracy, front_at(other, bops)) for bops, accuracy in points(mine)]
        means.append(float(np.mean([accuracy - at for accuracy, at in pairs if at is not None])))
    return interval(means)


def saving(outcome: Outcome, arm: str) -> Interval:
    """How many times fewer BOPs than the dense network of 8 bits take, at no more than LOSS points below it."""
    factors = []
    for mine, other in zip(outcome.values[arm], outcome.values["two-stage"], strict=True):
        floor, dense = other[f"accuracy {DENSE}"] - LOSS, other[f"BOPs {DENSE}"]
        factors.append(max((dense / bops for bops, accuracy in points(mine) if accuracy >= floor), default=1.0))
    return interval(factors)


def judge(outcome: Outcome) -> tuple[bool, str]:
    gains = {arm: gain(outcome, arm) for arm in ("djpq", "djpq-pow2")}
    shown = [f"{arm} {found.text()} points over two-stage at equal BOPs" for arm, found in gains.items()]
    shown += [f"{arm} {saving(outcome, arm).text(1)}x" for arm in outcome.values]
    text = f"{'; '.join(shown[:2])}; fewer BOPs than dense at 8 bits, at most {LOSS:g} point below it: "
    return gains["djpq"].low > 0, text + ", ".join(shown[2:]) + "."


experiment = Experiment(
    number=7,
    system="differentiable_joint",
    claim="At equal BOPs, channels and widths that are learned together are more accurate than two stages",
    data="digits, 16-32-10",
    arms=("djpq", "djpq-pow2", "two-stage"),
    run=run,
    judge=judge,
    seeds=4,
)

if __name__ == "__main__":
    experiment.main()
