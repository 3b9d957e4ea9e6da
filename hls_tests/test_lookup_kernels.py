"""The lookup's kernels at many folds, ranges and widths, shared tables and one per channel, HLS and RTL against run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from harness import Case, check
from intaglio.ir import Kernel, TensorType
from intaglio.ops import Lookup
from intaglio.ops.elements import bipolar_tensor

FOLDS = [(1, 1, 5), (4, 4, 2), (5, 2, 2), (37, 4, 1), (37, 36, 1), (37, 37, 2), (3, 1, 2)]
"""(channels, lanes, pixels)."""
RANGES = [(-90, 70), (0, 255), (-5, 3), (0, 1), (1000, 1009), (7, 7), (-300, -260)]
TABLES = [(0, 15), (-4, 3), (0, 1), (-(1 << 39), 1 << 39), (-9, -9)]


def cases() -> list[Case]:
    rng = np.random.default_rng(3)
    made = []
    for number, (channels, lanes, pixels) in enumerate(FOLDS * 3):
        low, high = RANGES[(number * 3 + number // 7) % len(RANGES)]
        least, most = TABLES[number % len(TABLES)]
        ends = np.sort(rng.integers(low, high, (2, channels), endpoint=True), axis=0)
        ends[:, 0] = low, high
        x = TensorType.integer((pixels, channels), *ends)
        rows = 1 if number % 2 else channels
        table = rng.integers(least, most, (rows, high - low + 8), endpoint=True)
        bipolar = number % 4 == 3
        op = Lookup(rng.choice([-1, 1], table.shape) if bipolar else table, low - 3, None, bipolar)
        kernel = Kernel(pe=lanes, simd=lanes, memory=("auto", "bram", "lutram")[number % 3], stages=1 + number % 2)
        made.append(Case(f"n{number}_c{channels}_l{lanes}_t{rows}", op, kernel, (x,)))
    for channels, lanes, rows, bipolar in ((5, 2, 5, True), (5, 5, 1, False), (3, 1, 3, False)):
        x = bipolar_tensor((2, channels), [-1] * channels, [*[1] * (channels - 1), -1], None)
        table = rng.choice([-1, 1], (rows, 3)) * (1 if bipolar else 5)
        kernel = Kernel(pe=lanes, simd=lanes)
        made.append(Case(f"bipolar_c{channels}_l{lanes}", Lookup(table, -1, None, bipolar), kernel, (x,)))
    return made


def test_lookup_kernels(tmp_path: Path) -> None:
    check(cases(), tmp_path)
