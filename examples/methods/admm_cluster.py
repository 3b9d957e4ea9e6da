"""Unified ADMM pruning and clustering (14): weights drawn to centroids, the easiest first, against k-means at once.

    python examples/methods/admm_cluster.py

A fifth of the weights stays, on 4 centroids (2 bits) a layer, that move with the weights; activations of 8 bits. The
arms differ in the driver alone: ADMM whose levels come in 4 rounds (the weights nearest to their centroid are set on it
and the others train on), ADMM whose levels come at its end, and magnitude pruning with k-means at once. All train as
long, with the straight-through estimator once weights are on centroids. On LeNet-5: lenet5.py.
"""

from __future__ import annotations

from common_admm import DATA, fitted, fp32, leads, ratio
from experiment import Experiment, Measured, Outcome
from intaglio.compress import Recipe

ARMS = {"easiest first": "easiest-first(admm)", "ADMM": "admm", "at once": "one-shot"}


def run(arm: str, seed: int) -> Measured:
    recipe = Recipe(
        "admm-cluster", driver=ARMS[arm], keep=0.2, weight_bits=2, act_bits=8, updates=12, start_epoch=0.0,
        shares=(0, 0.6, 0.25, 0.15), seed=seed,
    )  # fmt: skip
    model, accuracy = fitted(recipe)
    return {
        "accuracy": accuracy, "lost": fp32(seed) - accuracy, "without indices": ratio(model, "without_indices"),
        "with indices": ratio(model, "with_indices"),
    }  # fmt: skip


def judge(found: Outcome) -> tuple[bool, str]:
    ours, *others = ARMS
    against = dict(zip(others, leads(found, ours, others, "accuracy"), strict=True))
    each = "; ".join(
        f"{arm} {found.of(arm, 'accuracy').text()} % ({found.of(arm, 'lost').text()} points below FP32), "
        f"{found.of(arm, 'without indices').text(0)}x, {found.of(arm, 'with indices').text(0)}x with indices"
        for arm in ARMS
    )
    differences = ", ".join(f"{lead.text()} ({other})" for other, lead in against.items())
    return against["at once"].low > 0, f"{each}; easiest first leads by {differences}"


experiment = Experiment(
    14, "admm_cluster", "Pruning and clustering by ADMM, the easiest weights first, is more accurate than pruning and "
    "k-means at once, after as many epochs", DATA, tuple(ARMS), run, judge,
)  # fmt: skip

if __name__ == "__main__":
    experiment.main()
