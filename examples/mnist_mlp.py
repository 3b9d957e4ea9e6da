"""A multilayer perceptron, 784-64-64-10, on MNIST; half of its hidden channels go.

python examples/mnist_mlp.py --keep 1.0
"""

from __future__ import annotations

import torch
from data import TensorBatches, mnist
from intaglio.compress import Recipe
from torch import nn
from training import Example


def net(width: int = 64) -> nn.Module:
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


def data() -> tuple[TensorBatches, TensorBatches]:
    """MNIST, training images moved by up to one pixel."""
    x, y, x_test, y_test = mnist()
    return TensorBatches(x, y, 128, shuffle=True, shift=1), TensorBatches(x_test, y_test, 1000)


example_input = torch.zeros(1, 1, 28, 28)
recipe = Recipe(method="layerwise", keep=0.5, weight_bits=4, act_bits=4, input_bits=8, shares=(0, 0.3, 0.4, 0.3))
board = "pynq-z2"

example = Example(
    "mnist_mlp", net, example_input, data, recipe, board,
    float_epochs=15, epochs=20, settings={"lr": 0.004, "retrain_lr": 0.75}, narrow=lambda: net(32),
)  # fmt: skip
trained, dense = example.trained, example.dense

if __name__ == "__main__":
    example.main()
