"""Draws of the requantisers."""

from __future__ import annotations

import numpy as np

from .common import Draw, Drawer, accumulators, between, lanes_of, make, sized


def _threshold(rng: np.random.Generator, index: int) -> Draw:
    channels = sized(rng, 1, 40)
    x = accumulators(rng, (between(rng, 1, 4), channels))
    levels = (1 << between(rng, 1, 4)) - 1
    rows = np.sort(rng.integers(x.lo_array[:, None] + 1, x.hi_array[:, None], size=(channels, levels)), axis=1)
    step = np.where(rng.random(channels) < 0.2, -1, 1)
    base = np.where(step < 0, levels, 0)
    if index % 5 == 4:  # to -1 and +1
        rows, levels = rows[:, :1], 1
        base, step = -step, 2 * step
    op = make("threshold", thresholds=rows, base=base, step=step)
    lanes = sized(rng, 1, max(1, min(channels, 400 // (levels * x.bits))))
    return op, lanes_of(op, rng, lanes, x), (x,)


def _mul_shift(rng: np.random.Generator, index: int) -> Draw:
    channels = sized(rng, 1, 40)
    x = accumulators(rng, (between(rng, 1, 4), channels))
    factor_bits, bits = between(rng, 2, 8), between(rng, 1, 8)
    shift = max(1, x.bits + factor_bits - bits - between(rng, 1, 3))
    factors = rng.integers(1 << (factor_bits - 1), 1 << factor_bits, size=channels)
    op = make(
        "mul_shift",
        multiplier=factors,
        addend=rng.integers(-(1 << shift), 1 << shift, size=channels),
        shift=shift,
        lo=0,
        hi=(1 << bits) - 1,
    )
    lanes = sized(rng, 1, max(1, min(channels, 500 // (x.bits * factor_bits))))
    kernel = lanes_of(op, rng, lanes, x)
    return op, kernel, (x,)


def _shift(rng: np.random.Generator, index: int) -> Draw:
    channels = sized(rng, 1, 40)
    x = accumulators(rng, (between(rng, 1, 4), channels))
    bits = between(rng, 1, 8)
    shift = max(1, x.bits - bits - between(rng, 0, 2))
    addend = rng.integers(-(1 << shift), 1 << shift, size=channels)
    op = make("shift", addend=addend, shift=shift, lo=0, hi=(1 << bits) - 1)
    return op, lanes_of(op, rng, sized(rng, 1, min(channels, 16)), x), (x,)


DRAWS: dict[str, tuple[int, Drawer]] = {
    "threshold": (15, _threshold),
    "mul_shift": (15, _mul_shift),
    "shift": (8, _shift),
}
