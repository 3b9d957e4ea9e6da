"""Draws of the layers that multiply and accumulate in folds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...errors import IntaglioError
from ...ir import IntType, Kernel, Op, TensorType
from .common import Draw, Drawer, between, kernel_of, make, sized, stages_of, tensor, weights

PLAIN_DENSE = 56
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


DRAWS: dict[str, tuple[int, Drawer]] = {
    "dense": (PLAIN_DENSE + 4, _dense),
}
