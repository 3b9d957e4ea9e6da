"""Draws of the layers that multiply and accumulate in folds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...errors import IntaglioError
from ...ir import IntType, Kernel, Op, TensorType
from .common import Draw, Drawer, between, kernel_of, make, sized, stages_of, tensor, weights

PLAIN_DENSE, PLAIN_CONVOLUTIONS = 56, 30
"""So many of each are plain, the rest of the special forms."""

LOGIC, SLICES = ("booth", "lut"), ("dsp2", "dsp4", "dsp")
"""Ways to multiply without and with DSP slices."""


def _dense(rng: np.random.Generator, index: int) -> Draw:
    if index >= PLAIN_DENSE:
        return _binary_dense(rng, index)
    bits = between(rng, 1, 8)
    inputs, outputs = sized(rng, 4, 96), sized(rng, 2, 32)
    x = tensor(rng, (*((3,) if index % 3 == 0 else ()), inputs))
    kernel = kernel_of(rng, outputs, inputs, x.bits * bits, index)
    weight = _signs(rng, (outputs, inputs)) if bits == 1 else weights(rng, (outputs, inputs), bits)
    op = make("dense", weight=weight, bias=weights(rng, (outputs,), bits + 3))
    return op, _multiplying(op, kernel, x, bits, index), (x,)


def _multiplying(op: Op, kernel: Kernel, x: TensorType, bits: int, index: int) -> Kernel:
    """The kernel with a way to multiply that it can have: by turns those that a solver would weigh."""
    wanted = SLICES[index // 3 % 3 :] + SLICES if kernel.multiplier == "dsp" else LOGIC[(bits > 3) * (index % 2) :]
    for multiplier in (*wanted, "lut"):
        chosen = replace(kernel, multiplier=multiplier)
        try:
            op.parts(chosen, x)
        except IntaglioError:
            continue
        return chosen
    return kernel


def _binary_dense(rng: np.random.Generator, index: int) -> Draw:
    inputs, outputs = sized(rng, 8, 200), sized(rng, 4, 40)
    pe, simd = sized(rng, 1, outputs), sized(rng, 4, inputs)
    op = make("dense", weight=_signs(rng, (outputs, inputs)), bias=weights(rng, (outputs,), 6))
    kernel = Kernel(pe, simd, multiplier="xnor", stages=stages_of(rng, simd))
    return op, kernel, (_one_bit((inputs,), bipolar=index % 2 == 0),)


def _signs(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return (rng.integers(0, 2, shape) * 2 - 1).astype(np.int64)


def _one_bit(shape: tuple[int, ...], *, bipolar: bool) -> TensorType:
    channels = shape[-1]
    return TensorType(shape, IntType(bipolar, 1), (-1 if bipolar else 0,) * channels, (1,) * channels)


def _conv2d(rng: np.random.Generator, index: int) -> Draw:
    if index >= PLAIN_CONVOLUTIONS:
        return _special_conv2d(rng, index - PLAIN_CONVOLUTIONS)
    bits, size = between(rng, 1, 6), (1, 3, 3, 5)[between(rng, 0, 3)]
    inputs, outputs = sized(rng, 1, 20), sized(rng, 2, 24)
    side = between(rng, size, 14)
    x = tensor(rng, (side, side + between(rng, 0, 3), inputs))
    kernel = kernel_of(rng, outputs, inputs, x.bits * bits, index)
    pad, shape = between(rng, 0, size // 2), (outputs, size, size, inputs)
    op = make(
        "conv2d",
        weight=_signs(rng, shape) if bits == 1 else weights(rng, shape, bits),
        bias=weights(rng, (outputs,), bits + 3),
        stride=(1, 1) if index % 3 else (min(2, size), min(2, size)),
        padding=(pad,) * 4,
    )
    return op, _multiplying(op, kernel, x, bits, index), (x,)


def _special_conv2d(rng: np.random.Generator, index: int) -> Draw:
    """Depthwise, depthwise in the window form, dilated, in groups, XNOR, by turns."""
    form = ("depthwise", "window", "dilated", "grouped", "xnor")[index % 5]
    groups, kernel, dilation, bits = 1, (3, 3), (1, 1), between(rng, 2, 6)
    if form in ("depthwise", "window"):
        groups = inputs = outputs = sized(rng, 3, 40)
        lanes = sized(rng, 1, min(inputs, 6))
        pe, simd = lanes, lanes * (9 if form == "window" else 1)
    elif form == "grouped":
        groups, ins, outs = between(rng, 2, 4), sized(rng, 2, 6), sized(rng, 2, 6)
        inputs, outputs = groups * ins, groups * outs
        pe, simd = outs, ins
    else:
        inputs, outputs, dilation = sized(rng, 2, 24), sized(rng, 2, 16), ((1, 1), (2, 2))[form == "dilated"]
        pe, simd = sized(rng, 1, min(outputs, 6)), sized(rng, 1, min(inputs, 8))
    shape = (between(rng, 5, 12), between(rng, 5, 12), inputs)
    x = _one_bit(shape, bipolar=False) if form == "xnor" else tensor(rng, shape)
    weight = (outputs, *kernel, inputs // groups)
    op = make(
        "conv2d",
        weight=_signs(rng, weight) if form == "xnor" else weights(rng, weight, bits),
        bias=weights(rng, (outputs,), bits + 3),
        padding=(dilation[0],) * 4,
        dilation=dilation,
        groups=groups,
    )
    multiplier = "xnor" if form == "xnor" else "booth" if bits <= 3 else "lut"
    stages = stages_of(rng, simd * outputs // (pe * groups) if groups > 1 else simd)
    return op, Kernel(pe, simd, multiplier=multiplier, stages=stages), (x,)


DRAWS: dict[str, tuple[int, Drawer]] = {
    "dense": (PLAIN_DENSE + 4, _dense),
    "conv2d": (PLAIN_CONVOLUTIONS + 10, _conv2d),
}
