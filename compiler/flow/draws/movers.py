"""Draws of pools, additions, argmax and operators that move data."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...ir import TensorType
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


def _image(rng: np.random.Generator) -> TensorType:
    return tensor(rng, (between(rng, 2, 10), between(rng, 2, 10), sized(rng, 1, 40)))


def _pad(rng: np.random.Generator, index: int) -> Draw:
    x = _image(rng)
    padding = tuple(between(rng, 0, 2) for _ in range(4))
    low, high = min(x.lo), max(x.hi)
    value = rng.integers(low, high, size=x.channels, endpoint=True) if index % 2 else between(rng, low, high)
    op = make("pad", padding=padding, value=value)
    return op, lanes_of(op, rng, sized(rng, 1, min(x.channels, 12)), x), (x,)


def _slice(rng: np.random.Generator, index: int) -> Draw:
    x = _image(rng)
    height, width, channels = x.shape
    first = between(rng, 0, channels // 2)
    kept = np.arange(first, channels, 1 + index % 2) if index % 3 else np.arange(channels)
    rows, columns = ((between(rng, 0, size // 2), size, between(rng, 1, 2)) for size in (height, width))
    op = make("slice", rows=rows, columns=columns, channels=kept)
    return op, lanes_of(op, rng, sized(rng, 1, min(channels, 12)), x), (x,)


def _scaled(name: str) -> Callable[[np.random.Generator, int], Draw]:
    def draw(rng: np.random.Generator, index: int) -> Draw:
        x = _image(rng)
        op = make(name, factors=(between(rng, 1, 3), between(rng, 1, 3)))
        return op, lanes_of(op, rng, sized(rng, 1, min(x.channels, 12)), x), (x,)

    return draw


def _gather(rng: np.random.Generator, index: int) -> Draw:
    x = _image(rng)
    places = np.arange(x.size).reshape(x.shape)
    if index % 4 == 0:
        places = rng.permutation(places.ravel())[: max(2, x.size // 2)]
    elif index % 4 == 1:
        places = places.transpose(2, 0, 1)
    elif index % 4 == 2:
        places = places.transpose(1, 0, 2)
    else:
        places = places.reshape(1, -1, x.channels)
    op = make("gather", index=places.ravel(), shape=places.shape, channels=x.channels)
    return op, lanes_of(op, rng, sized(rng, 1, min(x.channels, 12)), x), (x,)


DRAWS: dict[str, tuple[int, Drawer]] = {
    "max_pool": (9, _pool("max_pool")),
    "sum_pool": (9, _pool("sum_pool")),
    "add": (5, _add),
    "argmax": (6, _argmax),
    "flatten": (6, _flatten),
    "pad": (4, _pad),
    "slice": (4, _slice),
    "upsample": (4, _scaled("upsample")),
    "zero_stuff": (4, _scaled("zero_stuff")),
    "gather": (4, _gather),
}
