"""Draws of what makes one of many: pools, argmax, top-k, softmax."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np

from ...ir import Kernel, TensorType
from ...ops import Softmax
from .budget import activations, lanes_and_channels, layer_sums, with_stages
from .common import Draw, Drawer, between, make, sized


def _pool(name: str) -> Callable[[np.random.Generator, int], Draw]:
    def draw(rng: np.random.Generator, index: int) -> Draw:
        """Windows apart or sliding, with and without padding; every sixth takes the whole image."""
        size, side = between(rng, 2, 3), sized(rng, 6, 40)
        x = activations(rng, (1,))
        whole, apart = index % 6 == 5, index % 2 == 0
        size = sized(rng, 4, 12) if whole else size
        side = size if whole else side
        each = x.bits * (3 if whole or apart else 2.5 * size)
        lanes, channels = lanes_and_channels(rng, each)
        x = TensorType.integer((side, side, channels), x.lo[0], x.hi[0])
        stride = size if whole or apart else between(rng, 1, size - 1)
        padding = (1,) * 4 if size == 3 and not apart and index % 3 else (0,) * 4
        op = make(name, kernel=(size, size), stride=(stride, stride), padding=padding)
        return op, with_stages(rng, op, Kernel(lanes, lanes), x), (x,)

    return draw


def _argmax(rng: np.random.Generator, index: int) -> Draw:
    x = (layer_sums if index % 4 else activations)(rng, (1,))
    lanes, channels = lanes_and_channels(rng, 2.0 * x.bits)
    x = TensorType.integer((max(channels, 2),), x.lo[0], x.hi[0])
    op = make("argmax")
    return op, with_stages(rng, op, Kernel(simd=lanes), x), (x,)


def _top_k(rng: np.random.Generator, index: int) -> Draw:
    x = (layer_sums if index % 4 else activations)(rng, (1,))
    k, lanes = sized(rng, 1, 12), between(rng, 1, 4)
    channels = max(k, lanes, sized(rng, 4, 1000))
    x = TensorType.integer((channels,), x.lo[0], x.hi[0])
    op = make("top_k", k=k, largest=index % 3 != 2, values=index % 2 == 1)
    return op, with_stages(rng, op, Kernel(simd=lanes), x), (x,)


def _softmax(rng: np.random.Generator, index: int) -> Draw:
    """Exponentials of a scale: from a few to hundreds of them."""
    x, bits = activations(rng, (1,), fewest=3), between(rng, 3, 8)
    lanes, channels = lanes_and_channels(rng, 4.0 * bits * (bits + 4))
    shape = (*((3,) if index % 2 else ()), max(2, channels))
    x = TensorType.integer(shape, x.lo[0], x.hi[0])
    op = Softmax.of(Fraction(1, 1 << between(rng, 0, 5)), bits, x)
    return op, replace(with_stages(rng, op, Kernel(lanes, lanes), x), stages=1), (x,)


DRAWS: dict[str, tuple[int, Drawer]] = {
    "max_pool": (37, _pool("max_pool")),
    "sum_pool": (37, _pool("sum_pool")),
    "argmax": (30, _argmax),
    "top_k": (30, _top_k),
    "softmax": (30, _softmax),
}
