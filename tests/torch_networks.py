"""Random PyTorch networks of everything that is taken, small enough to be run by the dozen."""

from __future__ import annotations

import random

import torch
import torch.nn.functional as F
from torch import nn
from torch_cases import ACTIVATIONS, Scale, SqueezeExcite

CURVES = [m for m in ACTIVATIONS if not isinstance(m, nn.Softmax) and getattr(m, "num_parameters", 1) == 1]


class Branches(nn.Module):
    """Two ways from one tensor, met again."""

    def __init__(self, left: nn.Module, right: nn.Module, how: str):
        super().__init__()
        self.left, self.right, self.how = left, right, how

    def forward(self, x):
        a, b = self.left(x), self.right(x)
        if self.how == "cat":
            return torch.cat([a, b, x], dim=1)
        return {"add": torch.add, "sub": torch.sub, "mul": torch.mul, "max": torch.maximum, "min": torch.minimum}[
            self.how
        ](a, b)


class Move(nn.Module):
    def __init__(self, how: str):
        super().__init__()
        self.how = how

    def forward(self, x):
        match self.how:
            case "crop":
                return x[:, :, 1:]
            case "half":
                return x[:, ::2]
            case "pad":
                return F.pad(x, (1, 0, 0, 1), value=0.25)
            case "turn":
                return x.transpose(2, 3)
            case "gate":
                return x * x.mean((2, 3), keepdim=True)
            case "rows":
                return x - x.amax(3, keepdim=True)
            case "affine":
                return 0.5 * x + 1
            case "flip":
                return x.flip(2)
        raise AssertionError(self.how)


def network(seed: int) -> tuple[nn.Module, tuple[int, ...]]:
    """The network in eval mode, and the shape of its input."""
    draw = random.Random(seed)
    torch.manual_seed(seed)
    shape = (draw.randint(1, 4), draw.randint(3, 7), draw.randint(3, 7))
    layers: list[nn.Module] = []
    x = torch.randn(2, *shape)
    for _ in range(draw.randint(2, 6)):
        layer = _layer(draw, x.shape[1], min(x.shape[2:])).eval()
        with torch.no_grad():
            y = layer(x)
        if y[0].numel() > 600 or 0 in y.shape:
            continue
        layers.append(layer)
        x = y
    if draw.random() < 0.6:
        layers += [nn.Flatten(), nn.Linear(x[0].numel(), 4)]
        layers += [nn.Softmax(1)] if draw.random() < 0.3 else []
    return nn.Sequential(*layers, nn.Identity()).eval(), shape


def _layer(draw: random.Random, channels: int, size: int, depth: int = 0) -> nn.Module:
    kind = draw.choice(["conv", "conv", "conv", "curve", "curve", "norm", "pool", "move", "branch", "excite", "grow"])
    match kind:
        case "conv":
            groups = draw.choice([g for g in (1, 1, 2, channels) if channels % g == 0])
            kernel = draw.randint(1, min(3, size))
            dilation = 2 if 2 * (kernel - 1) < size and draw.random() < 0.3 else 1
            outputs = groups * draw.randint(1, 3)
            conv = nn.Conv2d(channels, outputs, kernel, draw.randint(1, 2), draw.randint(0, 1), dilation, groups)
            return nn.Sequential(conv, norm(outputs), draw.choice(CURVES)) if draw.random() < 0.5 else conv
        case "curve":
            return draw.choice(CURVES)
        case "norm":
            return norm(channels) if draw.random() < 0.6 else Scale(channels, 1, 1)
        case "pool":
            kernel = draw.randint(1, min(3, size))
            pad, ceil = draw.randint(0, kernel // 2), draw.random() < 0.5
            if draw.random() < 0.5:
                return nn.MaxPool2d(kernel, draw.randint(1, 2), pad, ceil_mode=ceil)
            return nn.AvgPool2d(kernel, draw.randint(1, 2), pad, ceil, draw.random() < 0.5)
        case "move":
            moves = ["pad", "turn", "gate", "rows", "affine", "flip", *(["crop"] if size > 1 else []), "half"]
            return Move(draw.choice(moves))
        case "excite":
            return SqueezeExcite(channels, draw.choice(["linear", "conv"]))
        case "grow":
            if draw.random() < 0.5:
                return nn.Upsample(scale_factor=2)
            return nn.ConvTranspose2d(channels, draw.randint(1, 3), draw.randint(1, 3), draw.randint(1, 2))
    how = draw.choice(["add", "sub", "mul", "max", "min", "cat"])
    same = [nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), draw.choice(CURVES)) for _ in range(2)]
    return Branches(same[0], nn.Identity() if draw.random() < 0.4 else same[1], how)


def norm(channels: int) -> nn.Module:
    made = nn.BatchNorm2d(channels)
    for tensor in (made.running_mean, made.weight, made.bias):
        nn.init.normal_(tensor)
    nn.init.uniform_(made.running_var, 0.5, 2.0)
    return made
