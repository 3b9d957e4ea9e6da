"""Scores: what a group of weights or channels is worth."""

from torch import Tensor

from . import activations, weights
from .score import Score


def _no_weight(weight: Tensor, statistic: Tensor) -> Tensor:
    return statistic


GATED = {
    "gate-ratio": Score("gates", _no_weight, gates="gaussian"),
    "logit": Score("gates", _no_weight, gates="logit"),
}
"""gate-ratio: mu^2/sigma^2 of a learned noisy gate (DJPQ, VIBNet). logit: of a learned mask (Colombo, Gao)."""

SCORES: dict[str, Score] = {**activations.SCORES, **weights.SCORES, **GATED}

__all__ = ["SCORES", "Score"]
