"""The requantisers' kernels: threshold, mul_shift, shift at many folds, widths and signs, HLS and RTL against run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from harness import Case, check
from intaglio.ir import Kernel, Op, TensorType
from intaglio.ops import MulShift, PositionAffine, Shift, Threshold
from intaglio.ops.elements import bipolar_tensor

FOLDS = [(1, 1, 5), (4, 4, 2), (5, 2, 2), (37, 4, 1), (37, 36, 1), (3, 1, 2)]
"""(channels, lanes, pixels)."""
RANGES = [(-900, 700), (0, 255), (-5, 3), (0, 1)]


def threshold(rng: np.random.Generator, channels: int, levels: int, low: int, high: int) -> Threshold:
    """Some thresholds out of reach, some equal."""
    rows = np.sort(rng.integers(low - 3, high + 4, (channels, levels)), axis=1)
    return Threshold(rows, rng.integers(-9, 5, channels), rng.choice([-1, 1], channels))


def plain_threshold(rng: np.random.Generator, channels: int, levels: int, low: int, high: int) -> Threshold:
    """One row of thresholds for all channels, counted up from zero: no memory, no adder."""
    row = np.sort(rng.integers(low, high + 1, levels))
    return Threshold(np.tile(row, (channels, 1)), np.zeros(channels, np.int64), np.ones(channels, np.int64))


def sign(rng: np.random.Generator, channels: int, low: int, high: int) -> Threshold:
    """-1 or +1, rising or falling; some thresholds out of reach."""
    base = rng.choice([-1, 1], channels)
    return Threshold(rng.integers(low - 2, high + 3, (channels, 1)), base, -2 * base)


def ops(rng: np.random.Generator, channels: int, low: int, high: int) -> Iterator[tuple[str, Op]]:
    def some(first: int, last: int) -> np.ndarray:
        return rng.integers(first, last, channels)

    span = max(abs(low), abs(high))
    for levels in (1, 6, 15):
        yield f"threshold{levels}", threshold(rng, channels, levels, low, high)
    yield "plain", plain_threshold(rng, channels, 15, low, high)
    for name, clip in (("u4", (0, 15)), ("i3", (-4, 3)), ("wide", (-(10**9), 10**9)), ("bit", (0, 1))):
        shift = max(1, span.bit_length() - 2)
        yield f"mul_shift_{name}", MulShift(some(-9, 40), some(-9 * span - 9, 9 * span), shift + 3, *clip)
        yield f"shift_{name}", Shift(some(-span - 9, span), shift, *clip)
    yield "mul_shift_shared", MulShift(np.full(channels, 5), some(-9, 9), 4, -8, 7)
    yield "shift_shared", Shift(np.full(channels, -3), 0, -20, 30)
    yield "constant", Shift(np.full(channels, 5000), 40, 0, 15)


def cases(names: tuple[str, ...], every: int) -> list[Case]:
    """Every operator on every fold, the ranges in turn: one in `every` of all combinations."""
    rng = np.random.default_rng(5)
    made = []
    for number, ((channels, lanes, pixels), (low, high)) in enumerate((f, r) for f in FOLDS for r in RANGES):
        ends = np.sort(rng.integers(low, high, (2, channels), endpoint=True), axis=0)
        ends[:, 0] = low, high
        x = TensorType.integer((pixels, channels), *ends)
        for index, (name, op) in enumerate(ops(rng, channels, low, high)):
            multiplier = "dsp" if (number + index) % 2 else "lut"
            memory = ("auto", "bram", "lutram")[(number + index) % 3]
            kernel = Kernel(pe=lanes, simd=lanes, multiplier=multiplier, memory=memory)
            if name.startswith(names) and (number + index) % every == 0:
                made.append(Case(f"{name}_c{channels}_l{lanes}_r{number}", op, kernel, (x,)))
    return made


def bipolar_cases() -> list[Case]:
    """Bipolar tensors out of accumulators (of up to 40 bits) and into every requantiser."""
    rng = np.random.default_rng(9)
    made = []
    for number, ((channels, lanes, pixels), reach) in enumerate((f, r) for f in FOLDS for r in (9, 700, (1 << 39) - 9)):
        ends = np.sort(rng.integers(-reach, reach, (2, channels), endpoint=True), axis=0)
        ends[:, 0] = -reach, reach
        x = TensorType.integer((pixels, channels), *ends)
        kernel = Kernel(pe=lanes, simd=lanes, memory=("auto", "bram", "lutram")[number % 3])
        made.append(Case(f"sign{number}_c{channels}_l{lanes}", sign(rng, channels, -reach, reach), kernel, (x,)))
    wide = [threshold(rng, 5, 6, -(1 << 39), (1 << 39) - 1), threshold(rng, 3, 3, 0, (1 << 40) - 1)]
    for op, low, high in zip(wide, (-(1 << 39), 0), ((1 << 39) - 1, (1 << 40) - 1), strict=True):
        x = TensorType.integer((2, len(op.base)), low, high)
        made.append(Case(f"wide_c{len(op.base)}", op, Kernel(pe=2, simd=2), (x,)))
    for channels, lanes, pixels in FOLDS:
        low, high = np.full(channels, -1), np.full(channels, 1)
        low[-1] = 1  # a channel that never changes
        x = bipolar_tensor((pixels, channels), low, high, None)
        addend, factor = rng.integers(-3, 9, channels), rng.integers(-9, 9, channels)
        into = {
            "threshold": threshold(rng, channels, 3, -1, 1),
            "sign": sign(rng, channels, -1, 1),
            "mul_shift": MulShift(factor, addend, 1, -4, 3),
            "shift": Shift(addend, 1, 0, 3),
        }
        for name, op in into.items():
            made.append(Case(f"of_bipolar_{name}_c{channels}_l{lanes}", op, Kernel(pe=lanes, simd=lanes), (x,)))
    return made


LEVELS = (1, 2, 3, 7, 15, 255)


def search_cases() -> list[Case]:
    """Searches of every depth and on every fold: thresholds of each channel or of all, signs, block RAMs, stages."""
    rng = np.random.default_rng(4)
    made = []
    pairs = [(f, n) for at, f in enumerate(FOLDS) for n in LEVELS[at % 2 :: 2]]
    for number, ((channels, lanes, pixels), levels) in enumerate(pairs):
        low, high = RANGES[number % 2] if levels > 7 else RANGES[number % 3]
        ends = np.sort(rng.integers(low, high, (2, channels), endpoint=True), axis=0)
        ends[:, 0] = low, high
        x = TensorType.integer((pixels, channels), *ends)
        kinds = [threshold, plain_threshold] if levels > 1 else [threshold, lambda r, c, _, a, b: sign(r, c, a, b)]
        op = kinds[number % 3 == 2](rng, channels, levels, low, high)
        kernel = Kernel(lanes, lanes, compare="search", memory=("auto", "bram", "lutram")[number % 3])
        if number % 2:
            kernel = replace(kernel, stages=1 + number % op.path(kernel, x).most)
        made.append(Case(f"search{number}_c{channels}_l{lanes}_n{levels}_s{kernel.stages}", op, kernel, (x,)))
    wide = TensorType.integer((2, 5), -(1 << 39), (1 << 39) - 1)
    op = threshold(rng, 5, 6, -(1 << 39), (1 << 39) - 1)
    made.append(Case("search_wide", op, Kernel(2, 2, compare="search"), (wide,)))
    two = bipolar_tensor((2, 5), [-1] * 5, [1] * 5, None)
    made.append(Case("search_bipolar", sign(rng, 5, -1, 1), Kernel(2, 2, compare="search"), (two,)))
    return made


def staged_cases() -> list[Case]:
    """Every number of stages of operators that have many, and what clocks ask for."""
    rng = np.random.default_rng(6)
    made = []
    low, high, channels = -900, 700, 5
    x = TensorType.integer((2, channels), low, high)
    factors, addends = rng.integers(-90, 90, channels), rng.integers(-9000, 9000, channels)
    ops = {
        "threshold": threshold(rng, channels, 15, low, high),
        "mul_shift": MulShift(factors, addends, 7, -4, 3),
        "mul_shift_free": MulShift(np.full(channels, 77), addends, 7, -(10**6), 10**6),
        "shift": Shift(addends, 9, 0, 15),
        "position_affine": PositionAffine(rng.integers(-9, 9, (1, channels)), rng.integers(-9, 9, (2, channels))),
    }
    forms = [(name, "lut", memory) for name in ops for memory in ("auto", "bram")] + [("mul_shift", "dsp", "bram")]
    for name, multiplier, memory in forms:
        kernel = Kernel(2, 2, multiplier=multiplier, memory=memory)
        for stages in range(2 if memory == "auto" else 1, ops[name].path(kernel, x).most + 1):
            staged = replace(kernel, stages=stages)
            made.append(Case(f"{name}_{multiplier}_{memory}_s{stages}", ops[name], staged, (x,)))
    return made


def test_searching_kernels(tmp_path: Path) -> None:
    check(search_cases(), tmp_path, frames=3)


def test_kernels_of_many_stages(tmp_path: Path) -> None:
    check(staged_cases(), tmp_path, frames=3)


def test_threshold_kernels(tmp_path: Path) -> None:
    check(cases(("threshold", "plain"), 7), tmp_path)


def test_multiplying_and_shifting_kernels(tmp_path: Path) -> None:
    check(cases(("mul_shift", "shift", "constant"), 9), tmp_path)


def test_bipolar_kernels(tmp_path: Path) -> None:
    check(bipolar_cases(), tmp_path)
