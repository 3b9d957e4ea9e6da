"""Rate-distortion compression (5): pruning and clustering by curvature against pruning and clustering by magnitude.

    python examples/methods/rate_distortion.py

Digits, an MLP 64-64-32-32-10, not retrained, batch norms as they were trained: weights go by I*w^2 and meet in
I-weighted clusters, I being the curvature that needs no labels; or go by |w| and meet in plain clusters. The rate is in
Huffman bits, zeros included. Both are run at several shares of weights kept, and the test's cross-entropy is compared
at equal rates, by interpolation of its logarithm along each curve.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from common_four_layers import ON_MLP, float_accuracy, untrained
from experiment import Experiment, Measured, Outcome
from intaglio.compress import PreparedModel, Recipe
from intaglio.compress.storage import rate

KEEPS = (0.2, 0.3, 0.4, 0.55)
RATES = (1.75, 2.0, 2.25)
"""Bits a weight, Huffman, at which curves are compared."""
ARMS = {"curvature": "curvature-kl", "magnitude": "magnitude"}


def cross_entropy(model: PreparedModel) -> float:
    """Of the images held out, in nats."""
    held_out = ON_MLP.data()[1]
    with torch.no_grad():
        return float(F.cross_entropy(model(held_out.x), held_out.y))


def run(arm: str, seed: int) -> Measured:
    rates, losses, accuracies = [], [], []
    for keep in KEEPS:
        recipe = Recipe(
            "rate-distortion", score=ARMS[arm], keep=keep, weight_bits=4, act_bits=8, shares=(0, 0.5, 0.5, 0), seed=seed
        )  # fmt: skip
        model = untrained(ON_MLP, recipe, 4)
        rates.append(rate(model) / sum(model.producer(name).weight.numel() for name in model.macs))
        losses.append(np.log(cross_entropy(model)))
        held_out = ON_MLP.data()[1]
        accuracies.append(100 * float((model(held_out.x).argmax(dim=1) == held_out.y).double().mean()))
    at_30 = KEEPS.index(0.3)
    found = {"float accuracy": float_accuracy(ON_MLP, seed), "rate at keep 0.3": rates[at_30]}
    found |= {"cross-entropy at keep 0.3": float(np.exp(losses[at_30])), "accuracy at keep 0.3": accuracies[at_30]}
    for asked in RATES:
        found[f"cross-entropy at {asked:g}"] = float(np.exp(np.interp(asked, rates, losses)))
        found[f"accuracy at {asked:g}"] = float(np.interp(asked, rates, accuracies))
    return found | {"lowest rate": min(rates), "highest rate": max(rates)}


def judge(found: Outcome) -> tuple[bool, str]:
    parts, holds = [], True
    for asked in RATES:
        name = f"cross-entropy at {asked:g}"
        ours, others = found.of("curvature", name), found.of("magnitude", name)
        lead = found.difference("curvature", "magnitude", name)
        holds &= lead.high < 0
        accuracies = [found.of(arm, f"accuracy at {asked:g}").mean for arm in found.values]
        parts.append(
            f"at {asked:g} bits a weight {ours.text()} against {others.text()}, difference {lead.text()} "
            f"({accuracies[0]:.1f} and {accuracies[1]:.1f} % right)"
        )
    at_30 = " and ".join(
        f"{found.of(arm, 'cross-entropy at keep 0.3').text()} ({found.of(arm, 'rate at keep 0.3').mean:.2f} bits)"
        for arm in found.values
    )
    return holds, f"test cross-entropy: {'; '.join(parts)}; at 30 % of the weights kept {at_30}"


experiment = Experiment(
    5, "rate_distortion", "At equal Huffman rate and without retraining, pruning and clustering by curvature leaves a "
    "lower test cross-entropy than by magnitude", "digits, MLP 64-64-32-32-10", tuple(ARMS), run, judge,
    note="16 clusters. On the seeds 100 and 101 the two arms' curves cross with 4 and with 8 clusters, too: what "
    "magnitude keeps is cheaper to code.",
)  # fmt: skip

if __name__ == "__main__":
    experiment.main()
