"""k-means in one dimension, weighted: the clustered codebook (deep compression; Ye 2018; Gao et al. 2019)."""

from __future__ import annotations

import torch
from torch import Tensor

from .surrogates import nearest

ROUNDS = 30


def centroids_of(values: Tensor, count: int, importance: Tensor | None = None, rounds: int = ROUNDS) -> Tensor:
    """`count` sorted centroids (fewer distinct ones where there are fewer values) that minimise sum(I*(v - c)^2).

    They begin evenly spread between the least and the largest value, which keeps the rare large weights (deep
    compression, section 5.1).
    """
    values = values.reshape(-1)
    if not len(values):
        return torch.linspace(-1, 1, count, dtype=values.dtype, device=values.device)
    weights = torch.ones_like(values) if importance is None else importance.reshape(-1).clamp(min=0) + 1e-12
    centroids = torch.linspace(float(values.min()), float(values.max()), count, dtype=values.dtype).to(values.device)
    for _ in range(rounds):
        moved = lloyd(values, centroids, weights)
        if torch.equal(moved, centroids):
            break
        centroids = moved
    return centroids


def lloyd(values: Tensor, centroids: Tensor, importance: Tensor) -> Tensor:
    """One step: each centroid moves to the weighted mean of the values next to it; an empty one stays."""
    place = torch.bucketize(values.contiguous(), (centroids[1:] + centroids[:-1]) / 2, right=True)
    mass = torch.zeros_like(centroids).index_add_(0, place, importance)
    sums = torch.zeros_like(centroids).index_add_(0, place, importance * values)
    return torch.where(mass > 0, sums / mass.clamp(min=torch.finfo(sums.dtype).tiny), centroids).sort().values


def on_grid(centroids: Tensor, grid: int) -> tuple[Tensor, Tensor]:
    """The step of a grid whose outermost code is +-`grid`, and the codes of the centroids on it."""
    size = centroids.abs().max().clamp(min=1e-12)
    return size / grid, torch.floor(centroids / size * grid + 0.5)


def clustered(values: Tensor, centroids: Tensor) -> Tensor:
    """Each value's centroid."""
    return nearest(values, centroids)
