"""LeNet-5 (6-16-120-84, with batch norm) on MNIST; half of its channels go.

python examples/mnist_lenet.py --board pynq-z2
"""

from __future__ import annotations

import torch
from data import TensorBatches, mnist
from intaglio.compress import Recipe
from torch import nn
from training import Example


class LeNet5(nn.Module):
    """Two convolutions, two hidden linear layers, ten classes."""

    def __init__(self, widths: tuple[int, int, int, int] = (6, 16, 120, 84)) -> None:
        super().__init__()
        a, b, c, d = widths
        self.features = nn.Sequential(
            nn.Conv2d(1, a, 5, padding=2, bias=False),
            nn.BatchNorm2d(a),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(a, b, 5, bias=False),
            nn.BatchNorm2d(b),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
        )
        self.classifier = nn.Sequential(
            nn.Linear(b * 25, c, bias=False),
            nn.BatchNorm1d(c),
            nn.ReLU(),
            nn.Linear(c, d, bias=False),
            nn.BatchNorm1d(d),
            nn.ReLU(),
            nn.Linear(d, 10),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.features(x))


def data() -> tuple[TensorBatches, TensorBatches]:
    """MNIST, training images moved by up to two pixels."""
    x, y, x_test, y_test = mnist()
    return TensorBatches(x, y, 128, shuffle=True, shift=2), TensorBatches(x_test, y_test, 1000)


net = LeNet5
example_input = torch.zeros(1, 1, 28, 28)
recipe = Recipe(method="layerwise", keep=0.5, weight_bits=4, act_bits=4, input_bits=8, shares=(0, 0.3, 0.4, 0.3))
board = "pynq-z2"

example = Example(
    "mnist_lenet", net, example_input, data, recipe, board,
    float_epochs=6, epochs=18, settings={"lr": 0.004, "retrain_lr": 0.75}, narrow=lambda: net((3, 8, 60, 42)),
)  # fmt: skip
trained, dense = example.trained, example.dense

if __name__ == "__main__":
    example.main()
