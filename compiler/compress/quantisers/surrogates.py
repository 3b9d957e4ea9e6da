"""Gradient surrogates: what rounding does on the way forward, and what gradient passes on the way back.

The rounding rule is the only one Intaglio has: half up, floor(x/s + 1/2); the gradient passes straight through where
the clamp did not bite.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class FakeQuantise(torch.autograd.Function):
    """scale * clip(floor(x/scale + 1/2), lo, hi); the gradient is 1 where nothing was clipped, else 0."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, lo: int, hi: int) -> Tensor:
        codes = torch.floor(x / scale + 0.5)
        ctx.save_for_backward((codes >= lo) & (codes <= hi))
        return codes.clamp(lo, hi) * scale

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        (inside,) = ctx.saved_tensors
        return gradients[0] * inside, None, None, None


class FakeSign(torch.autograd.Function):
    """scale * (+1 where x >= 0, else -1); the gradient passes."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor) -> Tensor:
        return torch.where(x >= 0, scale, -scale)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


class FakeLevels(torch.autograd.Function):
    """scale * the nearest of `levels`; the gradient is 1 between the outermost levels (and half a step), else 0."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, levels: Tensor) -> Tensor:
        steps = x / scale
        ctx.save_for_backward((steps >= levels[0] - 0.5) & (steps <= levels[-1] + 0.5))
        return nearest(steps, levels) * scale

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (inside,) = ctx.saved_tensors
        return gradients[0] * inside, None, None


class FakeMask(torch.autograd.Function):
    """1 where a logit is positive, else 0: a sigmoid of infinite temperature; backwards one of temperature 1."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, temperature: float) -> Tensor:
        ctx.save_for_backward(logits)
        ctx.temperature = temperature
        return (logits > 0).to(logits.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (logits,) = ctx.saved_tensors
        soft = torch.sigmoid(logits * ctx.temperature)
        return gradients[0] * soft * (1 - soft) * ctx.temperature, None


class RoundToGrid(torch.autograd.Function):
    """grid * floor(x/grid + 1/2); the gradient passes."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, grid: Tensor) -> Tensor:
        return torch.floor(x / grid + 0.5) * grid

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


def fake_quantise(x: Tensor, scale: Tensor, lo: int, hi: int) -> Tensor:
    return FakeQuantise.apply(x, scale, lo, hi)  # type: ignore[no-untyped-call]


def round_to_grid(x: Tensor, grid: Tensor) -> Tensor:
    return RoundToGrid.apply(x, grid)  # type: ignore[no-untyped-call]


def nearest(x: Tensor, levels: Tensor) -> Tensor:
    """The nearest of sorted `levels`, the upper one on a tie."""
    levels = levels.to(x)
    return levels[torch.bucketize(x.contiguous(), (levels[1:] + levels[:-1]) / 2, right=True)]


def fake_levels(x: Tensor, scale: Tensor, levels: Tensor) -> Tensor:
    return FakeLevels.apply(x, scale, levels)  # type: ignore[no-untyped-call]


def fake_mask(logits: Tensor, temperature: float) -> Tensor:
    return FakeMask.apply(logits, temperature)  # type: ignore[no-untyped-call]
