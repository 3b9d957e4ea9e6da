"""Draws of the requantisers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...ir import Kernel, Op, TensorType
from .common import Draw, Drawer, accumulators, between, lanes_of, make, sized


def _threshold(rng: np.random.Generator, index: int) -> Draw:
    channels = sized(rng, 1, 40)
    x = accumulators(rng, (between(rng, 1, 4), channels))
    search = index % 3 == 1 and index % 5 != 4
    levels = (1 << ((2, 4, 6)[index // 3 % 3] if search else between(rng, 1, 4))) - 1
    rows = np.sort(rng.integers(x.lo_array[:, None] + 1, x.hi_array[:, None], size=(channels, levels)), axis=1)
    step = np.where(rng.random(channels) < 0.2, -1, 1)
    base = np.where(step < 0, levels, 0)
    if index % 5 == 4:  # to -1 and +1
        rows, levels = rows[:, :1], 1
        base, step = -step, 2 * step
    op = make("threshold", thresholds=rows, base=base, step=step)
    lanes = sized(rng, 1, max(1, min(channels, 400 // ((levels.bit_length() if search else levels) * x.bits))))
    kernel = replace(lanes_of(op, rng, lanes, x), compare="search" if search else "parallel")
    return op, _staged(op, kernel, index, x), (x,)


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
    return op, _staged(op, lanes_of(op, rng, lanes, x), index, x), (x,)


def _shift(rng: np.random.Generator, index: int) -> Draw:
    channels = sized(rng, 1, 40)
    x = accumulators(rng, (between(rng, 1, 4), channels))
    bits = between(rng, 1, 8)
    shift = max(1, x.bits - bits - between(rng, 0, 2))
    addend = rng.integers(-(1 << shift), 1 << shift, size=channels)
    op = make("shift", addend=addend, shift=shift, lo=0, hi=(1 << bits) - 1)
    return op, _staged(op, lanes_of(op, rng, sized(rng, 1, min(channels, 16)), x), index, x), (x,)


def _staged(op: Op, kernel: Kernel, index: int, x: TensorType) -> Kernel:
    """Every fourth has the registers of a fast clock."""
    return op.pipelined(kernel, 250.0, x) if index % 4 == 3 else kernel


DRAWS: dict[str, tuple[int, Drawer]] = {
    "threshold": (24, _threshold),
    "mul_shift": (15, _mul_shift),
    "shift": (8, _shift),
}
