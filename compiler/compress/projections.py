"""Projections: from scores to the nearest thing a budget allows."""

from __future__ import annotations

from math import floor

import torch
from torch import Tensor


def channels_kept(channels: int, share: float) -> int:
    """How many of `channels` stay: the nearest whole number (half up), at least one."""
    return min(channels, max(1, floor(channels * share + 0.5)))


def top_k(scores: Tensor, count: int, alive: Tensor | None = None) -> Tensor:
    """The mask (1 stays, 0 goes) of the `count` best; ties go to the lower index. What is not `alive` stays gone."""
    ranked = scores.detach().to("cpu", torch.float64)
    if alive is not None:
        ranked = ranked.masked_fill(alive.cpu() == 0, float("-inf"))
    order = torch.argsort(ranked, descending=True, stable=True)
    mask = torch.zeros(len(ranked), dtype=scores.dtype)
    mask[order[:count]] = 1
    return mask.to(scores.device)
