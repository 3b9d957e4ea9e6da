"""How the requantisers leave: requantise, threshold, mul_shift, shift and lookup, each by the first form that is exact.

- Mul, Add, Quant: where slopes are dyadic, or a multiplier and shift are proven equal, and float32 holds all products.
  Ours rounds half up, which QONNX has no name for: floor(v + 1/2), so 1/2 is added and FLOOR written.
- MultiThreshold: few steps. With `Builder.thresholds` this form is tried first.
- integers: Mul, Add and Div of int64.
- a table: Gather.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from math import lcm
from typing import Any

import numpy as np

from ..errors import IntaglioError
from ..ir import Node, TensorType
from ..ops import Lookup, MulShift, Requantise, Shift, Threshold
from ..ops.elements import is_bipolar
from ..ops.exact import FLOAT32_EXACT
from ..passes.multiplier_search import mul_shift_form, shift_form
from ..passes.staircase import Staircase, staircase
from .export_builder import HALF, INT64, ONE, QONNX, Builder, Carried, exports, is_power_of_two, sums_fit_float32
from .export_staircases import Counts, counted, flat, ranges, row_stairs, threshold_stairs

MOST_LEVELS = 255
"""Thresholds of a channel: FINN's limit as well, of eight bits."""

MOST_STEPS = 1 << 12
"""Steps of a staircase for which a multiplier is searched."""

MOST_ENTRIES = 1 << 20
ROOM = 1 << 62
MODES = {
    "half_even": "ROUND",
    "half_away": "HALF_UP",
    "half_zero": "HALF_DOWN",
    "floor": "FLOOR",
    "ceil": "CEIL",
    "down": "DOWN",
    "up": "UP",
}
WHOLE = {"FLOOR": "Floor", "ROUND": "Round", "CEIL": "Ceil"}
MOVES_WITH_INTEGERS = {"half_up", "floor", "ceil"}
"""Modes for which round(v + z) = round(v) + z for every integer z."""


@dataclass(frozen=True)
class Affine:
    """clip(round(x * slope + offset)) - zero, one slope and offset per channel, the clip of the code."""

    slope: list[Fraction]
    offset: list[Fraction]
    lo: int
    hi: int
    rounding: str
    zero: int = 0

    @staticmethod
    def of(op: Requantise | MulShift | Shift) -> Affine:
        if isinstance(op, Requantise):
            slope, offset = (list(map(Fraction, v)) for v in (op.slope, op.offset))
            if op.rounding in MOVES_WITH_INTEGERS:
                return Affine(slope, [v - op.zero for v in offset], op.least, op.most, op.rounding)
            return Affine(slope, offset, op.lo, op.hi, op.rounding, op.zero)
        multiplier = op.multiplier if isinstance(op, MulShift) else np.ones_like(op.addend)
        slope, offset = ([Fraction(int(v), 1 << op.shift) for v in values] for values in (multiplier, op.addend))
        return Affine(slope, offset, op.lo, op.hi, "floor")

    @property
    def floored(self) -> Affine:
        """Half up as what it is: floor(v + 1/2)."""
        if self.rounding != "half_up":
            return self
        return replace(self, offset=[v + HALF for v in self.offset], rounding="floor")

    def in_float32(self, x: TensorType) -> bool:
        """Are all products and sums, and halves of one where a mode adds them, exact?"""
        halves = self.rounding.startswith("half")  # of a step, which numpy adds
        sizes = [max(abs(lo), abs(hi)) for lo, hi in zip(x.lo, x.hi, strict=True)]
        offsets = [abs(v) + HALF if halves else v for v in self.offset]
        return all(map(sums_fit_float32, self.slope, offsets, sizes))

    def reached(self, x: TensorType) -> tuple[int, int]:
        """Bounds of the codes before they are clipped."""
        ends = [a * v + b for a, b, lo, hi in zip(self.slope, self.offset, x.lo, x.hi, strict=True) for v in (lo, hi)]
        return int(min(ends) // 1), int(max(ends) // 1 if self.rounding == "floor" else -(-max(ends) // 1))


@exports(Requantise, MulShift, Shift)
def requantise(b: Builder, node: Node, ins: list[Carried]) -> Carried:
    op, (x,) = node.op, ins
    assert isinstance(op, Requantise | MulShift | Shift)
    out = b.graph.types[node.name]
    if max(out.hi) - min(out.lo) > MOST_STEPS:
        return _direct(b, x, op, out)
    stairs = list(_stairs(op, x.kind))
    if b.thresholds and max(len(s.steps) for s in stairs) <= MOST_LEVELS:
        return counted(b, x, Counts.of_stairs(stairs), out)
    affine = Affine.of(op).floored
    if not affine.in_float32(x.kind):
        searched = search_affine(stairs, out, x.kind)
        if searched is None and max(len(s.steps) for s in stairs) <= MOST_LEVELS:
            return counted(b, x, Counts.of_stairs(stairs), out)
        if searched is None:
            return _direct(b, x, op, out)
        affine = searched
    return quantised(b, x, affine, out)


@exports(Threshold)
def threshold(b: Builder, node: Node, ins: list[Carried]) -> Carried:
    op, (x,) = node.op, ins
    assert isinstance(op, Threshold)
    out = b.graph.types[node.name]
    if not b.thresholds and op.bipolar:
        return _sign(b, x, op, out)
    if not b.thresholds and bool((np.abs(op.step) == 1).all()):
        searched = search_affine(list(threshold_stairs(op, x.kind)), out, x.kind)
        if searched is not None:
            return quantised(b, x, searched, out)
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
        searched = None if b.thresholds else search_affine(stairs, out, x.kind)
        if searched is not None and not is_bipolar(out):
            return quantised(b, x, searched, out)
        return counted(b, x, Counts.of_stairs(stairs), out)
    return _table(b, x, op.table, op.first, out)


# -- Mul, Add, Quant ---------------------------------------------------------------------------------------------------
def quantised(b: Builder, x: Carried, affine: Affine, out: TensorType, *, plain: bool = False) -> Carried:
    """A slope that is one power of two for all channels is the scale of the Quant, and takes no Mul: unless it is to
    give `plain` integers.
    """
    x, unit = b.narrowed(x), ONE
    if not plain and len(set(affine.slope)) == 1 and is_power_of_two(affine.slope[0]):
        unit = x.unit / affine.slope[0]
    factors = [slope * unit / x.unit for slope in affine.slope]
    x = b.affine(x, factors, [(offset - affine.zero) * unit for offset in affine.offset])
    mode = MODES[affine.rounding]
    if mode not in {"FLOOR", "ROUND"}:
        b.note(f"the rounding mode {mode}")
    result = Carried(x.name, out, unit, x.wide)
    clip = (affine.lo, affine.hi)
    return b.narrowed(clipped_quant(b, result, clip, affine.reached(x.kind), rounding=mode, zero=affine.zero))


def clipped_quant(
    b: Builder, x: Carried, clip: tuple[int, int], reached: tuple[int, int], *, rounding: str, zero: int = 0
) -> Carried:
    """Quant of x.name to clip(code) - zero. reached: bounds of the codes before. Max or Min where no type ends so."""
    lo, hi = clip
    if x.wide and max(abs(lo), abs(hi)) > FLOAT32_EXACT:
        return _rounded_wide(b, x, clip, rounding, zero)
    shape = b.shape_of(x.kind)
    low_free, high_free = reached[0] >= lo, reached[1] <= hi
    for bits in range(1, 64):
        for signed in (False, True) if bits > 1 else (False,):
            for narrow in (False, True):
                ends = _ends(bits, signed=signed, narrow=narrow)
                right = (ends[0] == lo or (low_free and ends[0] <= max(reached[0], lo))) and (
                    ends[1] == hi or (high_free and ends[1] >= min(reached[1], hi))
                )
                if right and not (narrow and not signed):  # which hls4ml refuses
                    name = b.quant(
                        x.name,
                        shape,
                        x.unit,
                        bits,
                        signed=signed,
                        narrow=narrow,
                        rounding=rounding,
                        zero=zero,
                        wide=x.wide,
                    )
                    return replace(x, name=name, wide=False)
    # a wider type, and then the ends that are not its own
    bits = max(2, max(abs(lo), abs(hi) + 1).bit_length() + 1)
    name = b.quant(x.name, shape, x.unit, bits, signed=True, narrow=False, rounding=rounding, zero=zero, wide=x.wide)
    x = replace(x, name=name, wide=False)
    if not low_free and lo != -(1 << (bits - 1)):
        x = _saturated(b, "Max", x, lo - zero, hi - lo)
    if not high_free and hi != (1 << (bits - 1)) - 1:
        x = _saturated(b, "Min", x, hi - zero, hi - lo)
    return x


def _rounded_wide(b: Builder, x: Carried, clip: tuple[int, int], rounding: str, zero: int) -> Carried:
    """Of more integers than float32 holds, in which every Quant ends: standard operators on float64."""
    if rounding not in WHOLE:
        raise IntaglioError(f"{rounding} to more than 24 bits has no exact form in QONNX", where=b.place, hint="floor")
    shape = b.shape_of(x.kind)
    x = b.in_unit(x, ONE)
    if zero:
        x = replace(x, name=b.emit("Add", [x.name, b.constant(float(zero), x.dtype)], shape, x.dtype))
    x = replace(x, name=b.emit(WHOLE[rounding], [x.name], shape, x.dtype))
    x = _bounded(b, "Min", _bounded(b, "Max", x, clip[0]), clip[1])
    if zero:
        x = replace(x, name=b.emit("Sub", [x.name, b.constant(float(zero), x.dtype)], shape, x.dtype))
    return x


def _bounded(b: Builder, what: str, x: Carried, end: int) -> Carried:
    b.note(f"{what} with a constant")
    limit = b.constant(float(end * x.unit), x.dtype)
    return replace(x, name=b.emit(what, [x.name, limit], b.shape_of(x.kind), x.dtype))


def _saturated(b: Builder, what: str, x: Carried, end: int, span: int) -> Carried:
    """Max or Min with a constant, by moving that to an end of an unsigned type; hls4ml has no other way. The type holds
    `span`, which lies between both ends of a clip.
    """
    shape = b.shape_of(x.kind)
    if what == "Max" and end == 0:
        return replace(x, name=b.emit("Relu", [x.name], shape, x.dtype))
    bits = max(1, span.bit_length())
    move = -end if what == "Max" else (1 << bits) - 1 - end
    if abs(move) + abs(end) + (4 << bits) > FLOAT32_EXACT:
        return _bounded(b, what, x, end)
    name = b.emit("Add", [x.name, b.fixed([move * x.unit], ())], shape) if move else x.name
    name = b.quant(name, shape, x.unit, bits, signed=False, narrow=False, rounding="FLOOR")
    return replace(x, name=b.emit("Add", [name, b.fixed([-move * x.unit], ())], shape) if move else name)


def _ends(bits: int, *, signed: bool, narrow: bool) -> tuple[int, int]:
    if not signed:
        return 0, (1 << bits) - 1 - narrow
    return -(1 << (bits - 1)) + narrow, (1 << (bits - 1)) - 1


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


def search_affine(stairs: list[Staircase], out: TensorType, x: TensorType) -> Affine | None:
    """A shift, or a multiplier and a shift, that is proven to be these staircases and that float32 holds."""
    if max(len(s.steps) for s in stairs) > MOST_STEPS:
        return None
    lo, hi = min(s.low for s in stairs), max(s.high for s in stairs)
    slopes = [Fraction((-1 if s.falling else 1) * max(1, s.high - s.low), max(1, s.amax - s.amin)) for s in stairs]
    frame = Requantise(np.array(slopes, object), np.array([Fraction(0)] * len(stairs), object), lo, hi)
    for form in (shift_form(frame, stairs), mul_shift_form(frame, stairs)):
        if form is None:
            continue
        affine = Affine.of(form)
        if affine.in_float32(x) and _equal(form, stairs):
            return affine
    return None


def _equal(form: Shift | MulShift, stairs: list[Staircase]) -> bool:
    """At both ends and on both sides of every step: hence everywhere."""
    points = [s.decisive() for s in stairs]
    longest = max(map(len, points))
    grid = np.array([[*p, *[p[0]] * (longest - len(p))] for p in points], dtype=np.int64).T
    want = np.empty_like(grid)
    for c, s in enumerate(stairs):
        count = np.searchsorted(np.array(s.thresholds, np.int64), grid[:, c], side="right")
        want[:, c] = s.at_amin + (-count if s.falling else count)
    return bool((form.run(grid) == want).all())


# -- integers and tables -----------------------------------------------------------------------------------------------
def _direct(b: Builder, x: Carried, op: Requantise | MulShift | Shift, out: TensorType) -> Carried:
    affine = Affine.of(op).floored
    if affine.in_float32(x.kind) and max(abs(v) for v in (*out.lo, *out.hi)) <= FLOAT32_EXACT:
        return quantised(b, x, affine, out)
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
