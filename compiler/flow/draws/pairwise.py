"""Draws of the operators of two or more inputs, and of those whose constants differ by position."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...ir import TensorType
from .common import Draw, Drawer, accumulators, between, lanes_of, make, sized, tensor


def _pair(rng: np.random.Generator, index: int) -> tuple[TensorType, TensorType]:
    """Equal shapes, then a gate of one pixel, then one of one channel."""
    shape = (between(rng, 2, 5), sized(rng, 2, 40))
    second = (shape, shape[1:], (shape[0], 1))[index % 3]
    return tensor(rng, shape), tensor(rng, second)


def _pairwise(name: str) -> Callable[[np.random.Generator, int], Draw]:
    def draw(rng: np.random.Generator, index: int) -> Draw:
        a, b = _pair(rng, index)
        op = make(name)
        return op, lanes_of(op, rng, sized(rng, 1, min(a.channels, 24)), a, b), (a, b)

    return draw


def _multiply(rng: np.random.Generator, index: int) -> Draw:
    a, b = _pair(rng, index)
    if index % 4 == 3:
        a = accumulators(rng, a.shape)
    op = make("multiply")
    lanes = sized(rng, 1, max(1, min(a.channels, 500 // (a.bits * b.bits))))
    return op, lanes_of(op, rng, lanes, a, b), (a, b)


def _concat(rng: np.random.Generator, index: int) -> Draw:
    count, pixels, common = between(rng, 2, 3), between(rng, 1, 4), (1, 2, 4)[between(rng, 0, 2)]
    ins = tuple(tensor(rng, (pixels, common * sized(rng, 1, 8))) for _ in range(count))
    op = make("concat", count=count)
    return op, lanes_of(op, rng, sized(rng, 1, sum(x.channels for x in ins)), *ins), ins


def _position_affine(rng: np.random.Generator, index: int) -> Draw:
    x = tensor(rng, (between(rng, 2, 6), between(rng, 2, 6), sized(rng, 1, 24)))
    whole, plane, channels = x.shape, (*x.shape[:2], 1), (1, 1, x.channels)
    shapes = ((plane, channels), (whole, whole), (plane, plane), (channels, whole))[index % 4]
    reach = 1 << between(rng, 2, 7)
    multiplier, addend = (rng.integers(-reach, reach, size=shape) for shape in shapes)
    op = make("position_affine", multiplier=multiplier, addend=addend)
    return op, lanes_of(op, rng, sized(rng, 1, max(1, min(x.channels, 60 // x.bits))), x), (x,)


DRAWS: dict[str, tuple[int, Drawer]] = {
    "subtract": (3, _pairwise("subtract")),
    "multiply": (8, _multiply),
    "maximum": (3, _pairwise("maximum")),
    "minimum": (3, _pairwise("minimum")),
    "concat": (5, _concat),
    "position_affine": (6, _position_affine),
}
