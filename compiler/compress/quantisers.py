"""Quantisers: a range source x a codebook x a gradient surrogate. The uniform one, on ranges from running statistics.

The rounding rule is the only one Intaglio has: half up, floor(x/s + 1/2); the gradient passes straight through where
the clamp did not bite.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

TINY = 1e-12
EMPTY_STEP = 2.0**-8  # of weights that are all 0
MEMORY = 1000
"""Batches after which a running mean begins to forget."""


class FakeQuantise(torch.autograd.Function):
    """scale * clip(floor(x/scale + 1/2), lo, hi); the gradient is 1 where nothing was clipped, else 0."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, lo: int, hi: int) -> Tensor:
        codes = torch.floor(x / scale + 0.5)
        ctx.save_for_backward((codes >= lo) & (codes <= hi))
        return codes.clamp(lo, hi) * scale

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        (inside,) = ctx.saved_tensors
        return gradients[0] * inside, None, None, None


class FakeSign(torch.autograd.Function):
    """scale * (+1 where x >= 0, else -1); the gradient passes."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor) -> Tensor:
        return torch.where(x >= 0, scale, -scale)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


class RoundToGrid(torch.autograd.Function):
    """grid * floor(x/grid + 1/2); the gradient passes."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, grid: Tensor) -> Tensor:
        return torch.floor(x / grid + 0.5) * grid

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


def fake_quantise(x: Tensor, scale: Tensor, lo: int, hi: int) -> Tensor:
    return FakeQuantise.apply(x, scale, lo, hi)  # type: ignore[no-untyped-call]


def fake_weights(weight: Tensor, scale: Tensor, bits: int) -> Tensor:
    """Weights on their grid: symmetric, `scale` per output channel (or one); a single bit is the sign."""
    scale = scale.reshape(-1, *(1,) * (weight.dim() - 1))
    if bits == 1:
        return FakeSign.apply(weight, scale.expand_as(weight))  # type: ignore[no-untyped-call]
    return fake_quantise(weight, scale, -symmetric_hi(bits), symmetric_hi(bits))


def round_to_grid(x: Tensor, grid: Tensor) -> Tensor:
    return RoundToGrid.apply(x, grid)  # type: ignore[no-untyped-call]


def symmetric_hi(bits: int) -> int:
    """The largest code of a symmetric signed quantiser."""
    return max(1, (1 << (bits - 1)) - 1)


def code_range(bits: int, signed: bool) -> tuple[int, int]:
    """The least and the largest code of an activation, as source.quantise has them."""
    return (-symmetric_hi(bits), symmetric_hi(bits)) if signed else (0, (1 << bits) - 1)


class RunningMean(nn.Module):
    """mean <- (t*mean + value) / (t + 1), for a vector of statistics; t stops growing after MEMORY batches."""

    mean: Tensor
    seen: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def observe(self, value: Tensor) -> None:
        t = self.seen.clamp(max=MEMORY).to(self.mean.dtype)
        self.mean.copy_((t * self.mean + value.to(self.mean.dtype)) / (t + 1))
        self.seen += 1


class WeightRange(nn.Module):
    """The step of a weight tensor: running mean of max|w| / (2^(b-1) - 1), or of mean|w| for one bit."""

    def __init__(self, bits: int, channels: int, *, per_tensor: bool) -> None:
        super().__init__()
        self.bits, self.per_tensor = bits, per_tensor
        self.size = RunningMean(1 if per_tensor else channels)

    @torch.no_grad()
    def observe(self, weight: Tensor) -> None:
        rows = weight.abs().reshape(1 if self.per_tensor else len(weight), -1)
        self.size.observe(rows.mean(dim=1) if self.bits == 1 else rows.amax(dim=1))

    def scale(self) -> Tensor:
        steps = self.size.mean / symmetric_hi(self.bits)
        largest = steps.max()
        # a row of zeros takes any step, but a tiny one would put its bias on a grid that nothing can hold
        filler = torch.where(largest > 0, largest, torch.full_like(largest, EMPTY_STEP))
        return torch.where(steps > 0, steps, filler).clamp(min=TINY)


class ActivationRange(nn.Module):
    """The range of an activation tensor: running means of each batch's least and largest value."""

    def __init__(self) -> None:
        super().__init__()
        self.ends = RunningMean(2)

    def observe(self, x: Tensor) -> None:
        self.ends.observe(torch.stack(torch.aminmax(x.detach())))


def scale_and_sign(ranges: list[ActivationRange], bits: int) -> tuple[Tensor, bool]:
    """The step that quantisers of one group share: unsigned where nothing negative was seen."""
    ends = torch.stack([r.ends.mean for r in ranges if r.ends.seen > 0])
    low, high = ends[:, 0].min(), ends[:, 1].max()
    signed = bool(low < 0)
    size = torch.maximum(-low, high) if signed else high
    scale = (size / code_range(bits, signed)[1]).clamp(min=TINY)
    return torch.where(size > 0, scale, torch.ones_like(scale)), signed  # only zeros seen: any step will do
