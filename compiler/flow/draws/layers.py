"""Draws of the layers that multiply and accumulate."""

from __future__ import annotations

import numpy as np

from ...ir import Kernel, Op
from .common import Draw, Drawer, between, kernel_of, make, sized, stages_of, tensor, weights


def _dense(rng: np.random.Generator, index: int) -> Draw:
    bits = between(rng, 1, 8)
    if index % 4 == 3:  # unrolled, weights as constants
        inputs, outputs = sized(rng, 3, 16), sized(rng, 1, 10)
        x = tensor(rng, (inputs,))
        kernel = Kernel(outputs, inputs, stages=stages_of(rng, inputs))
    else:
        inputs, outputs = sized(rng, 4, 96), sized(rng, 2, 32)
        x = tensor(rng, (*((3,) if index % 3 == 0 else ()), inputs))
        kernel = kernel_of(rng, outputs, inputs, x.bits * bits, index)
    weight = weights(rng, (outputs, inputs), bits)
    return make("dense", weight=weight, bias=weights(rng, (outputs,), bits + 3)), kernel, (x,)


def _conv2d(rng: np.random.Generator, index: int) -> Draw:
    bits, size = between(rng, 1, 6), (1, 3, 3, 5)[between(rng, 0, 3)]
    unrolled = index % 4 == 3
    inputs, outputs = sized(rng, 1, 3 if unrolled else 20), sized(rng, 2, 6 if unrolled else 24)
    side = between(rng, size, 14)
    x = tensor(rng, (side, side + between(rng, 0, 3), inputs))
    if unrolled:
        kernel = Kernel(outputs, inputs, stages=between(rng, 1, 3))
    else:
        kernel = kernel_of(rng, outputs, inputs, x.bits * bits, index)
    pad = between(rng, 0, size // 2)
    op = make(
        "conv2d",
        weight=weights(rng, (outputs, size, size, inputs), bits),
        bias=weights(rng, (outputs,), bits + 3),
        stride=(1, 1) if index % 3 else (min(2, size), min(2, size)),
        padding=(pad,) * 4,
    )
    options = list(op.kernels(x)) if unrolled and type(op).kernels is not Op.kernels else []
    if options:  # the most parallel kernel that it has
        kernel = max(options, key=lambda k: (k.pe * k.simd, k.pe))
    return op, kernel, (x,)


DRAWS: dict[str, tuple[int, Drawer]] = {
    "dense": (32, _dense),
    "conv2d": (22, _conv2d),
}
