"""Range sources: where a quantiser's step comes from.

running: means of what was seen (Zhang, Colbert, Das 2022). search: the step of the least squared error (ADMM-NN).
shift: the power of two of the least squared error, one for a tensor (Geng et al.). learned: a parameter, trained
through the rounding (DJPQ's q_max; with `learn_bits` its d, too).
"""

from __future__ import annotations

from math import floor, log2

import torch
from torch import Tensor, nn

from .codebooks import GRID, Reach, by_rows, code_range, largest, levels_of, symmetric_hi
from .kmeans import centroids_of, lloyd, on_grid
from .surrogates import nearest

RANGES = ("running", "search", "shift", "learned")
TINY = 1e-12
EMPTY_STEP = 2.0**-8  # of weights that are all 0
MEMORY = 1000
"""Batches after which a running mean begins to forget."""
SEARCH_EVERY = 16
"""Batches after which a searched step is searched again."""
CANDIDATES = 24
WIDTH_GAIN = 8.0
"""A learned step moves so many times as fast as a weight: a bit goes within hundreds of steps at a weight's rate."""
EXPONENTS = range(-16, 9)
"""Of the powers of two that an activation's step may be."""


class RunningMean(nn.Module):
    """mean <- (t*mean + value) / (t + 1), for an array of statistics; t stops growing after MEMORY batches."""

    mean: Tensor
    seen: Tensor

    def __init__(self, *size: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def observe(self, value: Tensor) -> None:
        t = self.seen.clamp(max=MEMORY).to(self.mean.dtype)
        self.mean.copy_((t * self.mean + value.to(self.mean.dtype)) / (t + 1))
        self.seen += 1

    def forget(self) -> None:
        self.mean.zero_()
        self.seen.zero_()


class WeightRange(nn.Module):
    """The step of a weight tensor, for each output channel or (per_tensor) for all.

    A mean of max|w| / the largest code, or of mean|w| where the only codes are -1 and +1; what is masked does not
    count.
    """

    centroids: Tensor

    def __init__(
        self,
        bits: int | tuple[int, ...],
        channels: int,
        *,
        per_tensor: bool,
        codebook: str = "uniform",
        source: str = "running",
        conductance: float = 0.0,
        learn_bits: bool = False,
    ) -> None:
        super().__init__()
        assert isinstance(bits, int) or codebook == "uniform"
        self.codebook, self.source, self.learn_bits = codebook, source, learn_bits
        self.conductance = conductance
        self.per_tensor = per_tensor or codebook == "cluster" or source == "shift" or learn_bits
        self.size = RunningMean(1 if self.per_tensor else channels)
        if codebook == "cluster":
            self.register_buffer("centroids", torch.linspace(-1, 1, 1 << bits))
        if source == "learned":
            self.log_size = nn.Parameter(torch.zeros(1 if self.per_tensor else channels))
        if learn_bits:
            self.coarsening = nn.Parameter(torch.zeros(1))
        self.set_bits(bits)

    def set_bits(self, bits: int | tuple[int, ...]) -> None:
        """One width, or those of the output channels one by one."""
        self.widths = bits if isinstance(bits, tuple) else None
        self.bits: int = bits if isinstance(bits, int) else max(bits)

    @property
    def hi(self) -> Reach:
        """The largest code, or that of each output channel."""
        if self.widths is None:
            return largest(self.codebook, self.bits)
        return torch.tensor([symmetric_hi(bits) for bits in self.widths]).to(self.size.mean)

    @property
    def levels(self) -> Tensor | None:
        """Sorted integer codes; None for all of them."""
        if self.codebook == "cluster":
            return on_grid(self.centroids, GRID)[1]
        return levels_of(self.codebook, self.bits, self.conductance)

    @property
    def log_step(self) -> Tensor:
        """Of the step whose width is being learned."""
        return WIDTH_GAIN * self.coarsening

    @property
    def signs(self) -> bool:
        """Whether -1 and +1 are the only codes."""
        return (levels := self.levels) is not None and len(levels) == 2

    @torch.no_grad()
    def observe(self, weight: Tensor, mask: Tensor | None = None, importance: Tensor | None = None) -> None:
        if self.codebook == "cluster":
            self._observe_clusters(weight, mask, importance)
            return
        first = int(self.size.seen) == 0
        if self.source == "learned" and not first:
            return
        if self.source in ("search", "shift") and not first and int(self.size.seen) % SEARCH_EVERY:
            self.size.seen += 1
            return
        rows = weight.reshape(1 if self.per_tensor else len(weight), -1)
        alive = torch.ones_like(rows) if mask is None else mask.reshape(rows.shape).to(rows)
        sizes = rows.abs() * alive
        if self.signs:
            size = sizes.sum(dim=1) / alive.sum(dim=1).clamp(min=1)
        elif self.source in ("search", "shift"):
            size = self.hi * best_steps(rows, alive, self.hi, self.levels, power_of_two=self.source == "shift")
        else:
            size = sizes.amax(dim=1)
        if self.source in ("search", "shift"):
            self.size.mean.copy_(size)
            self.size.seen += 1
        else:
            self.size.observe(size)
        if self.source == "learned":
            size = self._filled(size / self.hi) * self.hi
            self.log_size.data.copy_(size.log())
            if self.learn_bits:
                self.coarsening.data.copy_((size.max() / self.hi).log().reshape(1) / WIDTH_GAIN)

    def _observe_clusters(self, weight: Tensor, mask: Tensor | None, importance: Tensor | None) -> None:
        """All centroids anew the first time, one step of Lloyd's afterwards: they follow the weights as these train."""
        chosen = torch.ones_like(weight, dtype=torch.bool) if mask is None else mask != 0
        values = weight[chosen]
        weights = torch.ones_like(values) if importance is None else importance[chosen]
        if int(self.size.seen) == 0:
            self.centroids.copy_(centroids_of(values, len(self.centroids), weights))
        elif len(values):
            self.centroids.copy_(lloyd(values, self.centroids, weights))
        self.size.mean.fill_(float(self.centroids.abs().max()))
        self.size.seen += 1

    def size_and_step(self) -> tuple[float, float]:
        """What was learned: the largest value, and the step."""
        return learned_numbers(self)

    def scale(self) -> Tensor:
        if self.source == "learned" and self.codebook != "cluster":
            return (self.log_size.exp() / self.hi).clamp(min=TINY)
        return self._filled(self.size.mean / self.hi)

    @staticmethod
    def _filled(steps: Tensor) -> Tensor:
        """A row of zeros takes any step, but a tiny one would put its bias on a grid that nothing can hold."""
        largest_step = steps.max()
        filler = torch.where(largest_step > 0, largest_step, torch.full_like(largest_step, EMPTY_STEP))
        return torch.where(steps > 0, steps, filler).clamp(min=TINY)


@torch.no_grad()
def best_steps(rows: Tensor, alive: Tensor, hi: Reach, levels: Tensor | None, *, power_of_two: bool = False) -> Tensor:
    """For each row, the step whose codes leave the least squared error (a search in one dimension)."""
    sizes = (rows.abs() * alive).amax(dim=1)
    widest = torch.where(sizes > 0, sizes / hi, torch.full_like(sizes, EMPTY_STEP))
    if power_of_two:
        widest = 2.0 ** torch.ceil(torch.log2(widest))
        tried = [2.0**-k for k in range(4)]
    else:
        tried = [1.0 - 0.75 * k / CANDIDATES for k in range(CANDIDATES)]
    errors, reach = [], by_rows(hi, rows.dim())
    for share in tried:
        step = (widest * share)[:, None]
        codes = torch.floor(rows / step + 0.5).clamp(-reach, reach) if levels is None else nearest(rows / step, levels)
        errors.append(((codes * step - rows).square() * alive).sum(dim=1))
    best = torch.stack(errors).argmin(dim=0)
    return widest * torch.tensor(tried, dtype=rows.dtype, device=rows.device)[best]


class ActivationRange(nn.Module):
    """The range of an activation tensor: running means of each batch's least and largest value, and what a source adds.

    bits: of the codes, for the search among powers of two.
    """

    def __init__(self, bits: int = 8, source: str = "running", *, learn_bits: bool = False) -> None:
        super().__init__()
        self.bits, self.source, self.learn_bits = bits, source, learn_bits
        self.ends = RunningMean(2)
        if source == "shift":
            self.errors = RunningMean(len(EXPONENTS))
        if source == "learned":
            self.log_size = nn.Parameter(torch.zeros(1))
        if learn_bits:
            self.coarsening = nn.Parameter(torch.zeros(1))

    @property
    def log_step(self) -> Tensor:
        """Of the step whose width is being learned."""
        return WIDTH_GAIN * self.coarsening

    @torch.no_grad()
    def observe(self, x: Tensor) -> None:
        first = int(self.ends.seen) == 0
        x = x.detach()
        self.ends.observe(torch.stack(torch.aminmax(x)))
        if self.source == "shift":
            lo, hi = code_range(self.bits, bool(self.ends.mean[0] < 0))
            steps = [2.0**e for e in EXPONENTS]
            self.errors.observe(
                torch.stack([((x / s + 0.5).floor().clamp(lo, hi) * s - x).square().mean() for s in steps])
            )
        if first and self.source == "learned":
            size = x.abs().max()
            size = torch.where(size > 0, size, torch.full_like(size, EMPTY_STEP))
            self.log_size.data.fill_(float(size.log()))
            if self.learn_bits:
                self.coarsening.data.fill_(float((size / symmetric_hi(self.bits)).log()) / WIDTH_GAIN)

    def size_and_step(self) -> tuple[float, float]:
        """What was learned: the largest value, and the step."""
        return learned_numbers(self)


def learned_numbers(found: WeightRange | ActivationRange) -> tuple[float, float]:
    """A range's largest value and its step, both learned."""
    return float(found.log_size.detach().exp().max()), float(found.log_step.detach().exp())


def scale_and_sign(ranges: list[ActivationRange], bits: int) -> tuple[Tensor, bool]:
    """The step that quantisers of one group share: unsigned where nothing negative was seen."""
    seen = [r for r in ranges if r.ends.seen > 0]
    ends = torch.stack([r.ends.mean for r in seen])
    low, high = ends[:, 0].min(), ends[:, 1].max()
    signed = bool(low < 0)
    size = torch.maximum(-low, high) if signed else high
    scale = (size / code_range(bits, signed)[1]).clamp(min=TINY)
    if all(r.source == "shift" for r in seen):
        best = int(torch.stack([r.errors.mean for r in seen]).sum(dim=0).argmin())
        scale = torch.full_like(scale, 2.0 ** EXPONENTS[best])
    elif all(r.source == "learned" for r in seen):
        scale = (widest(seen).log_size.exp()[0] / code_range(bits, signed)[1]).clamp(min=TINY)
    return torch.where(size > 0, scale, torch.ones_like(scale)), signed  # only zeros seen: any step will do


def widest(ranges: list[ActivationRange]) -> ActivationRange:
    """Of learned ranges that share a step, the one whose numbers count: the one that reaches furthest."""
    return max(ranges, key=lambda r: float(r.log_size.detach()) if int(r.ends.seen) else float("-inf"))


def nearest_bits(size: float, step: float, signed: bool, allowed: tuple[int, ...]) -> int:
    """The allowed width nearest to log2(size/step + 1) and, where signed, one more."""
    real = log2(size / step + 1) + signed
    return min(allowed, key=lambda b: (abs(b - floor(real + 0.5)), b))
