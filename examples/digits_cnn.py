"""The demo: a small convolutional network on scikit-learn's digits (8x8); half of its channels go.

python examples/digits_cnn.py --compare
"""

from __future__ import annotations

import torch
from data import TensorBatches, digits
from intaglio.compress import Recipe
from torch import nn
from training import Example


def net(first: int = 16, second: int = 32) -> nn.Module:
    """Two convolutions, ten classes."""
    return nn.Sequential(
        nn.Conv2d(1, first, 3, padding=1, bias=False),
        nn.BatchNorm2d(first),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(first, second, 3, padding=1, bias=False),
        nn.BatchNorm2d(second),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(second * 4, 10),
    )


def data() -> tuple[TensorBatches, TensorBatches]:
    """The digits; 360 images are held out."""
    x, y, x_valid, y_valid = digits()
    return TensorBatches(x, y, 32, shuffle=True), TensorBatches(x_valid, y_valid, 360)


example_input = torch.zeros(1, 1, 8, 8)
recipe = Recipe(
    method="layerwise", keep=0.5, weight_bits=4, act_bits=4, input_bits=8, shares=(0, 0.3, 0.4, 0.3),
    start_epoch=1, layer_epochs=1,
)  # fmt: skip
board = "pynq-z2"

example = Example(
    "digits_cnn", net, example_input, data, recipe, board,
    float_epochs=30, epochs=40, settings={"lr": 0.004, "retrain_lr": 0.75},
)  # fmt: skip
trained, dense = example.trained, example.dense

if __name__ == "__main__":
    example.main()
