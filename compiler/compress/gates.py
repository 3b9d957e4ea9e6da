"""Gates: one learned number a group, which training opens or closes by gradient."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .quantisers.surrogates import fake_mask

GAIN = 20.0
"""log sigma^2 moves so many times as fast as a weight: a gate closes within hundreds of steps at a weight's rate."""


class GaussianGates(nn.Module):
    """z = mu + eps*sigma, drawn anew for each batch (DJPQ; VIBNet); a group of more noise than mean says nothing.

    Closing takes the groups of small mu^2/sigma^2; those that stay are multiplied by mu from then on.
    """

    def __init__(self, count: int, log_variance: float) -> None:
        super().__init__()
        self.start = log_variance
        self.mu = nn.Parameter(torch.ones(count))
        self.widening = nn.Parameter(torch.zeros(count))

    @property
    def log_variance(self) -> Tensor:
        return self.start + GAIN * self.widening

    def sample(self) -> Tensor:
        if not self.training:
            return self.mu
        return self.mu + torch.randn_like(self.mu) * (0.5 * self.log_variance).exp()

    def score(self) -> Tensor:
        return self.mu.square() / self.log_variance.exp()

    def regulariser(self) -> Tensor:
        """The mean over groups of log(1 + mu^2/sigma^2): the KL bound of VIBNet."""
        return torch.log1p(self.score()).mean()

    def openness(self) -> Tensor:
        """How much of the layer is open, 0 to 1, with a gradient: the mean of r/(1 + r), r = mu^2/sigma^2."""
        ratio = self.score()
        return (ratio / (1 + ratio)).mean()

    @torch.no_grad()
    def closed(self) -> Tensor:
        """What the groups are multiplied by once the gates are closed; the gates begin anew."""
        factor = self.mu.clone()
        self.mu.fill_(1)
        self.widening.zero_()
        return factor


class LogitGates(nn.Module):
    """A hard mask, logit > 0, with the gradient of a sigmoid (Colombo, Gao)."""

    def __init__(self, count: int, temperature: float) -> None:
        super().__init__()
        self.temperature = temperature
        self.logits = nn.Parameter(torch.full((count,), 0.1))

    def sample(self) -> Tensor:
        return fake_mask(self.logits, self.temperature)

    def score(self) -> Tensor:
        return self.logits - self.logits.detach().min()  # a score is no less than 0

    def regulariser(self) -> Tensor:
        """The mean probability that a group is open: the complexity of the mask."""
        return torch.sigmoid(self.temperature * self.logits).mean()

    def openness(self) -> Tensor:
        return self.regulariser()

    def closed(self) -> Tensor:
        return torch.ones_like(self.logits)


Gates = GaussianGates | LogitGates
