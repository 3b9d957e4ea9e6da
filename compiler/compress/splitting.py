"""ADMM's state: a target Z and a scaled multiplier U for every weight, and what draws W to Z.

minimise f(W) + rho/2 * ||W - Z + U||^2;   Z = projection(W + U);   U <- U + W - Z
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Splitting(nn.Module):
    """Z, U and rho of one layer."""

    target: Tensor
    multiplier: Tensor
    rho: Tensor

    def __init__(self, shape: torch.Size, rho: float, growth: float) -> None:
        super().__init__()
        self.first_rho, self.growth = rho, growth
        self.register_buffer("target", torch.zeros(shape))
        self.register_buffer("multiplier", torch.zeros(shape))
        self.register_buffer("rho", torch.tensor(rho))

    @torch.no_grad()
    def begin(self, weight: Tensor, target: Tensor) -> None:
        self.target.copy_(target)
        self.multiplier.zero_()
        self.rho.fill_(self.first_rho)

    def shifted(self, weight: Tensor) -> Tensor:
        """W + U: what is projected."""
        return weight.detach() + self.multiplier

    @torch.no_grad()
    def update(self, weight: Tensor, target: Tensor) -> None:
        """A new target; the multiplier is scaled by 1/rho, so it shrinks as rho grows."""
        self.target.copy_(target)
        self.multiplier.add_(weight - target).div_(self.growth)
        self.rho.mul_(self.growth)

    def quadratic(self, weight: Tensor) -> Tensor:
        return 0.5 * self.rho * (weight - self.target + self.multiplier).square().sum()

    @torch.no_grad()
    def residual(self, weight: Tensor) -> float:
        """||W - Z|| / ||W||."""
        return float((weight - self.target).norm() / weight.norm().clamp(min=1e-12))
