"""Joint layerwise channel pruning and quantisation (1), in four claims, on digits with four convolutions 8-8-16-16.

    python examples/methods/joint_layerwise.py

ranking: how the ranking of the last convolution's channels agrees (Kendall's tau) with the one that the dense network
gives, where the three convolutions before it have lost a share of their channels; at 0 % only training went on between.
score: at half of the channels and no retraining, mean |activation| against the norm of the weights, on two smaller
networks.
schedule: layerwise, one-shot, stepwise and the narrow network from scratch, after as many epochs each.
density: accuracy per Mbit of weights and feature maps, of pruning, quantising, and both.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import intaglio
from common_four_layers import ON_CNN, ON_MLP, ON_PAIR, WIDTHS, cnn, float_accuracy, untrained
from experiment import Experiment, Measured, Outcome
from intaglio.compress import PreparedModel, Recipe
from intaglio.compress.fit import evaluate
from intaglio.estimate.figures import MEGA, figures
from intaglio.ir import Graph
from scipy.stats import kendalltau

HIDDEN = ("layer_0", "layer_3", "layer_7", "layer_10")
LAST = HIDDEN[-1]
SHARES = (0.0, 0.4, 0.4, 0.2)
WINDOWS = {"start_epoch": 0.5, "layer_epochs": 1.0}
"""An epoch here has 22 steps; the 0.125 epochs of CIFAR-100 have 49."""
KEEP = 0.5
FLOAT_BITS = 32
FLOOR = 2.0
"""Points of accuracy below the float network that a density may cost."""
DATA = "digits, CNN 8-8-16-16"


# -- ranking ---------------------------------------------------------------------------------------------------------
def ranked(driver: str, seed: int, sparsity: float) -> list[float]:
    """The last convolution's scores, seen by `driver` while `sparsity` of each convolution before it goes."""
    keep = dict.fromkeys(HIDDEN[:-1], 1 - sparsity) | {LAST: 0.5}
    recipe = Recipe(driver, keep=keep, shares=(0, 0.85, 0.15, 0), seed=seed, **WINDOWS)
    model, _ = ON_CNN.fit(recipe, 7, progress=False)
    return [float(score) for score in model.pruner.statistics[LAST].mean]


def ranking(arm: str, seed: int) -> Measured:
    sparsity = float(arm.removesuffix(" %")) / 100
    dense = ranked("one-shot", seed, 0.0)
    return {"tau": float(kendalltau(dense, ranked("layerwise", seed, sparsity)).statistic)}


def ranking_falls(found: Outcome) -> tuple[bool, str]:
    arms = list(found.values)
    falls = {arm: found.difference(arm, arms[0], "tau") for arm in arms[1:]}
    means = [found.of(arm, "tau").mean for arm in arms]
    numbers = "; ".join(f"{arm}: {found.of(arm, 'tau').text()}" for arm in arms)
    against = ", ".join(f"{fall.text()} ({arm})" for arm, fall in falls.items())
    holds = falls[arms[-1]].high < 0 and all(after < before for before, after in pairwise(means))
    return holds, f"tau at {numbers}; against {arms[0]} {against}"


# -- score -----------------------------------------------------------------------------------------------------------
NETWORKS = {"CNN 8-16": ON_PAIR, "MLP 64-32-32": ON_MLP}
"""Four convolutions are near chance without retraining, whichever half of their channels stays."""


def scored(arm: str, seed: int) -> Measured:
    recipe = Recipe(score=arm, keep=0.5, weight_bits=8, act_bits=8, shares=(0, 0.7, 0.3, 0), seed=seed, **WINDOWS)
    return {
        name: 100 * evaluate(untrained(example, recipe, 8), example.data()[1]) for name, example in NETWORKS.items()
    }  # fmt: skip


def score_wins(found: Outcome) -> tuple[bool, str]:
    ours, other = found.values
    leads = {name: found.difference(ours, other, name) for name in NETWORKS}
    numbers = "; ".join(
        f"{name} {found.of(ours, name).text(1)} % against {found.of(other, name).text(1)} %, lead {lead.text(1)} points"
        for name, lead in leads.items()
    )
    return all(lead.low > 0 for lead in leads.values()), f"W8A8: {numbers}"


# -- schedule --------------------------------------------------------------------------------------------------------
def compressed(seed: int, keep: float, weight_bits: int = 4, act_bits: int = 4, method: str = "layerwise") -> Recipe:
    return Recipe(
        method, keep=keep, weight_bits=weight_bits, act_bits=act_bits, shares=SHARES, seed=seed, **WINDOWS
    )  # fmt: skip


def scheduled(arm: str, seed: int) -> Measured:
    found = {}
    for keep in (KEEP,):
        if arm == "from scratch":
            widths = tuple(round(width * keep) for width in WIDTHS)
            name = f"{ON_CNN.name}_narrow_{'_'.join(map(str, widths))}"
            narrow = replace(ON_CNN, name=name, net=lambda widths=widths: cnn(widths))
            _, history = narrow.fit(compressed(seed, 1.0), progress=False)
        else:
            _, history = ON_CNN.fit(compressed(seed, keep, method=arm), progress=False)
        found[f"accuracy at {100 * keep:.0f} %"] = 100 * history.accuracy
    return found


def layerwise_leads(found: Outcome) -> tuple[bool, str]:
    ours, *others = found.values
    parts, holds = [], True
    for quantity in found.values[ours][0]:
        leads = {other: found.difference(ours, other, quantity) for other in others}
        holds &= all(lead.low > 0 for lead in leads.values())
        each = ", ".join(f"{arm} {found.of(arm, quantity).text()}" for arm in found.values)
        parts.append(
            f"{quantity} of the channels: {each}; layerwise leads by "
            + ", ".join(f"{lead.text()} ({other})" for other, lead in leads.items())
        )
    return holds, "; ".join(parts)


# -- density ---------------------------------------------------------------------------------------------------------
ARMS = ("pruned W4A4", "pruned W4A8", "pruned W8A8", "pruned", "W4A4", "W4A8", "W8A8", "dense")


def dense_of(arm: str, seed: int) -> Measured:
    pruned, bits = arm.startswith("pruned"), arm.removeprefix("pruned").strip()
    if arm == "dense":
        model, _ = ON_CNN.fit(compressed(seed, 1.0), progress=False)
        accuracy = float_accuracy(ON_CNN, seed)
        return {"accuracy": accuracy, "loss": 0.0, "density": float_density(model, accuracy)}
    weight_bits, act_bits = (int(bits[1]), int(bits[3])) if bits.startswith("W") else (4, 4)
    model, history = ON_CNN.fit(compressed(seed, KEEP if pruned else 1.0, weight_bits, act_bits), progress=False)
    if bits.startswith("W"):
        accuracy = 100 * history.accuracy
        density = figures(intaglio.lower(model)).density(accuracy) or 0.0
    else:  # the same run as it was before its quantisers came
        accuracy = 100 * next(e.valid_accuracy for e in reversed(history.epochs) if e.phase == "prune")
        density = float_density(model, accuracy)
    return {"accuracy": accuracy, "loss": float_accuracy(ON_CNN, seed) - accuracy, "density": density}


def float_density(model: PreparedModel, accuracy: float) -> float:
    """% per Mbit of the model's network if all its numbers had 32 bits."""
    graph = intaglio.lower(model)
    numbers = figures(graph).total.weights + sum(graph.types[name].size for name in stored(graph))
    return accuracy / (numbers * FLOAT_BITS / MEGA)


def stored(graph: Graph) -> set[str]:
    """The feature maps: what layers with weights read, and the outputs."""
    works = figures(graph).works
    return {i for n in graph.nodes if n.name in works and works[n.name].weights for i in n.inputs} | {*graph.outputs}


def both_beat_either(found: Outcome) -> tuple[bool, str]:
    both, loss = found.of(ARMS[0], "density"), found.of(ARMS[0], "loss")
    leads = [found.difference(ARMS[0], alone, "density") for alone in ("pruned", "W4A4")]
    numbers = "; ".join(
        f"{arm} {found.of(arm, 'density').text(0)} %/Mbit at {found.of(arm, 'accuracy').text()} %" for arm in ARMS
    )
    holds = loss.high <= FLOOR and all(lead.low > 0 for lead in leads)
    ratios = ", ".join(f"{both.mean / found.of(alone, 'density').mean:.1f}x {alone}" for alone in ("pruned", "W4A4"))
    return holds, f"half of the channels pruned: {numbers}. Both: {ratios}; {loss.text()} points lost"


COMMAND = {"command": "python examples/methods/joint_layerwise.py"}
experiments = (
    Experiment(
        1, "joint_layerwise_a_ranking", "The ranking of channels depends on how sparse the layers before are: its tau "
        "with the dense ranking falls with sparsity", DATA, ("0 %", "25 %", "50 %", "75 %"), ranking, ranking_falls,
        seeds=10, extra=COMMAND,
    ),
    Experiment(
        1, "joint_layerwise_b_score", "Without retraining, mean activation beats weight magnitude at half of the "
        "channels", "digits, two networks", ("mean-abs-activation", "magnitude"), scored, score_wins, seeds=8,
        extra=COMMAND,
        note="Batch norms stay as trained. Four convolutions are near chance either way (seeds 100 and 101: 8 against "
        "14 %).",
    ),
    Experiment(
        1, "joint_layerwise_c_schedule", "Layerwise beats one-shot, stepwise and a narrow network from scratch at W4A4",
        DATA, ("layerwise", "one-shot", "stepwise", "from scratch"), scheduled, layerwise_leads, extra=COMMAND,
    ),
    Experiment(
        1, "joint_layerwise_d_density", "Performance per memory footprint of pruned and quantised beats either alone, "
        f"within {FLOOR:.0f} points of FP32", DATA, ARMS, dense_of, both_beat_either, extra=COMMAND,
    ),
)  # fmt: skip

if __name__ == "__main__":
    for experiment in experiments:
        experiment.main()
