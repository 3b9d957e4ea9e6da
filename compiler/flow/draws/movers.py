"""Draws of pools, additions, argmax and flatten."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .common import Draw, Drawer, accumulators, between, lanes_of, make, sized, tensor


def _pool(name: str) -> Callable[[np.random.Generator, int], Draw]:
    def draw(rng: np.random.Generator, index: int) -> Draw:
        channels, size = sized(rng, 1, 40), between(rng, 2, 3)
        x = tensor(rng, (between(rng, size, 12), between(rng, size, 12), channels))
        if index % 6 == 5:
            size = min(x.shape[:2])
        stride = size if index % 3 else max(1, size - 1)
        lanes = sized(rng, 1, min(channels, 12))
        op = make(name, kernel=(size, size), stride=(stride, stride))
        return op, lanes_of(op, rng, lanes, x), (x,)

    return draw


def _add(rng: np.random.Generator, index: int) -> Draw:
    shape = (between(rng, 1, 5), sized(rng, 1, 40))
    a, b = tensor(rng, shape), tensor(rng, shape)
    op = make("add")
    return op, lanes_of(op, rng, sized(rng, 1, min(shape[1], 24)), a, b), (a, b)


def _argmax(rng: np.random.Generator, index: int) -> Draw:
    x = accumulators(rng, (sized(rng, 2, 40),))
    op = make("argmax")
    return op, lanes_of(op, rng, sized(rng, 1, min(x.channels, 12)), x), (x,)


def _flatten(rng: np.random.Generator, index: int) -> Draw:
    x = tensor(rng, (between(rng, 1, 5), between(rng, 1, 5), sized(rng, 1, 20)))
    op = make("flatten")
    return op, lanes_of(op, rng, sized(rng, 1, min(x.channels, 12)), x), (x,)


DRAWS: dict[str, tuple[int, Drawer]] = {
    "max_pool": (9, _pool("max_pool")),
    "sum_pool": (9, _pool("sum_pool")),
    "add": (5, _add),
    "argmax": (6, _argmax),
    "flatten": (6, _flatten),
}
