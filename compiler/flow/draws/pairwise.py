"""Draws of the operators of two inputs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...ir import Kernel, TensorType
from .budget import activations, lanes_and_channels, layer_sums, with_stages
from .common import Draw, Drawer, make, sized


def _pair(
    rng: np.random.Generator, index: int, each: Callable[[int, int], float], sums: int = 2
) -> tuple[int, TensorType, TensorType]:
    """Lanes and two inputs: every fifth time the second is a gate of one pixel, every fifth one of one channel.

    each: LUTs of a lane, by the bits of both. They are activations; every fourth time the first `sums` are sums.
    """
    form = (0, 0, 1, 0, 2)[index % 5]
    a, b = (layer_sums(rng, (1,)) if index % 4 == 3 and k < sums else activations(rng, (1,)) for k in range(2))
    lanes, channels = lanes_and_channels(rng, each(a.bits, b.bits))
    side = sized(rng, 2, 32)
    whole = (side, side, channels)
    shapes = whole, (whole, (1, 1, channels), (side, side, 1))[form]
    a, b = (TensorType.integer(shape, x.lo[0], x.hi[0]) for shape, x in zip(shapes, (a, b), strict=True))
    return lanes, a, b


def _pairwise(name: str, each: float) -> Callable[[np.random.Generator, int], Draw]:
    def draw(rng: np.random.Generator, index: int) -> Draw:
        lanes, a, b = _pair(rng, index, lambda a, b: each * max(a, b))
        op = make(name)
        return op, with_stages(rng, op, Kernel(lanes, lanes), a, b), (a, b)

    return draw


def _multiply(rng: np.random.Generator, index: int) -> Draw:
    lanes, a, b = _pair(rng, index, lambda a, b: 1.2 * a * b, sums=1)
    op = make("multiply")
    kernel = Kernel(lanes, lanes, multiplier="dsp" if index % 6 == 5 else "lut")
    return op, with_stages(rng, op, kernel, a, b), (a, b)


DRAWS: dict[str, tuple[int, Drawer]] = {
    "add": (18, _pairwise("add", 1.3)),
    "subtract": (18, _pairwise("subtract", 1.3)),
    "multiply": (40, _multiply),
    "maximum": (31, _pairwise("maximum", 2.2)),
    "minimum": (28, _pairwise("minimum", 2.2)),
}
