"""Draws of folded convolutions: every form and every place of their memories, as networks have them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ...errors import IntaglioError
from ...ir import IntType, Kernel, Op, TensorType
from .common import Draw, Drawer, between, make, sized, tensor, weights

CONVOLUTIONS = 100

FORMS = (
    "rows", "pointwise", "depthwise", "rows", "window", "signal", "rows", "grouped", "sparse", "xnor",
    "rows", "window", "depthwise", "dilated", "rows", "depthwise window", "rows", "signal", "pointwise", "rows",
)  # fmt: skip
"""By turns."""

CLOCKS = 100.0, 150.0, 200.0, 250.0, 300.0

ALWAYS_IN_LUTS, DEEPEST_IN_LUTS, MOST_IN_LUTS = 2048, 32, 40_000
"""Weights of so few bits, or words, lie in LUTs; those of more than the last never do here."""


@dataclass
class Layer:
    """The sizes of one convolution."""

    inputs: int
    outputs: int
    kernel: tuple[int, int] = (3, 3)
    groups: int = 1
    dilation: int = 1
    lanes: tuple[int, int] = (1, 1)

    @property
    def weight(self) -> tuple[int, ...]:
        return self.outputs, *self.kernel, self.inputs // self.groups


def _conv2d(rng: np.random.Generator, index: int) -> Draw:
    form, bits = FORMS[index % len(FORMS)], between(rng, 1, 8)
    lanes = max(1, round(sized(rng, 40, 1600) / (8.0 * bits)))
    layer = _layer(rng, form, lanes)
    (rows, columns), rate = layer.kernel, layer.dilation
    span = (rows - 1) * rate + 1, (columns - 1) * rate + 1
    height = 1 if form == "signal" else sized(rng, span[0] + 1, 32)
    shape = (height, sized(rng, span[1] + 1, 64 if form == "signal" else 32), layer.inputs)
    x = _one_bit(shape) if form == "xnor" else tensor(rng, shape)
    weight = _signs(rng, layer.weight) if bits == 1 or form == "xnor" else weights(rng, layer.weight, bits)
    if form == "sparse":
        weight = weight * _kept_blocks(rng, layer)
    strides = rng.random() < 0.25
    pad = tuple(size // 2 * bool(rng.random() < 0.7) for size in span)
    op = make(
        "conv2d",
        weight=weight,
        bias=weights(rng, (layer.outputs,), bits + 3),
        stride=(min(2, span[0]), min(2, span[1])) if strides else (1, 1),
        padding=(pad[0], pad[0], pad[1], pad[1]),
        dilation=(rate, rate),
        groups=layer.groups,
    )
    return op, _kernel(rng, op, layer.lanes, bits, x), (x,)


def _layer(rng: np.random.Generator, form: str, lanes: int) -> Layer:
    """Channels and a fold of them; `lanes`: about so many products side by side."""
    if form in ("depthwise", "depthwise window"):
        channels = sized(rng, 4, 64)
        side = min(channels, lanes // (9 if form == "depthwise window" else 1) or 1)
        taps = 9 if form == "depthwise window" else 1
        return Layer(channels, channels, groups=channels, lanes=(side, side * taps))
    if form == "grouped":
        groups, inputs, outputs = between(rng, 2, 4), sized(rng, 2, 12), sized(rng, 2, 12)
        pe = _divisor(rng, outputs, lanes)
        return Layer(groups * inputs, groups * outputs, groups=groups, lanes=(pe, _divisor(rng, inputs, lanes // pe)))
    kernel = {"pointwise": (1, 1), "signal": (1, (3, 5, 7)[between(rng, 0, 2)])}.get(form, (3, 3))
    if form == "rows" and rng.random() < 0.2:
        kernel = (5, 5)
    inputs, outputs = sized(rng, 1 if form == "rows" else 2, 48), sized(rng, 2, 64)
    if form == "window":
        inputs = sized(rng, 1, 4)
        pe = _fold(rng, outputs // 2 or 1, lanes // (9 * inputs))
        return Layer(inputs, outputs, lanes=(pe, 9 * inputs))
    lanes *= 4 if form == "xnor" else 1
    pe = _fold(rng, outputs, sized(rng, 1, max(1, min(lanes, outputs))))
    simd = _fold(rng, inputs, lanes // pe)
    return Layer(inputs, outputs, kernel, dilation=2 if form == "dilated" else 1, lanes=(pe, simd))


def _fold(rng: np.random.Generator, size: int, most: int) -> int:
    """The fewest lanes for as few folds as `most` lanes give."""
    count = -(-size // min(size, max(1, most)))
    return -(-size // count)


def _divisor(rng: np.random.Generator, size: int, most: int) -> int:
    return max(n for n in range(1, size + 1) if size % n == 0 and n <= max(1, most))


def _kept_blocks(rng: np.random.Generator, layer: Layer) -> np.ndarray:
    """Ones, and zeros in half of the blocks that a step takes."""
    (pe, simd), (outputs, rows, columns, inputs) = layer.lanes, layer.weight
    blocks = rng.random((-(-outputs // pe), rows, columns, -(-inputs // simd))) < 0.5
    blocks[:, 0, 0, 0] = True
    return blocks.repeat(pe, axis=0).repeat(simd, axis=3)[:outputs, ..., :inputs].astype(np.int64)


def _kernel(rng: np.random.Generator, op: Op, lanes: tuple[int, int], bits: int, x: TensorType) -> Kernel:
    """A way to multiply that it can have, memories as a solver or a user choose them, registers for a clock."""
    kernel = Kernel(*lanes, buffer=("auto", "auto", "auto", "lutram", "bram")[between(rng, 0, 4)])
    wanted = [("xnor", "booth", "lut", "lut", "dsp2", "dsp4", "dsp")[k] for k in rng.permutation(7)]
    if bits <= 2:
        wanted.sort(key=lambda multiplier: multiplier.startswith("dsp"))
    for multiplier in (*sorted(wanted, key=lambda m: m != "xnor"), "lut"):
        if multiplier == "lut" and bits == 1:
            continue
        chosen = replace(kernel, multiplier=multiplier)
        try:
            op.parts(chosen, x)
        except IntaglioError:
            continue
        kernel = chosen
        break
    words, width = _weight_memory(op, kernel, x)
    memory = "lutram" if words <= DEEPEST_IN_LUTS or words * width <= ALWAYS_IN_LUTS else "bram"
    if memory == "bram" and words * width <= MOST_IN_LUTS and rng.random() < 0.5:
        memory = "lutram"
    kernel = replace(kernel, memory="auto" if rng.random() < 0.2 else memory)
    clocked = op.pipelined(kernel, CLOCKS[between(rng, 0, len(CLOCKS) - 1)], x)
    if rng.random() < 0.75:
        return clocked
    terms = lanes[1] if op.groups == 1 else max(1, lanes[1] * (len(op.bias) // op.groups) // lanes[0])
    return replace(kernel, stages=between(rng, 1, (terms - 1).bit_length() + 1))


def _weight_memory(op: Op, kernel: Kernel, x: TensorType) -> tuple[int, int]:
    """About how many words of weights, and their bits."""
    weight = op.weight
    width = kernel.pe * kernel.simd * max(1, int(np.abs(weight).max()).bit_length() + 1)
    return max(1, weight.size // (kernel.pe * kernel.simd)), width


def _signs(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return (rng.integers(0, 2, shape) * 2 - 1).astype(np.int64)


def _one_bit(shape: tuple[int, ...]) -> TensorType:
    return TensorType(shape, IntType(False, 1), (0,) * shape[-1], (1,) * shape[-1])


DRAWS: dict[str, tuple[int, Drawer]] = {"conv2d": (CONVOLUTIONS, _conv2d)}
