"""What every draw of a specimen is made from: sizes on a logarithmic scale, tensors, weights, legal kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...ir import Kernel, Op, TensorType

Draw = tuple[Op, Kernel, tuple[TensorType, ...]]
Drawer = Callable[[np.random.Generator, int], Draw]


def make(name: str, **constants: Any) -> Op:
    return Op.registry[name](**constants)


def between(rng: np.random.Generator, low: int, high: int) -> int:
    return int(rng.integers(low, high, endpoint=True))


def sized(rng: np.random.Generator, low: int, high: int) -> int:
    """Evenly on a logarithmic scale."""
    return round(float(np.exp(rng.uniform(np.log(low), np.log(high)))))


def tensor(rng: np.random.Generator, shape: tuple[int, ...]) -> TensorType:
    bits = between(rng, 1, 8)
    signed = bool(rng.random() < 0.3) and bits > 1
    return TensorType.integer(shape, -(1 << (bits - 1)) if signed else 0, (1 << (bits - 1 if signed else bits)) - 1)


def accumulators(rng: np.random.Generator, shape: tuple[int, ...]) -> TensorType:
    """Bounds as they come out of a layer: a little different in every channel."""
    reach = 1 << between(rng, 5, 15)
    low = -rng.integers(reach // 2, reach, size=shape[-1])
    high = rng.integers(reach // 2, reach, size=shape[-1])
    return TensorType.integer(shape, low, high)


def weights(rng: np.random.Generator, shape: tuple[int, ...], bits: int) -> np.ndarray:
    """As training leaves them: rounded Gaussians that use the whole range."""
    high = max(1, (1 << (bits - 1)) - 1)
    return np.clip(np.rint(rng.normal(0, max(0.7, high / 2.2), size=shape)), -high - (bits > 1), high).astype(np.int64)


def stages_of(rng: np.random.Generator, terms: int) -> int:
    """Registers in an adder tree."""
    return min(between(rng, 1, 3), (terms - 1).bit_length() + 1)


def lanes_of(op: Op, rng: np.random.Generator, lanes: int, *ins: TensorType) -> Kernel:
    """A legal kernel of about so many lanes, memory style drawn."""
    if type(op).kernels is Op.kernels:
        return Kernel()
    options = list(op.kernels(*ins))
    nearest = min(abs(k.pe - lanes) for k in options)
    near = [k for k in options if abs(k.pe - lanes) == nearest]
    return near[between(rng, 0, len(near) - 1)]
