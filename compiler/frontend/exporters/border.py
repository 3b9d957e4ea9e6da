"""How the user's arrays become integers in an exported network, and how its integers leave.

An input whose scale is one power of two is a Quant, in float32 exactly: floor(v + 1/2) = floor((floor(2v) + 1) / 2).
Any other dyadic scale is divided by, on a grid (`export_division`). What is left, and all inputs where thresholds are
asked for, is a MultiThreshold on the least float32 numbers that reach each integer.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import lcm
from typing import Any

import numpy as np
from onnx import helper

from ...ir import Border, Graph, TensorType
from ...ops.elements import is_bipolar
from ...ops.exact import FLOAT32_EXACT
from ...ops.rounding import boundary
from .builder import DOUBLE, FLOAT, HALF, ONE, QONNX, Builder, Carried, fits_float32, is_power_of_two
from .division import divided_on_a_grid
from .quant import MODES, MOVES_WITH_INTEGERS, clipped_quant
from .staircases import multi_threshold

MOST_LEVELS = 1 << 10
MOST_COUNTED = 255
"""Steps up to which `Builder.thresholds` asks for a MultiThreshold."""

LARGEST = float(np.finfo(np.float32).max)
"""As a threshold: never reached; negative, always."""

WIDE = 22
"""Bits beyond which an input takes float64."""


def enter(b: Builder, name: str, kind: TensorType, border: Border) -> Carried:
    """The graph's input `name`: what the user gives, in its layout, quantised."""
    b.place = name
    plain = set(border.offset) == {0} and len(set(border.slope)) == 1 and is_power_of_two(border.slope[0])
    mode = border.rounding
    shifts = border.zero == 0 or mode in MOVES_WITH_INTEGERS
    few = b.thresholds and max(kind.hi) - min(kind.lo) <= MOST_COUNTED
    if plain and shifts and not few and not is_bipolar(kind) and mode not in {"half_away", "half_zero"}:
        if len({*kind.lo}) > 1 or len({*kind.hi}) > 1:
            return _quantised(b, Carried(_arranged(b, name, kind, border), kind, border.slope[0]), mode)
        # as the user has it, so that the quantiser comes first
        given = TensorType.integer((*border.shape[1:], border.shape[0]), kind.lo[0], kind.hi[0])
        x = _quantised(b, Carried(name, given, border.slope[0]), mode)
        return replace(x, name=_arranged(b, x.name, kind, border, x.dtype), kind=kind)
    if not b.thresholds:
        divided = divided_on_a_grid(b, kind, border, lambda: _arranged(b, name, kind, border))
        if divided is not None:
            return _within_bounds(b, divided)
    arrived = _arranged(b, name, kind, border)
    if is_bipolar(kind) and not b.thresholds and _is_sign(kind, border):
        sign = b.emit("BipolarQuant", [arrived, b.constant(1.0)], b.shape_of(kind), domain=QONNX)
        return Carried(sign, kind)
    if max(kind.hi) - min(kind.lo) <= MOST_LEVELS:
        return _counted(b, arrived, kind, border)
    return _divided(b, arrived, kind, border)


def _is_sign(kind: TensorType, border: Border) -> bool:
    return set(border.offset) == {0} and min(border.slope) > 0 and max(kind.lo) < min(kind.hi)


def _arranged(b: Builder, name: str, kind: TensorType, border: Border, dtype: int = FLOAT) -> str:
    """(batch, channels, ...) of the user's array."""
    shape = b.shape_of(kind)[1:]
    if border.order is None:
        return name if border.shape == shape else b.reshape(name, shape, dtype)
    order = np.moveaxis(border.order.reshape(kind.shape), -1, 0).ravel()
    if not np.array_equal(order, np.arange(kind.size)):
        b.note("a layout of the input that takes a Gather")
        flat = b.emit("Flatten", [name], (b.batch, kind.size), dtype, axis=1) if len(border.shape) > 1 else name
        name = b.emit("Gather", [flat, b.indices(order)], (b.batch, kind.size), dtype, axis=1)
        return name if len(shape) == 1 else b.reshape(name, shape, dtype)
    return name if border.shape == shape else b.reshape(name, shape, dtype)


def _quantised(b: Builder, x: Carried, mode: str) -> Carried:
    kind, shape = x.kind, b.shape_of(x.kind)
    lo, hi = min(kind.lo), max(kind.hi)
    everything = (lo - 2, hi + 2)
    if max(abs(lo), abs(hi)).bit_length() > WIDE:
        x = b.widened(x)
    if mode == "half_up" and x.wide:
        half = b.constant(float(x.unit / 2), DOUBLE)
        x, mode = replace(x, name=b.emit("Add", [x.name, half], shape, x.dtype)), "floor"
    elif mode == "half_up":
        halves, ends = replace(x, unit=x.unit / 2), (2 * lo - 1, 2 * hi + 1)
        name = clipped_quant(b, halves, ends, ends, rounding="FLOOR").name
        half = b.fixed([x.unit / 2], (), x.wide)
        x, mode = replace(x, name=b.emit("Add", [name, half], shape, x.dtype)), "floor"
    x = clipped_quant(b, x, (lo, hi), everything, rounding=MODES[mode])
    return b.narrowed(_within_bounds(b, x))


def _within_bounds(b: Builder, x: Carried) -> Carried:
    """Where they differ by channel: the quantiser clips to the widest."""
    kind = x.kind
    if len({*kind.lo}) > 1 or len({*kind.hi}) > 1:
        b.note("bounds of the input that differ by channel")
        for what, ends in (("Max", kind.lo), ("Min", kind.hi)):
            constant = np.reshape([float(v * x.unit) for v in ends], (1, -1, *(1,) * (len(kind.shape) - 1)))
            name = b.emit(what, [x.name, b.constant(constant, x.dtype)], b.shape_of(kind), x.dtype)
            x = replace(x, name=name)
    return x


def _counted(b: Builder, name: str, kind: TensorType, border: Border) -> Carried:
    """A threshold for every integer above the least; a channel of negative slope is mirrored."""
    slopes, offsets = (list(v) * (kind.channels // len(v)) for v in (border.slope, border.offset))
    signs = [1 if s > 0 else -1 for s in slopes]
    if min(signs) < 0:
        name = b.emit("Mul", [name, b.per_channel(list(map(Fraction, signs)), kind, False)], b.shape_of(kind))
    least, rows = min(kind.lo), []
    for sign, slope, offset, lo, hi in zip(signs, slopes, offsets, kind.lo, kind.hi, strict=True):
        if is_bipolar(kind):
            edges = [(offset * sign, True)] if lo < hi else []
        else:
            edges = []
            for k in range(lo + 1, hi + 1):
                v, closed = boundary(border.rounding, k + border.zero)
                edges.append((((v - border.zero) * slope + offset) * sign, closed))
        always = (lo - least) // (2 if is_bipolar(kind) else 1)
        rows.append([-LARGEST] * always + [_least_float32(edge, closed=closed) for edge, closed in edges])
    longest = max(1, *map(len, rows))
    table: Any = [row + [LARGEST] * (longest - len(row)) for row in rows]
    if all(row == table[0] for row in table):
        table = table[:1]
    scale = 2 if is_bipolar(kind) else 1
    return Carried(multi_threshold(b, name, np.array(table), scale, least, Carried("", kind)), kind)


def _least_float32(edge: Fraction, *, closed: bool) -> float:
    """The least float32 that is at least, or where not closed more than, the edge."""
    near = np.float32(float(edge))
    while Fraction(float(near)) > edge or (closed and Fraction(float(near)) == edge):
        near = np.nextafter(near, np.float32(-np.inf))
    while Fraction(float(near)) < edge or (not closed and Fraction(float(near)) == edge):
        near = np.nextafter(near, np.float32(np.inf))
    return float(near)


def _divided(b: Builder, name: str, kind: TensorType, border: Border) -> Carried:
    """More integers than thresholds tell apart: a division in float64, right but for quotients 2^-53 from a tie."""
    b.note("an input of many bits whose scale is no power of two is divided in float64")
    x, shape = b.widened(Carried(name, kind)), b.shape_of(kind)
    axes = (1, -1, *(1,) * (len(kind.shape) - 1))

    def constants(values: tuple[Fraction, ...]) -> str:
        return b.constant(np.reshape([float(v) for v in values], axes), DOUBLE)

    half, mode = (HALF, "floor") if border.rounding == "half_up" else (Fraction(0), border.rounding)
    longest = max(len(border.slope), len(border.offset))
    pairs = zip(*(list(v) * (longest // len(v)) for v in (border.offset, border.slope)), strict=True)
    moved = b.emit("Div", [x.name, constants(border.slope)], shape, DOUBLE)
    moved = b.emit("Add", [moved, constants(tuple(half - o / s for o, s in pairs))], shape, DOUBLE)
    lo, hi = min(kind.lo) + border.zero, max(kind.hi) + border.zero
    x = replace(x, name=moved)
    return b.narrowed(clipped_quant(b, x, (lo, hi), (lo - 2, hi + 2), rounding=MODES[mode], zero=border.zero))


def leave(b: Builder, x: Carried, border: Border) -> str:
    """integer * slope + offset in the user's layout: float32, rounded once."""
    kind, shape = x.kind, b.shape_of(x.kind)
    slopes, offsets = (list(v) * (kind.channels // len(v)) for v in (border.slope, border.offset))
    if not x.wide and all(_exact(*each) for each in zip(slopes, offsets, kind.lo, kind.hi, strict=True)):
        name = b.affine(x, [slope / x.unit for slope in slopes], offsets).name
    else:
        name = _rounded_once(b, x, slopes, offsets)
    if border.order is None:
        return name if border.shape == shape[1:] else b.reshape(name, border.shape, FLOAT)
    place = np.moveaxis(np.arange(kind.size).reshape(kind.shape), -1, 0).ravel()
    inverse = np.empty(kind.size, np.int64)
    inverse[border.order[place]] = np.arange(kind.size)
    if np.array_equal(inverse, np.arange(kind.size)):
        return name if border.shape == shape[1:] else b.reshape(name, border.shape, FLOAT)
    b.note("a layout of the output that takes a Gather")
    flat = b.emit("Flatten", [name], (b.batch, kind.size), axis=1) if len(shape) > 2 else name
    name = b.emit("Gather", [flat, b.indices(inverse)], (b.batch, kind.size), axis=1)
    return name if len(border.shape) == 1 else b.reshape(name, border.shape, FLOAT)


def _exact(slope: Fraction, offset: Fraction, lo: int, hi: int) -> bool:
    """Does float32 hold slope * integer, and with the offset, whatever the integer is?"""
    if not (fits_float32(slope) and fits_float32(offset)):
        return False
    denominator = lcm(slope.denominator, offset.denominator)
    top = abs(slope * denominator) * max(abs(lo), abs(hi)) + abs(offset * denominator)
    common = abs(int(slope * denominator)) | abs(int(offset * denominator))
    return top // max(common & -common, 1) <= FLOAT32_EXACT


def _rounded_once(b: Builder, x: Carried, slopes: list[Fraction], offsets: list[Fraction]) -> str:
    """Over one common denominator, as the simulator has it: float64, one rounding, and float32 in the end."""
    x, shape = b.widened(b.in_unit(x, ONE)), b.shape_of(x.kind)
    denominators = [lcm(s.denominator, o.denominator) for s, o in zip(slopes, offsets, strict=True)]
    axes = (1, -1, *(1,) * (len(x.kind.shape) - 1))
    name = x.name
    for what, values in (
        ("Mul", [s * d for s, d in zip(slopes, denominators, strict=True)]),
        ("Add", [o * d for o, d in zip(offsets, denominators, strict=True)]),
        ("Div", denominators),
    ):
        if what == "Add" and not any(values):
            continue
        constant = b.constant(np.reshape([float(v) for v in values], axes), DOUBLE)
        name = b.emit(what, [name, constant], shape, DOUBLE)
    return b.cast(name, shape, FLOAT)


def graph_inputs(graph: Graph, batch: int) -> list[Any]:
    return [helper.make_tensor_value_info(name, FLOAT, [batch, *graph.border_of(name).shape]) for name in graph.inputs]
