"""Quantisers: a range source x a codebook x a gradient surrogate.

The rounding rule is the only one Intaglio has: half up, floor(x/s + 1/2); the gradient passes straight through where
the clamp did not bite.
"""

from __future__ import annotations

from torch import Tensor

from .codebooks import CODEBOOKS, Reach, by_rows, code_range, levels_of, symmetric_hi
from .ranges import RANGES, ActivationRange, RunningMean, WeightRange, scale_and_sign
from .surrogates import FakeSign, fake_levels, fake_quantise, round_to_grid

__all__ = [
    "CODEBOOKS",
    "RANGES",
    "ActivationRange",
    "RunningMean",
    "WeightRange",
    "code_range",
    "fake_quantise",
    "fake_weights",
    "levels_of",
    "round_to_grid",
    "scale_and_sign",
    "symmetric_hi",
]


def fake_weights(weight: Tensor, scale: Tensor, hi: Reach, levels: Tensor | None = None) -> Tensor:
    """Weights on their grid: symmetric, `scale` per output channel (or one).

    hi: the largest code, or that of each output channel. levels: the codes there are, where these are not all from -hi
    to hi; of two, the sign chooses.
    """
    scale = scale.reshape(-1, *(1,) * (weight.dim() - 1))
    if levels is not None and len(levels) > 2:
        return fake_levels(weight, scale, levels)
    if levels is not None:
        return FakeSign.apply(weight, scale.expand_as(weight))  # type: ignore[no-untyped-call]
    reach = by_rows(hi, weight.dim())
    return fake_quantise(weight, scale, -reach, reach)
