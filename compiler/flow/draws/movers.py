"""Draws of the operators that move data."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...ir import TensorType
from .common import Draw, Drawer, accumulators, between, lanes_of, make, sized, tensor


def _moved(rng: np.random.Generator, shape: tuple[int, ...]) -> TensorType:
    """What a network moves: activations, and now and then sums."""
    if rng.random() < 0.15:
        return accumulators(rng, shape)
    reach = 1 << between(rng, 2, 8)
    return TensorType.integer(shape, *((-reach // 2, reach // 2 - 1) if rng.random() < 0.3 else (0, reach - 1)))


def _image(rng: np.random.Generator, fewest: int = 12, most: int = 128) -> TensorType:
    return _moved(rng, (between(rng, 3, 12), between(rng, 3, 12), sized(rng, fewest, most)))


def _lanes(rng: np.random.Generator, channels: int) -> int:
    """Of a module worth the name: all channels, or a fold of them."""
    return channels if rng.random() < 0.25 else sized(rng, max(1, channels // 12), channels)


def _flatten(rng: np.random.Generator, index: int) -> Draw:
    x = _moved(rng, (between(rng, 1, 5), between(rng, 1, 5), sized(rng, 8, 96)))
    op = make("flatten")
    return op, lanes_of(op, rng, _lanes(rng, x.channels), x), (x,)


def _pad(rng: np.random.Generator, index: int) -> Draw:
    x = _image(rng)
    padding = tuple(between(rng, 0, 2) for _ in range(4))
    low, high = min(x.lo), max(x.hi)
    value = 0 if index % 4 == 3 else between(rng, low, high)
    op = make("pad", padding=padding, value=rng.integers(low, high, size=x.channels) if index % 4 == 1 else value)
    return op, lanes_of(op, rng, _lanes(rng, x.channels), x), (x,)


def _slice(rng: np.random.Generator, index: int) -> Draw:
    x = _image(rng)
    height, width, channels = x.shape
    first = between(rng, 0, channels // 2)
    kept = np.arange(first, channels, 1 + index % 2) if index % 3 else np.arange(channels)
    rows, columns = ((between(rng, 0, size // 2), size, between(rng, 1, 2)) for size in (height, width))
    op = make("slice", rows=rows, columns=columns, channels=kept)
    return op, lanes_of(op, rng, _lanes(rng, channels), x), (x,)


def _scaled(name: str) -> Callable[[np.random.Generator, int], Draw]:
    def draw(rng: np.random.Generator, index: int) -> Draw:
        x = _image(rng)
        op = make(name, factors=(between(rng, 1, 3), between(rng, 1, 3)))
        return op, lanes_of(op, rng, _lanes(rng, x.channels), x), (x,)

    return draw


def _gather(rng: np.random.Generator, index: int) -> Draw:
    x = _image(rng, 4, 48)
    places = np.arange(x.size).reshape(x.shape)
    if index % 6 == 0:
        places = rng.permutation(places.ravel())[: max(2, x.size // 2)]
    elif index % 6 == 1:
        places = places.transpose(2, 0, 1)
    elif index % 6 == 2:
        places = places.transpose(1, 0, 2)
    elif index % 6 == 3:
        places = places[::-1, ::-1]
    elif index % 6 == 4:  # channels in another order, as after a shuffle of groups
        places = places[..., rng.permutation(x.channels)]
    else:
        places = places.reshape(1, -1, x.channels)
    op = make("gather", index=places.ravel(), shape=places.shape, channels=x.channels)
    return op, lanes_of(op, rng, _lanes(rng, x.channels), x), (x,)


def _concat(rng: np.random.Generator, index: int) -> Draw:
    count, pixels, common = between(rng, 2, 4), between(rng, 1, 9), (1, 2, 4, 8)[between(rng, 0, 3)]
    bits = between(rng, 1, 8)
    ins = tuple(
        tensor(rng, (pixels, common * sized(rng, 2, 16)))
        if index % 3 == 0
        else TensorType.integer((pixels, common * sized(rng, 2, 16)), 0, (1 << bits) - 1)
        for _ in range(count)
    )
    op, channels = make("concat", count=count), sum(x.channels for x in ins)
    return op, lanes_of(op, rng, sized(rng, max(1, channels // 16), channels // 2), *ins), ins


DRAWS: dict[str, tuple[int, Drawer]] = {
    "flatten": (6, _flatten),
    "pad": (14, _pad),
    "slice": (12, _slice),
    "upsample": (18, _scaled("upsample")),
    "zero_stuff": (10, _scaled("zero_stuff")),
    "gather": (32, _gather),
    "concat": (20, _concat),
}
