"""How the requantisers leave: requantise, threshold, mul_shift, shift and lookup, each by the first form that is exact.

- Mul, Add, Quant (`export_quant`).
- MultiThreshold: few steps. With `Builder.thresholds` this form is tried first.
- integers: Mul, Add and Div of int64.
- a table: Gather.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import chain
from math import lcm
from typing import Any

import numpy as np

from ...errors import IntaglioError
from ...ir import Node, TensorType
from ...ops import Lookup, MulShift, Requantise, Shift, Threshold
from ...ops.elements import is_bipolar
from ...ops.exact import FLOAT32_EXACT
from ...passes.staircase import Staircase, staircase
from .builder import INT64, ONE, QONNX, Builder, Carried, exports
from .quant import MOST_STEPS, Affine, as_quant, searched
from .staircases import Counts, counted, flat, ranges, row_stairs, threshold_stairs

MOST_LEVELS = 255
"""Thresholds of a channel: FINN's limit as well, of eight bits."""

MOST_ENTRIES = 1 << 20
ROOM = 1 << 62


@exports(Requantise, MulShift, Shift)
def requantise(b: Builder, node: Node, ins: list[Carried]) -> Carried:
    op, (x,) = node.op, ins
    assert isinstance(op, Requantise | MulShift | Shift)
    out = b.graph.types[node.name]
    direct = Affine.of(op).floored
    if max(out.hi) - min(out.lo) > MOST_STEPS:
        return as_quant(b, x, [direct], out) or _direct(b, x, op, out)
    stairs = list(_stairs(op, x.kind))
    if b.thresholds and max(len(s.steps) for s in stairs) <= MOST_LEVELS:
        return counted(b, x, Counts.of_stairs(stairs), out)
    result = as_quant(b, x, chain([direct], searched(stairs)), out)
    if result is None and max(len(s.steps) for s in stairs) <= MOST_LEVELS:
        return counted(b, x, Counts.of_stairs(stairs), out)
    return result or _direct(b, x, op, out)


@exports(Threshold)
def threshold(b: Builder, node: Node, ins: list[Carried]) -> Carried:
    op, (x,) = node.op, ins
    assert isinstance(op, Threshold)
    out = b.graph.types[node.name]
    if not b.thresholds and op.bipolar:
        return _sign(b, x, op, out)
    if not b.thresholds and bool((np.abs(op.step) == 1).all()):
        result = as_quant(b, x, searched(list(threshold_stairs(op, x.kind))), out)
        if result is not None:
            return result
    return counted(b, x, Counts.of_threshold(op, x.kind), out)


@exports(Lookup)
def lookup(b: Builder, node: Node, ins: list[Carried]) -> Carried:
    op, (x,) = node.op, ins
    assert isinstance(op, Lookup)
    out = b.graph.types[node.name]
    rows = [op.table[c % len(op.table)][lo - op.first : hi - op.first + 1] for c, (lo, hi) in ranges(x.kind)]
    rises = [np.diff(row) for row in rows]
    monotone = all(bool((r >= 0).all() or (r <= 0).all()) for r in rises)
    if monotone and not is_bipolar(x.kind) and max(int(np.abs(r).sum()) for r in rises) <= MOST_LEVELS:
        stairs = [row_stairs(row, lo) for row, (_, (lo, _)) in zip(rows, ranges(x.kind), strict=True)]
        result = None if b.thresholds or is_bipolar(out) else as_quant(b, x, searched(stairs), out)
        return result or counted(b, x, Counts.of_stairs(stairs), out)
    return _table(b, x, op.table, op.first, out)


def _sign(b: Builder, x: Carried, op: Threshold, out: TensorType) -> Carried:
    """x - t, or t - 1 - x where the channel falls, and its sign."""
    shape, x = b.shape_of(x.kind), b.narrowed(x)
    rows = np.clip(op.thresholds[:, 0], x.kind.lo_array, x.kind.hi_array + 1)
    signs = [Fraction(int(s) // 2) for s in op.step]
    ends = [(-t if s > 0 else t - 1) * x.unit for t, s in zip(map(int, rows), signs, strict=True)]
    name = b.affine(x, signs, ends).name
    one = b.constant(1.0, x.dtype)
    return b.narrowed(Carried(b.emit("BipolarQuant", [name, one], shape, x.dtype, QONNX), out, ONE, x.wide))


# -- staircases --------------------------------------------------------------------------------------------------------
def _stairs(op: Requantise | MulShift | Shift, x: TensorType) -> Iterator[Staircase]:
    if not isinstance(op, Requantise):
        affine = Affine.of(op)
        slope, offset = (np.array(v, dtype=object) for v in (affine.slope, affine.offset))
        op = Requantise(slope, offset, op.lo, op.hi, None, "floor")
    return (staircase(op, c, lo, hi) if op.slope[c] else flat(op.at(c, lo), lo, hi) for c, (lo, hi) in ranges(x))


# -- integers and tables -----------------------------------------------------------------------------------------------
def _direct(b: Builder, x: Carried, op: Requantise | MulShift | Shift, out: TensorType) -> Carried:
    affine = Affine.of(op).floored
    parts = [_over_one(a, o) for a, o in zip(affine.slope, affine.offset, strict=True)]
    lifts = [
        -min(0, min(m * lo, m * hi) + r) // d + 1 for (m, r, d), lo, hi in zip(parts, x.kind.lo, x.kind.hi, strict=True)
    ]
    reach = max(
        abs(m) * max(abs(lo), abs(hi)) + abs(r) + lift * d
        for (m, r, d), lift, lo, hi in zip(parts, lifts, x.kind.lo, x.kind.hi, strict=True)
    )
    if affine.rounding == "floor" and reach < ROOM:
        return _in_integers(b, x, parts, lifts, affine, out)
    first, last = min(x.kind.lo), max(x.kind.hi)
    if last - first >= MOST_ENTRIES:
        raise IntaglioError(f"a requantiser of {x.kind} has no exact form in QONNX", where=b.place, hint="fewer bits")
    values = np.repeat(np.arange(first, last + 1)[:, None], x.kind.channels, axis=1)
    return _table(b, x, op.run(values).T, first, out)


def _over_one(slope: Fraction, offset: Fraction) -> tuple[int, int, int]:
    """(m, r, d) with slope * x + offset = (m * x + r) / d."""
    d = lcm(slope.denominator, offset.denominator)
    return int(slope * d), int(offset * d), d


def _in_integers(
    b: Builder,
    x: Carried,
    parts: list[tuple[int, int, int]],
    lifts: list[int],
    affine: Affine,
    out: TensorType,
) -> Carried:
    """floor((m x + r) / d), lifted above 0 for the division, which truncates."""
    b.note("a requantiser in int64")
    shape = b.shape_of(out)

    def per_channel(values: list[int]) -> str:
        return b.constant(np.array(values, np.int64).reshape(1, -1, *(1,) * (len(out.shape) - 1)), INT64)

    name = b.as_int64(x)
    name = b.emit("Mul", [name, per_channel([m for m, _, _ in parts])], shape, INT64)
    lifted = [r + lift * d for (_, r, d), lift in zip(parts, lifts, strict=True)]
    name = b.emit("Add", [name, per_channel(lifted)], shape, INT64)
    name = b.emit("Div", [name, per_channel([d for _, _, d in parts])], shape, INT64)
    name = b.emit("Sub", [name, per_channel(lifts)], shape, INT64)
    name = b.emit("Max", [name, b.constant(affine.lo, INT64)], shape, INT64)
    name = b.emit("Min", [name, b.constant(affine.hi, INT64)], shape, INT64)
    if affine.zero:
        name = b.emit("Sub", [name, b.constant(affine.zero, INT64)], shape, INT64)
    return b.from_int64(name, out)


def _table(b: Builder, x: Carried, table: Any, first: int, out: TensorType) -> Carried:
    """Gather, from one table or from one per channel, which lie behind each other."""
    b.note("a table")
    shape = b.shape_of(out)
    rows, entries = table.shape
    starts = np.arange(rows).reshape(1, -1, *(1,) * (len(out.shape) - 1)) * entries - first
    index = b.as_int64(x)
    if starts.any():
        index = b.emit("Add", [index, b.constant(starts, INT64)], shape, INT64)
    wide = out.magnitude > FLOAT32_EXACT
    result = Carried("", out, ONE, wide)
    name = b.emit("Gather", [b.constant(table.ravel(), result.dtype), index], shape, result.dtype, axis=0)
    return replace(result, name=name)
