"""Specimens of operators that work lane by lane: as large as networks have them, evenly on a logarithmic scale."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...ir import Kernel, Op, TensorType
from ...ops.accumulate import bounds
from .common import between, sized, weights

SMALLEST, LARGEST = 60, 1700
"""LUTs, roughly, that a module is drawn to have."""

MOST_LANES = 128

CLOCKS = 100.0, 300.0
"""Megahertz."""


def lanes_and_channels(rng: np.random.Generator, each: float, most: int = 1024) -> tuple[int, int]:
    """Lanes, at about `each` LUTs, and channels on one fold, a few or many, some of them with spare lanes; at `most` so
    many.
    """
    lanes = max(1, min(most, MOST_LANES, round(sized(rng, SMALLEST, LARGEST) / each)))
    folds = 1 if rng.random() < 0.35 else min(sized(rng, 2, 40), max(1, most // lanes))
    spare = between(rng, 0, min(folds, lanes) - 1) if rng.random() < 0.5 else 0
    return lanes, lanes * folds - spare


def layer_sums(rng: np.random.Generator, shape: tuple[int, ...]) -> TensorType:
    """Accumulators as they come out of a layer: bounds of sums of products with weights as training leaves them."""
    inputs, bits = sized(rng, 4, 400), between(rng, 2, 8)
    x = TensorType.integer((inputs,), 0, (1 << between(rng, 1, 8)) - 1)
    weight = weights(rng, (shape[-1], inputs), bits)
    return TensorType.integer(shape, *bounds(weight, weights(rng, (shape[-1],), bits + 2), x, may_pad=False))


def activations(rng: np.random.Generator, shape: tuple[int, ...], fewest: int = 1) -> TensorType:
    """What a quantiser gives: the whole of a type, for the most part unsigned."""
    bits = between(rng, fewest, 8)
    signed = bool(rng.random() < 0.35) and bits > 1
    return TensorType.integer(shape, -(1 << (bits - 1)) if signed else 0, (1 << (bits - 1 if signed else bits)) - 1)


def with_stages(rng: np.random.Generator, op: Op, kernel: Kernel, *ins: TensorType) -> Kernel:
    """With the registers of a clock, where it has some; of any memory style."""
    memory = ("auto", "auto", "lutram", "bram")[between(rng, 0, 3)]
    kernel = replace(kernel, memory=memory, buffer=memory)
    return op.pipelined(kernel, rng.uniform(*CLOCKS), *ins)
