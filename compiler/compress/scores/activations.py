"""Scores from activations: no labels, no gradients.

For coupled channels they are measured on post-activation tensors; under other structures a weight is worth its size
times the score of the channel that it reads.
"""

from __future__ import annotations

from torch import Tensor

from .score import Score


def _all_but_channels(x: Tensor) -> list[int]:
    return [axis for axis in range(x.dim()) if axis != 1]


def mean_abs_activation(x: Tensor) -> Tensor:
    """The mean of |a| over batch, height and width (Zhang, Colbert, Das 2022)."""
    return x.abs().mean(dim=_all_but_channels(x))


def fraction_non_zero(x: Tensor) -> Tensor:
    """How often a channel says anything at all (an L0 norm)."""
    return (x != 0).to(x.dtype).mean(dim=_all_but_channels(x))


def _times_input(weight: Tensor, statistic: Tensor) -> Tensor:
    return weight.abs() * statistic


SCORES = {
    "mean-abs-activation": Score("activations", _times_input, of_activations=mean_abs_activation),
    "fraction-non-zero": Score("activations", _times_input, of_activations=fraction_non_zero),
}
