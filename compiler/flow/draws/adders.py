"""Draws of fully unrolled layers as adder graphs: registers in every place and in few."""

from __future__ import annotations

import numpy as np

from ...ir import Kernel
from .common import Draw, Drawer, between, make, sized, tensor, weights


def _adders(rng: np.random.Generator, index: int) -> Draw:
    bits, inputs, outputs = between(rng, 2, 7), sized(rng, 3, 14), sized(rng, 2, 12)
    x = tensor(rng, (inputs,))
    bias = weights(rng, (outputs,), bits + 3) * (index % 3 > 0)
    op = make("dense", weight=weights(rng, (outputs, inputs), bits), bias=bias)
    stages = 1 + between(rng, 0, (inputs - 1).bit_length())
    return op, Kernel(outputs, inputs, multiplier="adders", stages=stages), (x,)


DRAWS: dict[str, tuple[int, Drawer]] = {"adders": (10, _adders)}
