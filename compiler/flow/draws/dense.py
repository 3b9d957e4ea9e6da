"""Draws of folded dense layers: every way to multiply by turns, both places for weights, sizes evenly on a logarithmic
scale.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, sqrt

import numpy as np

from ...ir import IntType, Kernel, TensorType
from .common import Draw, Drawer, between, make, sized, stages_of

FORMS = ("lut", "booth", "dsp", "xnor", "dsp2", "booth", "lut", "dsp4")
"""Ways to multiply, by turns."""

MOST_MEMORY = 1 << 17
"""Bits of the largest weight memory: larger ones are more block RAMs and take Yosys long to read."""

SMALLEST, LARGEST = 60, 1800
"""About how many LUTs a module has."""

NEAR = 1.2
"""How near to what was drawn a module's size must be."""

PACKED = 24
"""Bits of the wider operand of a DSP slice, for products that share one."""


@dataclass(frozen=True)
class _Sizes:
    """Lanes, folds, bits of inputs and of weights."""

    pe: int
    simd: int
    turns: int
    beats: int
    x_bits: int
    weight_bits: int

    @property
    def depth(self) -> int:
        return self.turns * self.beats

    @property
    def width(self) -> int:
        return self.pe * self.simd * self.weight_bits

    def luts(self, form: str, in_luts: bool) -> float:
        """A rough guess, which only has to spread the modules over all sizes."""
        x, w = self.x_bits + 1, self.weight_bits
        product = {"lut": 1.3 * x * w, "booth": 1.5 * x * ceil(w / 2), "xnor": 1.5}.get(form, 1.0 * (x + w))
        memory = self.width * max(1.0, self.depth / 50) if in_luts else 0.0
        return 30 + self.pe * (self.simd * product + 2 * (x + w)) + memory + 2 * self.simd * self.x_bits


def _dense(rng: np.random.Generator, index: int) -> Draw:
    form, wanted = FORMS[index % len(FORMS)], sized(rng, SMALLEST, LARGEST)
    while True:
        sizes = _sizes(rng, form)
        large = sizes.depth > 32 and sizes.depth * sizes.width > 2048
        in_luts = bool(rng.random() < (0.5 if large else 0.85))
        guess = sizes.luts(form, in_luts)
        if wanted / NEAR < guess < wanted * NEAR and sizes.depth >= 2 and sizes.depth * sizes.width <= MOST_MEMORY:
            break
    outputs = sizes.pe * sizes.turns - _spare(rng, sizes.pe, sizes.turns)
    inputs = sizes.simd * sizes.beats - _spare(rng, sizes.simd, sizes.beats)
    x = _input(rng, form, sizes.x_bits, inputs)
    weight = folded_weights(rng, (outputs, inputs), sizes.weight_bits)
    if index % 12 == 7 and sizes.weight_bits > 1:
        weight *= _blocks_left(rng, sizes)[:outputs, :inputs]
    reach = sqrt(inputs) * np.abs(weight).mean() * max(x.hi)
    bias = np.rint(rng.normal(0, max(1.0, reach), outputs)).astype(np.int64) * (rng.random() < 0.75)
    op = make("dense", weight=weight, bias=bias)
    kernel = Kernel(sizes.pe, sizes.simd, memory="lutram" if in_luts else "bram", multiplier=form)
    if rng.random() < 0.25:
        return op, replace(kernel, stages=stages_of(rng, sizes.simd)), (x,)
    return op, op.pipelined(kernel, rng.uniform(100, 300), x), (x,)


def _sizes(rng: np.random.Generator, form: str) -> _Sizes:
    depth = sized(rng, 2, 2000)
    turns = sized(rng, 1, depth)
    x_bits, weight_bits = _bits(rng, form)
    fewest = int(form[-1]) // 2 + 1 if form in ("dsp2", "dsp4") else 1  # with fewer outputs slices stay half empty
    return _Sizes(sized(rng, fewest, 32), sized(rng, 1, 64), turns, ceil(depth / turns), x_bits, weight_bits)


def _bits(rng: np.random.Generator, form: str) -> tuple[int, int]:
    """Bits of inputs and of weights that the form can have; mostly those that it is good for."""
    if form == "xnor":
        return 1, 1
    by_hand = rng.random() < 0.15
    while True:
        x, weight = between(rng, 1, 8), between(rng, 1, 8)
        if by_hand and form in ("lut", "booth", "dsp"):
            return x, weight
        if form == "lut" and weight > 3:
            return x, weight
        if form == "booth" and weight <= 6 and (x, weight) != (1, 1):
            return x, weight
        if form == "dsp" and (x + 1) * weight >= 36:
            return x, weight
        if form in ("dsp2", "dsp4") and weight > 1:
            pack = int(form[-1])
            if (pack - 1) * (x + weight) + weight <= PACKED:
                return x, weight


def _spare(rng: np.random.Generator, lanes: int, folds: int) -> int:
    """Lanes of the last fold that have nothing to do: none in most layers."""
    return between(rng, 0, lanes - 1) if folds > 1 and rng.random() < 0.35 else 0


def _input(rng: np.random.Generator, form: str, bits: int, inputs: int) -> TensorType:
    if form == "xnor":
        return one_bit((inputs,), bipolar=bool(rng.random() < 0.5))
    signed = bits > 1 and rng.random() < 0.3
    return TensorType.integer((inputs,), -(1 << (bits - 1)) if signed else 0, (1 << (bits - signed)) - 1)


def folded_weights(rng: np.random.Generator, shape: tuple[int, ...], bits: int) -> np.ndarray:
    """As training leaves them: rounded Gaussians, clipped here or there, with the lowest code or without."""
    if bits == 1:
        return signs(rng, shape)
    high = (1 << (bits - 1)) - 1
    low = -high - int(rng.random() < 0.5)
    values = rng.normal(0, max(0.7, high / rng.uniform(1.5, 4.0)), size=shape)
    return np.clip(np.rint(values), low, high).astype(np.int64)


def signs(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return (rng.integers(0, 2, shape) * 2 - 1).astype(np.int64)


def one_bit(shape: tuple[int, ...], *, bipolar: bool) -> TensorType:
    channels = shape[-1]
    return TensorType(shape, IntType(bipolar, 1), (-1 if bipolar else 0,) * channels, (1,) * channels)


def _blocks_left(rng: np.random.Generator, sizes: _Sizes) -> np.ndarray:
    """1 where a block of weights was not pruned, 0 elsewhere: (outputs, inputs). Every output keeps one."""
    left = (rng.random((sizes.turns, sizes.beats)) < 0.5).astype(np.int64)
    left[:, 0] = 1
    return left.repeat(sizes.pe, axis=0).repeat(sizes.simd, axis=1)


DRAWS: dict[str, tuple[int, Drawer]] = {"dense": (142, _dense)}
