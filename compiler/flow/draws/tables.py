"""Draws of lookups, softmax and top-k."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from ...ir import TensorType
from .common import Draw, Drawer, between, lanes_of, make, sized, tensor


def _lookup(rng: np.random.Generator, index: int) -> Draw:
    channels, bits = sized(rng, 1, 24), between(rng, 1, 8)
    x = tensor(rng, (between(rng, 1, 4), channels))
    rows = channels if index % 3 == 2 else 1
    first, last = min(x.lo) - between(rng, 0, 3), max(x.hi) + between(rng, 0, 3)
    table = rng.integers(0, 1 << bits, size=(rows, last - first + 1))
    if index % 2:  # as functions are: neighbours alike
        table = np.sort(table, axis=1)
    op = make("lookup", table=table, first=first)
    return op, lanes_of(op, rng, sized(rng, 1, min(channels, 8)), x), (x,)


def _softmax(rng: np.random.Generator, index: int) -> Draw:
    x = tensor(rng, (*((3,) if index % 2 else ()), sized(rng, 1, 12)))
    bits = between(rng, 3, 8)
    exponent = _exponentials(Fraction(1, 1 << between(rng, 0, 5)), bits, x)
    op = make("softmax", exponent=exponent, bits=bits)
    return op, lanes_of(op, rng, sized(rng, 1, min(x.channels, 4)), x), (x,)


def _exponentials(scale: Fraction, bits: int, x: TensorType) -> np.ndarray:
    entries = np.rint(np.exp(-np.arange(max(x.hi) - min(x.lo) + 1) * float(scale)) * (4 << bits)).astype(np.int64)
    return entries[entries > 0]


def _top_k(rng: np.random.Generator, index: int) -> Draw:
    x = tensor(rng, (sized(rng, 2, 40),))
    op = make("top_k", k=between(rng, 1, min(5, x.channels)), largest=index % 3 != 2, values=index % 2 == 1)
    kernels = list(op.kernels(x))
    return op, kernels[between(rng, 0, len(kernels) - 1)], (x,)


DRAWS: dict[str, tuple[int, Drawer]] = {
    "lookup": (8, _lookup),
    "softmax": (6, _softmax),
    "top_k": (5, _top_k),
}
