"""Softmax and top-k kernels at many folds, and argmax of bipolar elements: HLS and RTL against run."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
from harness import Case, check
from intaglio.ir import Kernel, TensorType
from intaglio.ops import Argmax, Softmax, TopK
from intaglio.ops.elements import bipolar_tensor

FOLDS = [(1, 1, 3), (4, 4, 2), (5, 2, 2), (37, 4, 1), (37, 36, 1), (37, 37, 2), (3, 1, 2), (10, 1, 1), (20, 17, 1)]
"""(channels, lanes, pixels)."""
RANGES = [(-90, 70), (0, 255), (-5, 3), (0, 1), (1000, 1009), (7, 7), (-(1 << 35), 1 << 35)]


def bipolar(*shape: int) -> TensorType:
    lo, hi = np.full(shape[-1], -1), np.full(shape[-1], 1)
    lo[-1] = 1
    return bipolar_tensor(shape, lo, hi, None)


def varied(rng: np.random.Generator, shape: tuple[int, ...], low: int, high: int) -> TensorType:
    ends = np.sort(rng.integers(low, high, (2, shape[-1]), endpoint=True), axis=0)
    ends[:, 0] = low, high
    return TensorType.integer(shape, *ends)


def softmax_cases() -> list[Case]:
    rng = np.random.default_rng(4)
    made = []
    for number, (channels, lanes, pixels) in enumerate([*FOLDS, *(fold for fold in FOLDS if fold[1] < 9)]):
        x = varied(rng, (pixels, channels), *RANGES[(number + number // 9) % len(RANGES)])
        bits = (1, 4, 8, 13)[number % 4] if lanes < 9 else 3  # wide ones are slow to compile
        op = Softmax.of(Fraction((1, 3, 1, 5)[number % 4], (1, 40, 16, 3)[number // 2 % 4]), bits, x)
        if number % 5 == 4:  # any table will do
            op = Softmax(rng.integers(0, 200, 9) + (np.arange(9) == 0), bits)
        kernel = Kernel(pe=lanes, simd=lanes, memory=("auto", "bram", "lutram")[number % 3])
        made.append(Case(f"softmax{number}_c{channels}_l{lanes}", op, kernel, (x,)))
    for channels, lanes in ((5, 2), (4, 4)):
        x = bipolar(2, channels)
        made.append(Case(f"bipolar_l{lanes}", Softmax.of(Fraction(1, 2), 6, x), Kernel(pe=lanes, simd=lanes), (x,)))
    return made


def top_k_cases() -> list[Case]:
    rng = np.random.default_rng(6)
    made = []
    for channels in (1, 3, 5, 37):
        for lanes in range(1, min(channels, 4) + 1):
            for k in sorted({1, 2, min(5, channels), channels if channels < 6 else 9}):
                if k <= channels:
                    number = len(made)
                    x = varied(rng, (channels,), *RANGES[number % len(RANGES)])
                    op = TopK(k, number % 3 != 2, number % 2 == 1)
                    made.append(Case(f"top{k}_c{channels}_l{lanes}", op, Kernel(simd=lanes), (x,)))
    for lanes, values in ((1, False), (3, True), (4, False)):
        op = TopK(3, values, values)
        made.append(Case(f"bipolar_top_l{lanes}", op, Kernel(simd=lanes), (bipolar(7),)))
    argmax = [Case(f"bipolar_argmax_l{n}", Argmax(), Kernel(simd=n), (bipolar(7),)) for n in (1, 3, 7)]
    return made + argmax


def test_softmax_kernels(tmp_path: Path) -> None:
    check(softmax_cases(), tmp_path)


def test_top_k_kernels(tmp_path: Path) -> None:
    check(top_k_cases(), tmp_path)
