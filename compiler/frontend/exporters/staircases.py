"""Requantisers as staircases, and as what counts their steps: MultiThreshold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

import numpy as np

from ...ir import Array, TensorType
from ...ops import Threshold
from ...passes.staircase import Staircase
from .builder import ONE, QONNX, Builder, Carried


def ranges(x: TensorType) -> Iterator[tuple[int, tuple[int, int]]]:
    return enumerate(zip(x.lo, x.hi, strict=True))


def flat(value: int, lo: int, hi: int) -> Staircase:
    return Staircase(False, lo, hi, value, value, ())


def threshold_stairs(op: Threshold, x: TensorType) -> Iterator[Staircase]:
    counts = Counts.of_threshold(op, x)
    for (_, (lo, hi)), row, base, step in zip(ranges(x), counts.rows, counts.base, counts.step, strict=True):
        if step > 0:
            yield Staircase(False, lo, hi, base, base + len(row), tuple(row))
        else:
            yield Staircase(True, lo, hi, base - len(row), base, tuple(1 - t for t in reversed(row)))


def row_stairs(row: Array, lo: int) -> Staircase:
    """A monotone table as what it counts."""
    values = [int(v) for v in row]
    hi = lo + len(values) - 1
    if values[-1] >= values[0]:
        steps = [lo + i + 1 for i, (a, z) in enumerate(pairwise(values)) for _ in range(z - a)]
        return Staircase(False, lo, hi, values[0], values[-1], tuple(steps))
    falls = [lo + i + 1 for i, (a, z) in enumerate(pairwise(values)) for _ in range(a - z)]
    return Staircase(True, lo, hi, values[-1], values[0], tuple(1 - t for t in reversed(falls)))


@dataclass(frozen=True)
class Counts:
    """base + step * (how many thresholds are reached), per channel."""

    rows: list[list[int]]
    base: list[int]
    step: list[int]

    @staticmethod
    def of_stairs(stairs: Sequence[Staircase]) -> Counts:
        steps = [-1 if s.falling else 1 for s in stairs]
        return Counts([s.thresholds for s in stairs], [s.at_amin for s in stairs], steps)

    @staticmethod
    def of_threshold(op: Threshold, x: TensorType) -> Counts:
        """Without those thresholds that are always reached, or never."""
        rows, base = [], []
        for c, (lo, hi) in ranges(x):
            row = [int(t) for t in op.thresholds[c]]
            rows.append([t for t in row if lo < t <= hi])
            base.append(int(op.base[c] + op.step[c] * sum(t <= lo for t in row)))
        return Counts(rows, base, [int(s) for s in op.step])


def counted(b: Builder, x: Carried, counts: Counts, out: TensorType) -> Carried:
    """A channel that falls is mirrored: x < t is -x >= 1 - t. Bases that differ become thresholds always reached."""
    shape, x = b.shape_of(x.kind), b.narrowed(x)
    signs = [1 if s > 0 or not row else -1 for s, row in zip(counts.step, counts.rows, strict=True)]
    sizes = {abs(s) for s, row in zip(counts.step, counts.rows, strict=True) if row} or {1}
    size = sizes.pop() if len(sizes) == 1 else 1
    rows, least = [], []
    for sign, row, base, step in zip(signs, counts.rows, counts.base, counts.step, strict=True):
        jumps = abs(step) // size
        ordered = row if sign > 0 else [1 - t for t in reversed(row)]
        rows.append([t for t in ordered for _ in range(jumps)])
        least.append(base if sign > 0 else base + step * len(row))
    bottom = min(least)
    if any((v - bottom) % size for v in least):
        size, rows = 1, [[t for t in row for _ in range(size)] for row in rows]
    name = x.name
    if min(signs) < 0:
        name = b.emit("Mul", [name, b.per_channel(list(map(Fraction, signs)), x.kind, x.wide)], shape, x.dtype)
    first, last = [], []
    for sign, (_, (lo, hi)) in zip(signs, ranges(x.kind), strict=True):
        first.append(lo if sign > 0 else -hi)
        last.append(hi if sign > 0 else -lo)
    rows = [[start] * ((v - bottom) // size) + row for start, v, row in zip(first, least, rows, strict=True)]
    longest = max(1, *map(len, rows))
    table = [row + [end + 1] * (longest - len(row)) for end, row in zip(last, rows, strict=True)]
    if all(row == table[0] for row in table):
        table = table[:1]
    name = multi_threshold(b, name, np.array(table, float) * float(x.unit), size, bottom, replace(x, kind=out))
    return b.narrowed(Carried(name, out, ONE, x.wide))


def multi_threshold(b: Builder, name: str, table: Array, scale: int, bias: int, out: Carried) -> str:
    kind = out.kind
    assert kind.dtype is not None
    dtype = "BIPOLAR" if kind.dtype.bipolar else f"{'INT' if kind.signed else 'UINT'}{kind.bits}"
    b.note("MultiThreshold, which hls4ml does not read")
    layout = {1: "NC", 2: "NCW", 3: "NCHW"}.get(len(kind.shape), "NCDHW")
    return b.emit(
        "MultiThreshold",
        [name, b.constant(table, out.dtype)],
        b.shape_of(kind),
        out.dtype,
        QONNX,
        out_dtype=dtype,
        out_scale=float(scale),
        out_bias=float(bias),
        data_layout=layout,
    )
