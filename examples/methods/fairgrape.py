"""FairGRAPE (3): 90 % of the weights go; are some classes worse off than others?

    INTAGLIO_DATA=folder/of/mnist.npz python examples/methods/fairgrape.py

MNIST at 14x14 pixels, an MLP 196-64-10, all 10,000 test images: about 1,000 a class, so that a class's accuracy is
known to half a point. To train on there are five times as many images of the digits 0 to 4 as of 5 to 9, for groups in
life are not of one size, either. Groups are the classes. All arms prune in the same rounds of 10 % with the same
training between; they differ in the score and in the selection alone. Disparity is the standard deviation over classes
of the accuracy that they lost to pruning.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from experiment import Experiment, Measured, Outcome
from intaglio.compress import Recipe
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parent.parent))

from data import TensorBatches, mnist
from training import Example

ARMS = {
    "FairGRAPE": {},
    "Taylor": {"score": "taylor", "projections": ("top-k",)},
    "magnitude": {"score": "magnitude", "projections": ("top-k",)},
    "FairGRAPE's score, top-k": {"projections": ("top-k",)},
}
KEEP = 0.1
IMAGES, RARE = 8_000, 5
"""Of MNIST's first IMAGES, one in RARE is there to train on where it shows a digit from 5 to 9."""
FLOOR = 3.0
"""Points below the float network that an arm's accuracy may lie; beyond it a disparity says nothing."""


def net() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(196, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 10))


def data() -> tuple[TensorBatches, TensorBatches]:
    x, y, x_test, y_test = mnist()
    x, y, x_test = F.avg_pool2d(x[:IMAGES], 2), y[:IMAGES], F.avg_pool2d(x_test, 2)
    there = (y < 5) | (torch.arange(IMAGES) % RARE == 0)
    return TensorBatches(x[there], y[there], 100, shuffle=True), TensorBatches(x_test, y_test, 2_000)


EXAMPLE = Example(
    "mnist_14x14_rare", net, torch.zeros(1, 1, 14, 14), data, Recipe(), "pynq-z2",
    float_epochs=10, epochs=20, settings={"lr": 0.003, "retrain_lr": 1.0},
)  # fmt: skip


def by_class(right: Tensor, labels: Tensor) -> np.ndarray:
    """Each class's accuracy in percent."""
    return np.array([100 * float(right[labels == label].double().mean()) for label in range(10)])


def run(arm: str, seed: int) -> Measured:
    recipe = Recipe("fairgrape", keep=KEEP, shares=(0, 0.5, 0.4, 0.1), start_epoch=0, seed=seed, **ARMS[arm])
    model, _ = EXAMPLE.fit(recipe, progress=False)
    test = EXAMPLE.data()[1]
    dense, _ = EXAMPLE.fit_float(seed, EXAMPLE.data(), progress=False)
    with torch.no_grad():
        before, after = (
            by_class(one(test.x).argmax(dim=1) == test.y, test.y) for one in (dense.eval(), model)
        )  # fmt: skip
    found = {"accuracy": after.mean(), "lost": (before - after).mean(), "disparity": np.std(before - after)}
    found |= {"deviation": np.std(after), "gap": np.ptp(after)}
    found |= {f"class {label}": one for label, one in enumerate(after)}
    return {name: float(value) for name, value in found.items()}


def judge(found: Outcome) -> tuple[bool, str]:
    first, second, third, unfair = ARMS
    leads = [found.difference(a, b, "disparity") for a, b in ((first, second), (second, third))]
    classes = [[found.of(arm, f"class {label}").mean for label in range(10)] for arm in ARMS]
    each = "; ".join(
        f"{arm} {found.of(arm, 'disparity').text()} (worst class {min(of):.1f} %, best {max(of):.1f} %, all "
        f"{found.of(arm, 'accuracy').text(1)} %, {found.of(arm, 'lost').text(1)} lost)"
        for arm, of in zip(ARMS, classes, strict=True)
    )
    floor = all(found.of(arm, "lost").mean <= FLOOR for arm in ARMS)
    holds = floor and all(lead.high < 0 for lead in leads)
    beyond = "" if floor else f"; not all are within {FLOOR:.0f} points"
    greedy = found.difference(first, unfair, "disparity")
    against = (
        f"{first} - {second} {leads[0].text()}, {second} - {third} {leads[1].text()}, "
        f"{first} - {unfair} {greedy.text()}"
    )
    return holds, f"disparity in points: {each}; {against}{beyond}"


experiment = Experiment(
    3, "fairgrape", "At 90 % sparsity classes' accuracies differ less under FairGRAPE than under Taylor scores, and "
    f"less under these than under magnitudes, all within {FLOOR:.0f} points of FP32",
    "MNIST 14x14, half of the classes rare, MLP 196-64-10", tuple(ARMS), run, judge, seeds=4,
)  # fmt: skip

if __name__ == "__main__":
    experiment.main()
