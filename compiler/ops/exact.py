"""Integer arithmetic through BLAS where that is exact.

float32 holds every integer up to 2^24, float64 up to 2^53; a sum of products is exact in them when the sum of the
absolute products stays below that, in any order of summation.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..ir import Array

FLOAT32_EXACT = 1 << 24
FLOAT64_EXACT = 1 << 53


def carrier(magnitude: int) -> npt.DTypeLike:
    """The fastest dtype for BLAS in which sums of absolute value up to `magnitude` are exact."""
    if magnitude <= FLOAT32_EXACT:
        return np.float32
    if magnitude <= FLOAT64_EXACT:
        return np.float64
    if magnitude < 1 << 63:
        return np.int64
    return object


def magnitude_of(x: Array) -> int:
    """The largest absolute value in x."""
    return max(int(x.max(initial=0)), -int(x.min(initial=0)))


def matmul(x: Array, weight: Array, magnitude: int) -> Array:
    """x (..., K) @ weight (K, M), exactly. `magnitude` bounds |x|, elementwise."""
    widest = int(np.abs(weight).sum(axis=0).max(initial=0)) * max(magnitude, 1)
    dtype = carrier(max(widest, magnitude))
    flat = x.reshape(-1, x.shape[-1]).astype(dtype, copy=False)
    return (flat @ weight.astype(dtype, copy=False)).reshape(*x.shape[:-1], weight.shape[1])


def integers(x: Array) -> Array:
    """x as int64 (or object, where it is object already)."""
    return x if x.dtype == object else x.astype(np.int64, copy=False)
