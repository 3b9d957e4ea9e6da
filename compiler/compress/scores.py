"""Scores: what a channel is worth, measured on its post-activation tensor while training goes on.

A score takes one batch of one tensor (batch, channels, ...) and gives one number a channel; the model keeps the running
mean of these over the steps of a layer's window, summed over the coupled tensors.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

Score = Callable[[Tensor], Tensor]


def _all_but_channels(x: Tensor) -> list[int]:
    return [axis for axis in range(x.dim()) if axis != 1]


def mean_abs_activation(x: Tensor) -> Tensor:
    """The mean of |a| over batch, height and width: no labels, no gradients."""
    return x.abs().mean(dim=_all_but_channels(x))


def fraction_non_zero(x: Tensor) -> Tensor:
    """How often a channel says anything at all."""
    return (x != 0).to(x.dtype).mean(dim=_all_but_channels(x))


SCORES: dict[str, Score] = {
    "mean-abs-activation": mean_abs_activation,
    "fraction-non-zero": fraction_non_zero,
}
