"""Selections: which groups stay, from their scores and a budget.

Each takes the scores of one or several layers (a global budget) and gives as many masks, 1 stays, 0 goes. What is not
alive stays gone; ties go to the lower index; at least one group of every layer stays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import floor

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Candidates:
    """What one layer offers. scores: (groups,), or (classes, groups). share: of it that stays, by its own budget.

    sizes: weights in each group. alive: which are still there.
    """

    scores: Tensor
    alive: Tensor
    sizes: Tensor
    share: float

    @property
    def totals(self) -> Tensor:
        """One score a group, in float64 on the CPU; -inf for what is gone."""
        scores = self.scores.detach().to("cpu", torch.float64)
        scores = scores.sum(dim=0) if scores.dim() > 1 else scores
        return scores.masked_fill(self.alive.cpu() == 0, float("-inf"))


Selection = Callable[[Sequence[Candidates], float], list[Tensor]]


def channels_kept(channels: int, share: float) -> int:
    """How many of `channels` stay: the nearest whole number (half up), at least one."""
    return min(channels, max(1, floor(channels * share + 0.5)))


def best_of(scores: Tensor, count: int) -> Tensor:
    """The mask of the `count` best scores that are not -inf; ties go to the lower index."""
    mask = torch.zeros(len(scores))
    mask[torch.argsort(scores, descending=True, stable=True)[:count]] = 1
    return mask * ~torch.isneginf(scores)


def top_k(layers: Sequence[Candidates], threshold: float) -> list[Tensor]:
    """The best groups. Of several layers together, by score per root of size (an L2 norm becomes a mean square)."""
    if len(layers) == 1:
        layer = layers[0]
        return [best_of(layer.totals, channels_kept(len(layer.sizes), layer.share))]
    totals = [layer.totals / layer.sizes.cpu().clamp(min=1).sqrt() for layer in layers]
    sizes = torch.cat([layer.sizes.cpu() for layer in layers])
    budget = sum(layer.share * int(layer.sizes.sum()) for layer in layers)
    for total in totals:
        if torch.isfinite(total).any():
            total[total.argmax()] = float("inf")  # the best of each layer comes first
    scores = torch.cat(totals)
    order = torch.argsort(scores, descending=True, stable=True)
    filled = sizes[order].cumsum(dim=0)
    mask = torch.zeros(len(scores))
    mask[order[filled <= max(budget + 0.5, 1)]] = 1
    mask[scores == float("inf")] = 1
    return list((mask * ~torch.isneginf(scores)).split([len(t) for t in totals]))  # type: ignore[no-untyped-call]


def cumulative_mass(layers: Sequence[Candidates], threshold: float) -> list[Tensor]:
    """The fewest groups that hold the layer's share of all its score (SpQuant-SNN)."""
    masks = []
    for layer in layers:
        totals = layer.totals
        mass = totals.clamp(min=0).nan_to_num(0.0)
        held = torch.sort(mass, descending=True, stable=True).values.cumsum(dim=0)
        count = int((held < layer.share * float(held[-1]) - 1e-12).sum()) + 1
        masks.append(best_of(totals, count))
    return masks


def above_threshold(layers: Sequence[Candidates], threshold: float) -> list[Tensor]:
    """All groups whose score is at least the threshold, and the best of each layer: no budget (DJPQ)."""
    return [torch.maximum((layer.totals >= threshold).float(), best_of(layer.totals, 1)) for layer in layers]


def fair_greedy(layers: Sequence[Candidates], threshold: float) -> list[Tensor]:
    """Every class group keeps its share of the layer's importance (FairGRAPE).

    Again and again the class group that lies furthest below its share takes the best weight (for it) that is left.
    """
    masks = []
    for layer in layers:
        scores = layer.scores.detach().to("cpu", torch.float64)
        if scores.dim() == 1 or len(scores) == 1:
            masks += top_k([layer], threshold)
            continue
        alive = layer.alive.cpu().numpy() != 0
        worth = np.where(alive, scores.numpy(), 0.0)
        masks.append(torch.from_numpy(_fairest(worth, alive, channels_kept(len(alive), layer.share))).float())
    return masks


def _fairest(worth: np.ndarray, alive: np.ndarray, count: int) -> np.ndarray:
    """The mask of `count` groups. worth: (classes, groups)."""
    totals = worth.sum(axis=1)
    target = totals / max(totals.sum(), 1e-300)
    order = np.argsort(-np.where(alive, worth, -np.inf), axis=1, kind="stable").tolist()
    taken, held, place = np.zeros(worth.shape[1], bool), np.zeros(len(worth)), [0] * len(worth)
    for _ in range(min(count, int(alive.sum()))):
        lacking = int(np.argmax(target * max(held.sum(), 1e-300) - held)) if held.any() else int(np.argmax(target))
        while taken[order[lacking][place[lacking]]]:
            place[lacking] += 1
        best = order[lacking][place[lacking]]
        taken[best] = True
        held += worth[:, best]
    return taken


SELECTIONS: dict[str, Selection] = {
    "top-k": top_k,
    "fair-greedy": fair_greedy,
    "cumulative-mass": cumulative_mass,
    "threshold": above_threshold,
}
