"""concat and position_affine: HLS and RTL at many folds, against `run`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from harness import Case, Unit, check_units
from intaglio.ir import IntType, Kernel, TensorType, as_integers
from intaglio.ops import Concat, PositionAffine


def tensor(*shape: int, lo: int = 0, hi: int = 15) -> TensorType:
    return TensorType.integer(shape, lo, hi)


def bipolar(*shape: int) -> TensorType:
    return TensorType(shape, IntType(True, 1), (-1,) * shape[-1], (1,) * shape[-1])


UNEVEN = tensor(2, 5, lo=-9, hi=3), tensor(2, 7, hi=3), tensor(2, 37)
SHORT = tensor(3, 1, hi=1), tensor(3, 2), tensor(3, 1), bipolar(3, 3)
CONCATS = [
    ((tensor(2, 2, 6), tensor(2, 2, 4, lo=-3, hi=3)), 2),
    ((tensor(2, 2, 6), tensor(2, 2, 4, lo=-3, hi=3)), 6),
    ((tensor(2, 2, 6), tensor(2, 2, 5, hi=1), tensor(2, 2, 3, lo=-99, hi=0)), 1),
    ((tensor(3, 4, hi=1), tensor(3, 8), tensor(3, 2, hi=1), tensor(3, 7, hi=1)), 2),
    ((tensor(3, 4, hi=1), tensor(3, 8), tensor(3, 3, hi=1)), 15),
    *((UNEVEN, lanes) for lanes in (1, 4, 6, 8, 13, 36, 48, 49)),
    *((SHORT, lanes) for lanes in (2, 3, 4, 5, 6)),
    ((tensor(3, 37, hi=3), tensor(3, 5)), 9),
    ((bipolar(2, 3), bipolar(2, 4)), 5),
    ((tensor(5), tensor(37)), 42),
    ((tensor(5), tensor(37)), 5),
    ((tensor(1), tensor(1)), 1),
    ((bipolar(2, 4), bipolar(2, 3)), 2),
    ((bipolar(2, 4), bipolar(2, 3)), 7),
    ((bipolar(2, 4), tensor(2, 3, hi=1)), 4),
    ((tensor(2, 3, hi=1), bipolar(2, 4)), 3),
    ((tensor(2, 3, lo=-9, hi=9), bipolar(2, 1)), 4),
]


def affine(x: TensorType, shape: tuple[int, ...], other: tuple[int, ...], most: int = 9) -> PositionAffine:
    """Random constants that differ along the axes that these shapes have."""
    rng = np.random.default_rng(list(shape))
    constants = (rng.integers(-most, most, size, endpoint=True) for size in (shape, other))
    return PositionAffine(*map(as_integers, constants))


IMAGE, FLAT = tensor(3, 2, 5, lo=-8, hi=7), tensor(7, hi=3)
AFFINES = [
    (IMAGE, (3, 2, 5), (3, 2, 5), Kernel(2, 2)),
    (IMAGE, (3, 2, 5), (3, 2, 1), Kernel(5, 5)),
    (IMAGE, (3, 2, 1), (1, 1, 5), Kernel(2, 2)),
    (IMAGE, (3, 2, 1), (3, 2, 1), Kernel(1, 1)),
    (IMAGE, (3, 1, 1), (1, 2, 1), Kernel(5, 5)),
    (IMAGE, (1, 1, 1), (3, 2, 5), Kernel(3, 3, memory="bram")),
    (IMAGE, (1, 1, 5), (1, 1, 1), Kernel(2, 2)),
    (FLAT, (7,), (7,), Kernel(7, 7)),
    (FLAT, (7,), (1,), Kernel(4, 4)),
    (bipolar(2, 3), (2, 3), (1, 3), Kernel(2, 2)),
    (tensor(2, 3, lo=-(1 << 16), hi=1 << 16), (2, 3), (2, 1), Kernel(2, 2, multiplier="dsp")),
    (tensor(1), (1,), (1,), Kernel()),
]


def test_at_many_folds(tmp_path: Path) -> None:
    cases = []
    for k, (ins, lanes) in enumerate(CONCATS):
        cases.append(Case(f"concat{k}", Concat(len(ins)), Kernel(lanes, min(lanes, max(x.channels for x in ins))), ins))
    for k, (x, shape, other, kernel) in enumerate(AFFINES):
        op = affine(x, shape, other, 9000 if kernel.multiplier == "dsp" else 9)
        cases.append(Case(f"affine{k}", op, kernel, (x,)))
    ones = PositionAffine(as_integers(np.ones((1, 1, 1))), as_integers(np.arange(30).reshape(3, 2, 5) % 4))
    cases.append(Case("positional_bias", ones, Kernel(2, 2), (IMAGE,)))
    mask = PositionAffine(as_integers(np.arange(6).reshape(3, 2, 1) % 2), as_integers(np.zeros((1, 1, 1))))
    cases.append(Case("mask", mask, Kernel(2, 2), (IMAGE,)))
    rng = np.random.default_rng(0)
    units = [case.unit(rng, 4) for case in cases]
    check_units([*units, *(with_rubbish(unit, rng) for unit in units if unit.name in RUBBISH)], tmp_path)


RUBBISH = ("concat3", "concat6", "concat18")
"""Cases with lanes without a channel: of the last input, of all, of the first."""


def with_rubbish(unit: Unit, rng: np.random.Generator) -> Unit:
    """The same with numbers in the spare lanes of its inputs, as more channels that it must not look at."""
    inputs = []
    for values, kind, lanes in unit.inputs:
        spare = -kind.channels % lanes
        wider = TensorType.integer((*kind.shape[:-1], kind.channels + spare), min(kind.lo), max(kind.hi))
        assert wider.dtype == kind.dtype
        rubbish = rng.integers(min(kind.lo), max(kind.hi), (*values.shape[:-1], spare), endpoint=True)
        inputs.append((np.concatenate([values, rubbish], axis=-1), wider, lanes))
    assert any(x.shape != y.shape for (x, *_), (y, *_) in zip(inputs, unit.inputs, strict=True))
    return replace(unit, name=f"{unit.name}_rubbish", inputs=inputs)
