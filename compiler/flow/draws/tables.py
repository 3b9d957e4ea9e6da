"""Draws of the operators that read tables: of one value, and of positions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...ir import TensorType
from .common import Draw, Drawer, between, lanes_of, make, sized, tensor


def _lookup(rng: np.random.Generator, index: int) -> Draw:
    """Tables of any contents, and those of functions: neighbours alike."""
    bits, reach = between(rng, 2, 10), between(rng, 4, 10)
    lanes = max(1, min(32, round(sized(rng, 60, 1500) / (0.8 * bits * max(1.0, (1 << reach) / 64)))))
    channels = lanes * between(rng, 1, 4)
    signed = index % 3 == 1
    low, high = (-(1 << (reach - 1)), (1 << (reach - 1)) - 1) if signed else (0, (1 << reach) - 1 - index % 2)
    x = TensorType.integer((between(rng, 1, 4), channels), low, high)
    rows = channels if index % 4 == 2 and reach <= 7 else 1
    first, last = low - between(rng, 0, 3), high + between(rng, 0, 3)
    if index % 5 == 4:
        table = rng.integers(0, 1 << bits, size=(rows, last - first + 1))
    else:
        table = _function(rng, np.arange(first, last + 1), rows, bits)
    op = make("lookup", table=table, first=first)
    return op, replace(lanes_of(op, rng, lanes, x), memory="auto" if index % 8 == 7 else "lutram"), (x,)


def _function(rng: np.random.Generator, x: np.ndarray, rows: int, bits: int) -> np.ndarray:
    """A sigmoid, GELU, exponential or root of x, quantised to `bits`; a different scale in each row."""
    scale = rng.uniform(1.5, 6.0, size=(rows, 1)) / np.abs(x).max()
    u, top = x * scale, (1 << bits) - 1
    y = (
        1 / (1 + np.exp(-u)),
        u / (1 + np.exp(-1.7 * u)) / 6 + 0.1,
        np.exp(u - u.max(axis=1, keepdims=True)),
        np.sqrt(np.abs(u) / 6),
        np.tanh(u) / 2 + 0.5,
    )[between(rng, 0, 4)]
    return np.clip(np.rint(y * top), 0, top).astype(np.int64)


def _position_affine(rng: np.random.Generator, index: int) -> Draw:
    x = tensor(rng, (between(rng, 2, 8), between(rng, 2, 8), sized(rng, 2, 32)))
    whole, plane, channels = x.shape, (*x.shape[:2], 1), (1, 1, x.channels)
    shapes = ((plane, channels), (whole, whole), (plane, plane), (channels, whole))[index % 4]
    reach = 1 << between(rng, 2, 7)
    multiplier, addend = (rng.integers(-reach, reach, size=shape) for shape in shapes)
    op = make("position_affine", multiplier=multiplier, addend=addend)
    each = max(12.0, 1.2 * x.bits * reach.bit_length())
    lanes = max(1, min(x.channels, round(sized(rng, 60, 1500) / each)))
    kernel = lanes_of(op, rng, lanes, x)
    return op, op.pipelined(kernel, rng.uniform(100.0, 300.0), x) if index % 3 else kernel, (x,)


DRAWS: dict[str, tuple[int, Drawer]] = {
    "lookup": (45, _lookup),
    "position_affine": (45, _position_affine),
}
