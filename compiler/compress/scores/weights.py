"""Scores from weights and their gradients.

Gradients are those of the user's own training: the model reads them in `step`, after the optimiser.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .score import Score


def _square(weight: Tensor, statistic: Tensor) -> Tensor:
    return weight.square()


def _taylor(weight: Tensor, statistic: Tensor) -> Tensor:
    """statistic: the mean of |g|."""
    return weight.abs() * statistic


def _curvature(weight: Tensor, statistic: Tensor) -> Tensor:
    """statistic: the diagonal I of the curvature, for each class group where there are some."""
    return weight.square() * statistic


SCORES = {
    "magnitude": Score("nothing", _square, torch.sqrt),
    "taylor": Score("gradients", _taylor),
    "curvature": Score("gradients squared", _curvature),
    "curvature-kl": Score("curvature", _curvature),
    "class-groups": Score("class groups", _curvature),
}
"""magnitude: |w|, the L2 norm of a group (Han et al. 2015; StructADMM). taylor: |w*g| (Molchanov et al.; Yu et al.).
curvature: E[g^2]*w^2 of the loss; curvature-kl: E[sum_c (df_c)^2 / f_c]*w^2, without labels (Gao et al. 2019).
class-groups: (w*g_k)^2 for each class group k (FairGRAPE)."""
