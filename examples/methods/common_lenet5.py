"""Caffe's LeNet-5 on MNIST, the common ground of the ADMM papers: 20-50-500-10, 430,500 weights, no batch norm.

The last 5,000 training images are for choosing: nothing trains on them, and hyper-parameters are chosen by them. No
image is moved. The 10,000 test images are looked at by float networks and by frozen integer ones alone.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import intaglio
import torch
from intaglio.compress import PreparedModel, Recipe
from intaglio.compress.fit import evaluate
from torch import nn

sys.path.insert(0, str(Path(__file__).parent.parent))

from data import TensorBatches, mnist
from training import Example

HELD_BACK = 5_000
BATCH = 128
CONV1, CONV2, FC1, FC2 = "layer_0", "layer_2", "layer_5", "layer_7"
"""What `trace` calls the layers, of 500, 25,000, 400,000 and 5,000 weights."""


def net() -> nn.Module:
    """As Caffe has it: no activation behind the convolutions, no padding."""
    return nn.Sequential(
        nn.Conv2d(1, 20, 5),
        nn.MaxPool2d(2),
        nn.Conv2d(20, 50, 5),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(800, 500),
        nn.ReLU(),
        nn.Linear(500, 10),
    )


def data() -> tuple[TensorBatches, TensorBatches]:
    """55,000 images to train on, 5,000 to choose by."""
    x, y, _, _ = mnist()
    return (
        TensorBatches(x[:-HELD_BACK], y[:-HELD_BACK], BATCH, shuffle=True),
        TensorBatches(x[-HELD_BACK:], y[-HELD_BACK:], 1000),
    )


def tested(model: PreparedModel) -> float:
    """Percent of the 10,000 test images."""
    _, _, x, y = mnist()
    return 100 * evaluate(model, TensorBatches(x, y, 1000))


class LeNet5(Example):
    """Its weights lie channels last in memory, which makes its convolutions a third faster on a CPU."""

    def _prepared(self, recipe: Recipe) -> PreparedModel:
        model = super()._prepared(recipe)
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return model

    def fit_from(
        self, start: PreparedModel, name: str, recipe: Recipe, epochs: int, lr: float = 1e-3, smoothing: float = 0.0
    ) -> PreparedModel:
        """The frozen model of a recipe that goes on from another model; resumed from build/ where it stopped.

        smoothing: of the labels. On CUDA where there is such a device.
        """
        model = self._prepared(recipe).copy_weights(start)
        from_here = hashlib.sha256(b"".join(p.detach().cpu().numpy().tobytes() for p in start.parameters())).hexdigest()
        file = self._file(f"{self.name}-{name}", recipe.resolved(), epochs, lr, smoothing, from_here)
        intaglio.fit(
            model, *self.data(), epochs, lr=lr, retrain_lr=1.0, label_smoothing=smoothing, device=self.device,
            progress=False, checkpoint=file, log_csv=file.with_suffix(".csv"),
        )  # fmt: skip
        with torch.no_grad():  # for who goes on from here: what is masked is gone
            for layer in model.macs:
                producer = model.producer(layer)
                producer.weight.mul_(1 if producer.provisional is None else producer.provisional)
        return model.cpu()


EXAMPLE = LeNet5(
    "lenet5", net, torch.zeros(1, 1, 28, 28), data, Recipe("admm", weight_bits=3, act_bits=8), "pynq-z2",
    float_epochs=12, epochs=18, settings={"lr": 1e-3, "retrain_lr": 1.0},
    device="cuda" if torch.cuda.is_available() else "cpu",
)  # fmt: skip
