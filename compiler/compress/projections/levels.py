"""The nearest weights that lie on a codebook's levels."""

from __future__ import annotations

import torch
from torch import Tensor

from ..quantisers.codebooks import GRID, by_rows
from ..quantisers.kmeans import centroids_of, clustered, on_grid
from ..quantisers.ranges import TINY, WeightRange, best_steps
from ..quantisers.surrogates import nearest


@torch.no_grad()
def on_levels(weight: Tensor, mask: Tensor | None, found: WeightRange, importance: Tensor | None = None) -> Tensor:
    """`weight` on levels of the least squared error; what is masked becomes 0.

    found: names codebook, width, and whether a step holds for a row or for all. importance: of each weight, for
    clusters. One step a row (6: a search in one dimension; 13: sign(w)*mean|w|), or centroids for all (14).
    """
    alive = torch.ones_like(weight) if mask is None else mask.to(weight)
    if found.codebook == "cluster":
        chosen = alive != 0
        weights = None if importance is None else importance[chosen]
        centroids = centroids_of(weight[chosen], len(found.centroids), weights)
        step, codes = on_grid(centroids, GRID)
        return clustered(weight, codes * step) * alive
    rows, levels = weight.reshape(1 if found.per_tensor else len(weight), -1), found.levels
    kept = alive.reshape(rows.shape)
    if found.signs:
        step = ((rows.abs() * kept).sum(dim=1) / kept.sum(dim=1).clamp(min=1)).clamp(min=TINY)[:, None]
    else:
        step = best_steps(rows, kept, found.hi, levels, power_of_two=found.source == "shift")[:, None]
    codes = rows / step
    reach = by_rows(found.hi, 2)
    codes = torch.floor(codes + 0.5).clamp(-reach, reach) if levels is None else nearest(codes, levels)
    return (codes * step * kept).reshape(weight.shape)
