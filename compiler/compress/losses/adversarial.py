"""Adversarial samples without a budget to tune (8): DeepFool's smallest steps, cut at their own mean length."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ...errors import IntaglioError

OVERSHOOT = 0.02
"""How far beyond the boundary a step goes (DeepFool)."""
SHORTEST = 1e-12


def deepfool(run: Callable[[Tensor], Tensor], x: Tensor, steps: int) -> Tensor:
    """eta: the smallest (linearised) change that moves each sample to another class; x + eta is adversarial.

    run: logits (batch, classes) of a batch, with gradients to it. x: (batch, ...).
    """
    eta = torch.zeros_like(x)
    first: Tensor | None = None
    for _ in range(steps):
        moved = (x + eta).detach().requires_grad_(True)
        logits = run(moved)
        if logits.dim() != 2 or logits.shape[1] < 2:
            raise IntaglioError("adversarial samples need an output of classes", where="recipe", hint="adversarial=0")
        first = logits.argmax(dim=1) if first is None else first
        gradients = torch.stack(
            [torch.autograd.grad(logits[:, c].sum(), moved, retain_graph=True)[0] for c in range(logits.shape[1])]
        )  # (classes, batch, ...)
        here = torch.arange(len(x), device=x.device)
        slope = (gradients - gradients[first, here]).flatten(2)
        gap = (logits - logits[here, first][:, None]).detach().T
        length = slope.norm(dim=2)
        distance = (gap.abs() + 1e-6) / length.clamp(min=1e-9)
        distance[first, here] = float("inf")
        nearest = distance.argmin(dim=0)
        direction = slope[nearest, here] / length[nearest, here].clamp(min=1e-9)[:, None]
        still = (logits.argmax(dim=1) == first).to(x)[:, None]
        step = still * direction * distance[nearest, here][:, None] * (1 + OVERSHOOT)
        eta = eta + step.reshape(x.shape)
    return eta.detach()


def cut_at_mean(eta: Tensor) -> Tensor:
    """eta * min(1, delta/||eta||), delta the batch's mean ||eta||: no budget is given, the batch makes it."""
    norms = eta.flatten(1).norm(dim=1)
    return _scaled(eta, (norms.mean() / norms.clamp(min=SHORTEST)).clamp(max=1))


def stretched(eta: Tensor, budget: float) -> Tensor:
    """eta at a length of `budget`, whatever it was: adversarial training with a budget set by hand."""
    return _scaled(eta, budget / eta.flatten(1).norm(dim=1).clamp(min=SHORTEST))


def _scaled(eta: Tensor, factor: Tensor) -> Tensor:
    return eta * factor.reshape(-1, *(1,) * (eta.dim() - 1))
