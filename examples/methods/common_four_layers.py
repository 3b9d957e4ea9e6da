"""Small networks on digits (8x8, 360 images held out), and recipes run on them without retraining."""

from __future__ import annotations

import sys
from pathlib import Path

import intaglio
import torch
from intaglio.compress import PreparedModel, Recipe
from intaglio.compress.fit import evaluate
from intaglio.compress.layers import BatchNormLayer
from torch import nn

sys.path.insert(0, str(Path(__file__).parent.parent))

import digits_cnn
from data import TensorBatches, digits
from training import Example

BATCH = 64
WIDTHS = (8, 8, 16, 16)


def cnn(widths: tuple[int, ...] = WIDTHS) -> nn.Module:
    """Four convolutions one behind the other, ten classes: deep enough for layers before a layer to matter."""
    layers: list[nn.Module] = []
    for number, (inputs, outputs) in enumerate(zip((1, *widths[:-1]), widths, strict=True)):
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
        layers += [nn.MaxPool2d(2)] if number % 2 else []
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(widths[-1] * 4, 10))


def mlp() -> nn.Module:
    """The jet tagger's hidden layers, 64-32-32 with batch norms, on 64 pixels and ten classes."""
    layers: list[nn.Module] = [nn.Flatten()]
    for inputs, outputs in ((64, 64), (64, 32), (32, 32)):
        layers += [nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(32, 10))


def data(batch: int = BATCH) -> tuple[TensorBatches, TensorBatches]:
    """The digits in batches; 360 images are held out."""
    x, y, x_valid, y_valid = digits()
    return TensorBatches(x, y, batch, shuffle=True), TensorBatches(x_valid, y_valid, len(x_valid))


ON_CNN = Example(
    "digits_cnn4", cnn, torch.zeros(1, 1, 8, 8), data, Recipe(), "pynq-z2",
    float_epochs=20, epochs=20, settings={"lr": 0.004, "retrain_lr": 0.75},
)  # fmt: skip
ON_PAIR = Example(
    "digits_cnn2", lambda: digits_cnn.net(8, 16), torch.zeros(1, 1, 8, 8), data, Recipe(), "pynq-z2",
    float_epochs=20, epochs=20, settings=ON_CNN.settings,
)  # fmt: skip
"""Two convolutions, each before a pool."""
ON_MLP = Example(
    "digits_mlp4", mlp, torch.zeros(1, 1, 8, 8), lambda: data(2 * BATCH), Recipe(), "pynq-z2",
    float_epochs=30, epochs=30, settings={"lr": 0.006, "retrain_lr": 0.75},
)  # fmt: skip


def float_accuracy(example: Example, seed: int) -> float:
    """Of the trained float network that all arms of a seed begin from, in percent."""
    return 100 * evaluate(example.fit_float(seed, example.data(), progress=False)[0], example.data()[1])


def untrained(example: Example, recipe: Recipe, epochs: int) -> PreparedModel:
    """The frozen model of a recipe without retraining: all steps have a learning rate of 0.

    In `epochs` passes scores and ranges see data, and weights leave or are quantised; batch norms stay as trained.
    """
    loaders = example.data()
    dense, _ = example.fit_float(recipe.seed, loaders, progress=False)
    torch.manual_seed(recipe.seed)
    model = intaglio.prepare(example.net(), example.example_input, recipe).copy_weights(dense)
    for part in model.modules_by_node.values():
        if isinstance(part, BatchNormLayer):
            part.momentum = 0.0
    intaglio.fit(model, *loaders, epochs, lr=0.0, progress=False)
    return model
