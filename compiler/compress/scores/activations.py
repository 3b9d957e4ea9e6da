"""Scores from activations: no labels, no gradients.

For coupled channels and blocks of pixels they are measured on post-activation tensors; under other structures a weight
is worth its size times the score of the channel that it reads.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .score import Score


def by_channel(x: Tensor) -> Tensor:
    """The mean over batch, height and width of x (batch, channels, ...)."""
    return x.mean(dim=[axis for axis in range(x.dim()) if axis != 1])


def by_pixel(x: Tensor) -> Tensor:
    """The mean over batch and channels of x (batch, channels, height, width)."""
    return x.mean(dim=(0, 1))


def _non_zero(x: Tensor) -> Tensor:
    return (x != 0).to(x.dtype)


def _times_input(weight: Tensor, statistic: Tensor) -> Tensor:
    return weight.abs() * statistic


SCORES = {
    "mean-abs-activation": Score("activations", _times_input, of_activations=torch.abs),
    "fraction-non-zero": Score("activations", _times_input, of_activations=_non_zero),
}
"""mean-abs-activation: the mean of |a| (Zhang, Colbert, Das 2022). fraction-non-zero: how often it says anything at all
(an L0 norm)."""
