"""Two residual blocks and an average pool on scikit-learn's digits (8x8); half of its channels go, coupled as they are.

python examples/digits_resnet.py
"""

from __future__ import annotations

import torch
from data import TensorBatches, digits
from intaglio.compress import Recipe
from torch import nn
from training import Example


class Block(nn.Module):
    """relu(x + f(x)); where the shape changes, a 1x1 convolution on the way around."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.first = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
        )
        self.second = nn.Sequential(nn.Conv2d(outputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs))
        self.around = (
            nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
            if stride > 1 or inputs != outputs
            else nn.Identity()
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.second(self.first(x)) + self.around(x))


class ResNet(nn.Module):
    """A stem, two residual blocks, an average pool, ten classes."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
        self.blocks = nn.Sequential(Block(width, width), Block(width, 2 * width, stride=2))
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2 * width, 10))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.blocks(self.stem(x)))


def data() -> tuple[TensorBatches, TensorBatches]:
    """The digits; 360 images are held out."""
    x, y, x_valid, y_valid = digits()
    return TensorBatches(x, y, 32, shuffle=True), TensorBatches(x_valid, y_valid, 360)


net = ResNet
example_input = torch.zeros(1, 1, 8, 8)
recipe = Recipe(
    method="layerwise", keep=0.5, weight_bits=4, act_bits=4, input_bits=8, shares=(0, 0.3, 0.4, 0.3),
    start_epoch=1, layer_epochs=1,
)  # fmt: skip
board = "pynq-z2"

example = Example(
    "digits_resnet", net, example_input, data, recipe, board,
    float_epochs=30, epochs=40, settings={"lr": 0.004, "retrain_lr": 0.75},
)  # fmt: skip
trained, dense = example.trained, example.dense

if __name__ == "__main__":
    example.main()
