"""Quantising by learned numbers: gradients reach the step, the largest value and with them the width (DJPQ, LSQ)."""

from __future__ import annotations

import torch
from torch import Tensor

from .surrogates import nearest


def straight_through(exact: Tensor, smooth: Tensor) -> Tensor:
    """`exact` on the way forward, the gradient of `smooth` on the way back."""
    return smooth + (exact - smooth).detach()


def learned_levels(x: Tensor, scale: Tensor, lo: float, hi: float, levels: Tensor | None = None) -> Tensor:
    """x on codes lo .. hi (or `levels`) of a learned step `scale`."""
    steps = (x / scale).clamp(lo, hi)
    codes = torch.floor(steps + 0.5) if levels is None else nearest(steps, levels)
    return straight_through(codes, steps) * scale


def learned_width(x: Tensor, size: Tensor, step: Tensor, *, signed: bool) -> Tensor:
    """x within +-size (or 0 .. size) in whole steps: DJPQ's q_max and d, their exponent t being 1.

    Codes of a power t are no integers of one grid, so hardware could not multiply by them; t stays 1.
    """
    low = -size if signed else torch.zeros_like(size)
    inside = torch.minimum(torch.maximum(x, low), size)
    steps = inside / step
    return straight_through(torch.floor(steps + 0.5), steps) * step


def real_bits(size: Tensor, step: Tensor, *, signed: bool) -> Tensor:
    """How many bits a size and a step take: log2(size/step + 1), and one for the sign."""
    return torch.log2(size / step + 1) + float(signed)
