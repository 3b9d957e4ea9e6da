"""Codebooks: which integer codes a weight may have. Every codebook is a sorted list of levels on a grid of 8 bits."""

from __future__ import annotations

from math import ceil

import torch
from torch import Tensor

CODEBOOKS = ("uniform", "power-of-two", "binary", "cluster", "conductance")
GRID = 127
"""The largest code of a weight of 8 bits."""
POWERS = 7
"""Powers of two from 1 to 64."""


Reach = int | Tensor
"""The largest code of a layer's weights, or of each of its output channels."""


def by_rows(reach: Reach, dimensions: int) -> Reach:
    """As it goes with a weight tensor of so many dimensions, output channels first."""
    return reach if isinstance(reach, int) else reach.reshape(-1, *(1,) * (dimensions - 1))


def symmetric_hi(bits: int) -> int:
    """The largest code of a symmetric signed quantiser."""
    return max(1, (1 << (bits - 1)) - 1)


def code_range(bits: int, signed: bool) -> tuple[int, int]:
    """The least and the largest code of an activation, as source.quantise has them."""
    return (-symmetric_hi(bits), symmetric_hi(bits)) if signed else (0, (1 << bits) - 1)


def levels_of(codebook: str, bits: int, conductance: float = 0.0) -> Tensor | None:
    """The levels of a codebook of `bits` bits; None for all codes from -symmetric_hi to symmetric_hi.

    power-of-two: 0, +-1, +-2, +-4, ..., as many as `bits` tell apart, up to 64. binary: -1, +1. conductance: codes
    whose size is at least `conductance` of the largest (a memristor has a least conductance; 0 is no device at all).
    cluster: the grid that centroids lie on, until there are centroids.
    """
    match codebook:
        case "uniform":
            return levels_of("binary", 1) if bits == 1 else None
        case "binary":
            sizes = [1.0]
        case "power-of-two":
            sizes = [2.0**k for k in range(min(POWERS, symmetric_hi(bits)))]
            return torch.tensor([-s for s in reversed(sizes)] + [0.0] + sizes)
        case "conductance":
            hi = symmetric_hi(bits)
            sizes = [float(k) for k in range(max(1, ceil(conductance * hi)), hi + 1)]
        case _:
            return torch.linspace(-GRID, GRID, 1 << bits).round()
    return torch.tensor([-s for s in reversed(sizes)] + sizes)


def largest(codebook: str, bits: int) -> int:
    """The size of the outermost code."""
    levels = levels_of(codebook, bits)
    return symmetric_hi(bits) if levels is None else int(levels[-1])
