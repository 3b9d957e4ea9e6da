"""ADMM's state: a target Z and a scaled multiplier U for every weight, and what draws W to Z.

minimise f(W) + rho/2 * ||W - Z + U||^2;   Z = projection(W + U);   U <- U + W - Z
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Splitting(nn.Module):
    """Z, U and rho of one layer; held: which weights lie on their target for good, where a driver sets some early."""

    target: Tensor
    multiplier: Tensor
    rho: Tensor
    held: Tensor | None

    def __init__(self, shape: torch.Size, rho: float, growth: float, *, holds: bool = False) -> None:
        super().__init__()
        self.first_rho, self.growth = rho, growth
        self.register_buffer("target", torch.zeros(shape))
        self.register_buffer("multiplier", torch.zeros(shape))
        self.register_buffer("rho", torch.tensor(rho))
        self.register_buffer("held", torch.zeros(shape, dtype=torch.bool) if holds else None)

    @torch.no_grad()
    def begin(self, weight: Tensor, target: Tensor) -> None:
        self.target.copy_(target)
        self.multiplier.zero_()
        self.rho.fill_(self.first_rho)
        if self.held is not None:
            self.held.zero_()

    def shifted(self, weight: Tensor) -> Tensor:
        """W + U: what is projected."""
        return weight.detach() + self.multiplier

    @torch.no_grad()
    def update(self, weight: Tensor, target: Tensor) -> None:
        """A new target; the multiplier is scaled by 1/rho, so it shrinks as rho grows."""
        self.target.copy_(target)
        self.multiplier.add_(weight - target).div_(self.growth)
        self.rho.mul_(self.growth)

    @torch.no_grad()
    def hold(self, weight: Tensor, alive: Tensor, share: float) -> None:
        """This share of the weights that are alive, those nearest to their target, is to stay on it."""
        assert self.held is not None
        distance = (weight - self.target).abs().masked_fill(self.held, -1.0).masked_fill(alive == 0, torch.inf)
        count = round(share * int((alive != 0).sum()))
        nearest = torch.zeros_like(distance, dtype=torch.bool).reshape(-1)
        nearest[torch.argsort(distance.reshape(-1), stable=True)[:count]] = True
        self.held |= nearest.reshape(distance.shape)

    @torch.no_grad()
    def put_back(self, weight: Tensor) -> None:
        """What is held, after a step of the optimiser."""
        if self.held is not None:
            weight.copy_(torch.where(self.held, self.target, weight))

    def quadratic(self, weight: Tensor) -> Tensor:
        return 0.5 * self.rho * (weight - self.target + self.multiplier).square().sum()

    @torch.no_grad()
    def residual(self, weight: Tensor) -> float:
        """||W - Z|| / ||W||."""
        return float((weight - self.target).norm() / weight.norm().clamp(min=1e-12))
