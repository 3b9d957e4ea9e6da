"""Draws of the requantisers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np

from ...ir import Kernel, Op, TensorType, as_integers
from ...ops import Requantise
from ...passes.choose_requantisers import requantiser_forms
from .budget import lanes_and_channels, layer_sums, with_stages
from .common import Draw, Drawer, between, make, sized

CHANNELS = 128
"""So many are drawn; as many as the lanes take are kept."""

GRAIN = 1 << 20
"""Arbitrary slopes are multiples of 1 / GRAIN."""


def _slopes(rng: np.random.Generator, x: TensorType, levels: int) -> tuple[np.ndarray, np.ndarray]:
    """Slopes and offsets of a quantiser behind a BatchNorm: any, of few bits, or powers of two; common to all or not"""
    reach = float(max(x.hi) - min(x.lo)) * float(np.exp(rng.uniform(np.log(0.06), 0)))
    step = max(1.0, reach / (levels + 1))
    spread = np.exp(rng.normal(0, 0.4, size=x.channels)) if rng.random() < 0.7 else np.ones(x.channels)
    bits = (1, 2, 3, 4, None)[between(rng, 0, 4)]
    slope = [_snapped(1 / (step * width), bits) for width in spread.tolist()]
    centre = rng.normal(levels / 3, levels / 4 + 0.5, size=x.channels)
    return np.array(slope, object), np.array([Fraction(round(c * 64), 64) for c in centre.tolist()], object)


def _snapped(value: float, bits: int | None) -> Fraction:
    """The nearest number of so many bits times a power of two."""
    if bits is None:
        return Fraction(round(value * GRAIN), GRAIN) or Fraction(1, GRAIN)
    exponent = int(np.floor(np.log2(value))) + 1 - bits
    return round(value / 2.0**exponent) * Fraction(2) ** exponent


def _requantiser(rng: np.random.Generator, x: TensorType, levels: int) -> Requantise:
    """Unsigned or signed, some channels falling."""
    low = -((levels + 1) // 2) if rng.random() < 0.3 else 0
    slope, offset = _slopes(rng, x, levels)
    if rng.random() < 0.25:
        slope = slope * np.where(rng.random(x.channels) < 0.3, -1, 1)
    return Requantise(slope, offset + low, low, low + levels)


def _found(kind: str) -> Callable[[Requantise, TensorType], Op | None]:
    """The form of that kind which the compiler finds for a requantiser."""
    return lambda op, x: next((form for form in requantiser_forms(op, x) if form.name == kind), None)


def _placed(
    rng: np.random.Generator, op: Op, x: TensorType, each: float, kernel: Kernel
) -> tuple[Op, Kernel, tuple[TensorType, ...]]:
    """On lanes of `each` LUTs, the channels that are left, with the registers of a clock."""
    lanes, channels = lanes_and_channels(rng, each, x.channels)
    kept = np.arange(channels)
    x = TensorType.integer((*x.shape[:-1], channels), x.lo_array[kept], x.hi_array[kept])
    op = op.keep((kept,), kept)
    return op, with_stages(rng, op, replace(kernel, pe=lanes, simd=lanes), x), (x,)


def _threshold(rng: np.random.Generator, index: int) -> Draw:
    """Of requantisers mostly; every third of any function; some lead to -1 and +1."""
    search = index % 5 in (1, 3)
    x = layer_sums(rng, (between(rng, 1, 4), CHANNELS))
    levels = (1 << between(rng, 2, 8)) - 1 if search else min(255, sized(rng, 1, 255))
    if not search and rng.random() < 0.7:
        levels = (1 << levels.bit_length()) - 1
    size = (CHANNELS, 1 if index % 10 == 9 else levels)
    rows = np.sort(rng.integers(x.lo_array[:, None] + 1, x.hi_array[:, None] + 2, size=size), axis=1)
    step = np.where(rng.random(CHANNELS) < 0.2, -1, 1)
    if index % 10 == 9:
        op = make("threshold", thresholds=rows, base=-step, step=2 * step)
    elif index % 3 == 2:
        op = make("threshold", thresholds=rows, base=np.where(step < 0, levels, 0), step=step)
    else:
        found = _found("threshold")(_requantiser(rng, x, levels), x)
        assert found is not None  # no more levels than there may be
        op = found
    levels = op.attributes()["thresholds"].shape[1]
    each = levels.bit_length() * (x.bits + 6) if search else levels * (0.4 * x.bits + 1.5)
    return _placed(rng, op, x, each, Kernel(compare="search" if search and levels > 2 else "parallel"))


def _mul_shift(rng: np.random.Generator, index: int) -> Draw:
    x = layer_sums(rng, (between(rng, 1, 4), CHANNELS))
    levels = (1 << between(rng, 1, 8)) - 1
    op = _found("mul_shift")(_requantiser(rng, x, levels), x) if index % 3 else None
    if op is None:
        bits = between(rng, 2, 8)
        shift = max(1, x.bits + bits - levels.bit_length() - between(rng, 1, 4))
        factors = rng.integers(1 << (bits - 1), 1 << bits, size=CHANNELS)
        addends = rng.integers(-(1 << shift), 1 << shift, size=CHANNELS)
        op = make("mul_shift", multiplier=factors, addend=addends, shift=shift, lo=0, hi=levels)
    multiplier = "dsp" if index % 5 == 4 else "lut"
    factor = int(abs(op.attributes()["multiplier"]).max()).bit_length()
    each = x.bits * (1 if multiplier == "dsp" else 1 + factor) + 10.0
    return _placed(rng, op, x, each, Kernel(multiplier=multiplier))


def _shift(rng: np.random.Generator, index: int) -> Draw:
    """Every fourth has one addend for all channels; every third has signed results."""
    x = layer_sums(rng, (between(rng, 1, 4), CHANNELS))
    bits = between(rng, 1, 8)
    shift = max(1, x.bits - bits - between(rng, 0, 4))
    addend = rng.integers(-(1 << shift), 1 << shift, size=CHANNELS)
    if index % 4 == 3:
        addend = np.full(CHANNELS, (1 << shift) >> 1)
    low = -(1 << (bits - 1)) if index % 3 == 2 else 0
    op = make("shift", addend=as_integers(addend), shift=shift, lo=low, hi=low + (1 << bits) - 1)
    return _placed(rng, op, x, 0.8 * x.bits + 2, Kernel())


DRAWS: dict[str, tuple[int, Drawer]] = {
    "threshold": (75, _threshold),
    "mul_shift": (52, _mul_shift),
    "shift": (24, _shift),
}
