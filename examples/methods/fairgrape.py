"""FairGRAPE (3): 90 % of the weights go; are some classes worse off than others?

    INTAGLIO_DATA=folder/of/mnist.npz python examples/methods/fairgrape.py

MNIST at 14x14 pixels, 5,000 images to train on, all 10,000 test images (about 1,000 a class, so that a class's
accuracy is known to half a point), an MLP 196-64-10. Groups are the classes. All arms prune in the same rounds of 10 %
with the same training between; they differ in the score and in the selection alone. Disparity is the standard deviation
of the classes' accuracies and the gap between best and worst class.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from experiment import Experiment, Measured, Outcome
from intaglio.compress import Recipe
from torch import nn

sys.path.insert(0, str(Path(__file__).parent.parent))

from data import TensorBatches, mnist
from training import Example

ARMS = {
    "FairGRAPE": {},
    "Taylor": {"score": "taylor", "projections": ("top-k",)},
    "magnitude": {"score": "magnitude", "projections": ("top-k",)},
}
KEEPS = (0.1,)
IMAGES = 5_000
FLOOR = 3.0
"""Points below the float network that an arm's accuracy may lie; beyond it a disparity says nothing."""


def net() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(196, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 10))


def data() -> tuple[TensorBatches, TensorBatches]:
    x, y, x_test, y_test = mnist()
    x, x_test = F.avg_pool2d(x[:IMAGES], 2), F.avg_pool2d(x_test, 2)
    return TensorBatches(x, y[:IMAGES], 100, shuffle=True), TensorBatches(x_test, y_test, 2_000)


EXAMPLE = Example(
    "mnist_14x14_64", net, torch.zeros(1, 1, 14, 14), data, Recipe(), "pynq-z2",
    float_epochs=10, epochs=20, settings={"lr": 0.003, "retrain_lr": 1.0},
)  # fmt: skip


def run(arm: str, seed: int) -> Measured:
    found = {}
    for keep in KEEPS:
        recipe = Recipe("fairgrape", keep=keep, shares=(0, 0.5, 0.4, 0.1), start_epoch=0, seed=seed, **ARMS[arm])
        model, history = EXAMPLE.fit(recipe, progress=False)
        test = EXAMPLE.data()[1]
        right = model(test.x).argmax(dim=1) == test.y
        classes = [100 * float(right[test.y == label].double().mean()) for label in range(10)]
        at = f"at {100 * keep:.0f} %"
        found |= {f"accuracy {at}": 100 * float(right.double().mean()), f"lost {at}": 0.0}
        found[f"lost {at}"] = 100 * history.float_accuracy - found[f"accuracy {at}"]
        found |= {f"deviation {at}": float(np.std(classes)), f"gap {at}": max(classes) - min(classes)}
        found |= {f"class {label} {at}": one for label, one in enumerate(classes)}
    return found


def judge(found: Outcome) -> tuple[bool, str]:
    parts, holds = [], True
    for keep in KEEPS:
        at = f"at {100 * keep:.0f} %"
        each = "; ".join(
            f"{arm} {found.of(arm, f'deviation {at}').text()} (gap {found.of(arm, f'gap {at}').text(1)}, accuracy "
            f"{found.of(arm, f'accuracy {at}').text(1)} %)"
            for arm in ARMS
        )
        first, second, third = ARMS
        leads = [found.difference(a, b, f"deviation {at}") for a, b in ((first, second), (second, third))]
        if keep == KEEPS[0]:
            lost = max(found.of(arm, f"lost {at}").mean for arm in ARMS)
            holds = lost <= FLOOR and all(lead.high < 0 for lead in leads)
        parts.append(
            f"{100 * keep:.0f} % of the weights kept: deviation of class accuracies in points {each}; "
            f"FairGRAPE - Taylor {leads[0].text()}, Taylor - magnitude {leads[1].text()}"
        )
    return holds, ". ".join(parts)


experiment = Experiment(
    3, "fairgrape", "At 90 % sparsity classes' accuracies differ less under FairGRAPE than under Taylor scores, and "
    f"less under these than under magnitudes, all within {FLOOR:.0f} points of FP32", "MNIST 14x14, MLP 196-64-10",
    tuple(ARMS), run, judge,
)  # fmt: skip

if __name__ == "__main__":
    experiment.main()
