"""Draws of layers that are fully unrolled, every weight a constant of its own: dense, windows of images, XNOR."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...ir import Int64, IntType, Kernel, Op, TensorType
from .common import Draw, Drawer, between, make, sized, stages_of, tensor, weights

SPARSITY = (0.0, 0.5, 0.0, 0.8, 0.5, 0.95)
"""By turns, the share of weights that pruning has set to zero."""

CLOCKS_MHZ = 100, 400

WIDEST = 64
"""Outputs of a layer."""

FEWEST, MOST = 90, 1900
"""About how many LUTs a layer is to take."""


def weights_worth(rng: np.random.Generator, per_weight: float, density: float) -> float:
    """So many weights, zeros among them, if each that is not zero takes about `per_weight` LUTs."""
    luts = float(np.exp(rng.uniform(np.log(FEWEST), np.log(MOST))))
    return luts / (per_weight * density)


def split(rng: np.random.Generator, count: float, most: int = 100) -> tuple[int, int]:
    """Inputs and outputs of so many weights."""
    fewest = max(4, round(count / WIDEST))
    inputs = sized(rng, fewest, max(fewest, min(most, round(count))))
    return inputs, max(1, round(count / inputs))


def pruned(rng: np.random.Generator, values: Int64, sparsity: float) -> Int64:
    return values * (rng.random(values.shape) >= sparsity)


def constants(rng: np.random.Generator, shape: tuple[int, ...], bits: int, sparsity: float) -> Int64:
    """Weights of so many bits, without structure where they are zero; of one bit, -1 and +1."""
    values = signs(rng, shape) if bits == 1 else weights(rng, shape, bits)
    return pruned(rng, values, sparsity)


def signs(rng: np.random.Generator, shape: tuple[int, ...]) -> Int64:
    return (rng.integers(0, 2, shape) * 2 - 1).astype(np.int64)


def registered(op: Op, kernel: Kernel, rng: np.random.Generator, terms: int, x: TensorType) -> Kernel:
    """With the registers that a clock asks for; every fourth with any number of them."""
    clock = float(np.exp(rng.uniform(*np.log(CLOCKS_MHZ))))
    if between(rng, 0, 3):
        return op.pipelined(kernel, clock, x)
    return replace(kernel, stages=stages_of(rng, terms))


def unrolled_dense(rng: np.random.Generator, index: int, multiplier: str, cost: float) -> Draw:
    """cost: about how many LUTs a bit of a weight takes for each bit of its input."""
    bits, sparsity = between(rng, 1, 8), SPARSITY[index % len(SPARSITY)]
    x = tensor(rng, (1,))
    count = weights_worth(rng, cost * (x.bits + 1) * (bits + 1), 1 - sparsity)
    inputs, outputs = split(rng, count)
    x = TensorType.integer((inputs,), x.lo[0], x.hi[0])
    weight = constants(rng, (outputs, inputs), bits, sparsity)
    op = make("dense", weight=weight, bias=weights(rng, (outputs,), bits + 3) * (index % 5 > 0))
    return op, registered(op, Kernel(outputs, inputs, multiplier=multiplier), rng, inputs, x), (x,)


def unrolled_conv2d(rng: np.random.Generator, index: int, multiplier: str, cost: float) -> Draw:
    """Every fifth is depthwise."""
    bits, sparsity = between(rng, 1, 7), SPARSITY[index % len(SPARSITY)]
    depthwise, size = index % 5 == 3, (3, 3, 5, 3, 2, 1)[between(rng, 0, 5)]
    size = max(size, 1 + depthwise)
    x = tensor(rng, (1,))
    count = weights_worth(rng, cost * (x.bits + 1) * (bits + 1), 1 - sparsity)
    inputs, outputs = split(rng, count, size * size * (8 if size > 1 else 40))
    inputs = max(1, round(inputs / (size * size)))
    if depthwise:
        inputs = outputs = max(1, min(round(count / (size * size)), WIDEST))
    side = between(rng, size, 14)
    x = TensorType.integer((side, side + between(rng, 0, 3), inputs), x.lo[0], x.hi[0])
    weight = constants(rng, (outputs, size, size, 1 if depthwise else inputs), bits, sparsity)
    stride, pad = between(rng, 1, min(2, size)), between(rng, 0, size // 2)
    op = make(
        "conv2d",
        weight=weight,
        bias=weights(rng, (outputs,), bits + 3),
        stride=(stride, stride),
        padding=(pad,) * 4,
        groups=inputs if depthwise else 1,
    )
    return op, registered(op, _widest(op, multiplier, x), rng, size * size * (1 if depthwise else inputs), x), (x,)


def _widest(op: Op, multiplier: str, x: TensorType) -> Kernel:
    """The kernel of most lanes."""
    return replace(max(op.kernels(x), key=lambda k: (k.pe * k.simd, k.pe)), multiplier=multiplier)


def _dense(rng: np.random.Generator, index: int) -> Draw:
    return unrolled_dense(rng, index, "lut", 0.4)


def _conv2d(rng: np.random.Generator, index: int) -> Draw:
    return unrolled_conv2d(rng, index, "lut", 0.4)


def _xnor(rng: np.random.Generator, index: int) -> Draw:
    """Every third a window of an image; inputs of -1 and +1, or of 0 and 1."""
    count, window, bipolar = weights_worth(rng, 1.5, 1.0), index % 3 == 2, index % 2 == 0
    inputs, outputs = split(rng, count, 100 if window else 256)
    inputs = max(1, round(inputs / 9)) if window else inputs
    shape = (3, 3, inputs) if window else (inputs,)
    bias = weights(rng, (outputs,), 6)
    weight = signs(rng, (outputs, *shape))
    image = (between(rng, 3, 10), between(rng, 3, 10)) if window else ()
    x = TensorType((*image, inputs), IntType(bipolar, 1), (-1 if bipolar else 0,) * inputs, (1,) * inputs)
    op = make("conv2d" if window else "dense", weight=weight, bias=bias)
    return op, registered(op, _widest(op, "xnor", x), rng, weight[0].size, x), (x,)


DRAWS: dict[str, tuple[int, Drawer]] = {
    "dense_unrolled": (48, _dense),
    "conv2d_unrolled": (32, _conv2d),
    "xnor_unrolled": (24, _xnor),
}
