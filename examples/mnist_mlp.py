"""A multilayer perceptron, 784-64-64-10, on MNIST."""

from __future__ import annotations

import numpy as np
import torch
from data import TensorBatches, mnist
from torch import nn
from training import train

from intaglio.compress import History, PreparedModel, Recipe

example_input = torch.zeros(1, 1, 28, 28)
recipe = Recipe(method="layerwise", keep=0.5, weight_bits=4, act_bits=4, input_bits=8)
board = "pynq-z2"
FLOAT_EPOCHS, EPOCHS = 15, 25


def mlp(width: int) -> nn.Module:
    """Two hidden layers of `width` neurons, with batch norm."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(784, width, bias=False),
        nn.BatchNorm1d(width),
        nn.ReLU(),
        nn.Linear(width, width, bias=False),
        nn.BatchNorm1d(width),
        nn.ReLU(),
        nn.Linear(width, 10),
    )


def net() -> nn.Module:
    """The network, not yet trained."""
    return mlp(64)


def narrow() -> nn.Module:
    """The network that pruning leaves, to be trained from scratch beside it."""
    return mlp(32)


def data() -> tuple[TensorBatches, TensorBatches]:
    """MNIST, training images moved by up to one pixel."""
    x, y, x_test, y_test = mnist()
    return TensorBatches(x, y, 128, shuffle=True, shift=1), TensorBatches(x_test, y_test, 1000)


def trained(
    recipe: Recipe = recipe, epochs: int = EPOCHS, progress: bool = True
) -> tuple[PreparedModel, np.ndarray, np.ndarray]:
    """The frozen model, and images and labels to test it with; a second call finds the first one's work."""
    model, _ = fit(recipe, epochs, progress)
    _, _, x, y = mnist()
    return model, x.numpy(), y.numpy()
