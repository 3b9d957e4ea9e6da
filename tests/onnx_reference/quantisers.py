"""Operators that round: those of QONNX, as its executor orders their steps, and ONNX's QuantizeLinear pair."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from .operands import Array, Node, UnsupportedError, as_object, reals
from .registry import operator
from .rounding import ROUNDINGS, distance_to_boundary, half_even

Bounds = tuple[int, int]


def integer(value: Any, what: str) -> int:
    if value != int(value):
        raise UnsupportedError(f"{what} {float(value)} is no integer")
    return int(value)


def bounds(bits: int, signed: bool, narrow: bool) -> Bounds:
    """The smallest and the largest integer of a quantiser; an unsigned narrow one ends at 2^bits - 2."""
    if signed:
        return -(2 ** (bits - 1)) + int(narrow), 2 ** (bits - 1) - 1
    return 0, 2**bits - 1 - int(narrow)


def rounding_mode(node: Node, default: str) -> str:
    mode = node.text("rounding_mode", default).upper()
    if mode not in ROUNDINGS:
        raise UnsupportedError(f"rounding mode {mode}")
    return mode


def checked_scale(scale: Array) -> Array:
    if any(value == 0 for value in scale.reshape(-1)):
        raise UnsupportedError("a scale of zero")
    return scale


@operator("Quant", "IntQuant")
def quant(node: Node, x: Array, scale: Array, zero: Array, bits: Array) -> Array:
    """(round(clip(x / scale + zero)) - zero) * scale; one signed bit is the sign of x / scale + zero, 0 being +1."""
    signed, narrow = bool(node.integer("signed", 1)), bool(node.integer("narrow", 1))
    mode = rounding_mode(node, "ROUND")
    y = reals(x) / checked_scale(reals(scale)) + reals(zero)

    def one(value: Fraction, width: Any) -> Fraction:
        width = integer(width, "a bit width of")
        if signed and width == 1:
            note_sign(node, value)
            return Fraction(1 if value >= 0 else -1)
        low, high = bounds(width, signed, narrow)
        note(node, mode, value, low, high)
        return Fraction(ROUNDINGS[mode](min(max(value, Fraction(low)), Fraction(high))))

    codes = np.frompyfunc(one, 2, 1)(y, reals(bits))
    return as_object((codes - reals(zero)) * reals(scale))


def note(node: Node, mode: str, value: Fraction, low: int, high: int) -> None:
    if node.margin is not None and low - 1 <= value <= high + 1:
        node.margin(node.proto.output[0], distance_to_boundary(mode, value) / max(1, abs(value)))


def note_sign(node: Node, value: Fraction) -> None:
    if node.margin is not None:
        node.margin(node.proto.output[0], abs(value))


@operator("BipolarQuant")
def bipolar_quant(node: Node, x: Array, scale: Array) -> Array:
    def one(value: Fraction) -> Fraction:
        note_sign(node, value)
        return Fraction(1 if value >= 0 else -1)

    return as_object(np.frompyfunc(one, 1, 1)(reals(x)) * reals(scale))


@operator("Trunc")
def trunc(node: Node, x: Array, scale: Array, zero: Array, in_bits: Array, *rest: Array) -> Array:
    """Version 1 takes out_bits, version 2 out_scale and out_bits. Codes are rounded half to even, divided, rounded."""
    mode = rounding_mode(node, "FLOOR")
    codes = np.frompyfunc(lambda value: Fraction(half_even(value)), 1, 1)(reals(x) / reals(scale) + reals(zero))
    if len(rest) == 1:
        dropped = integer(reals(in_bits).item(), "a width of") - integer(reals(rest[0]).item(), "a width of")
        step = Fraction(2) ** dropped
        result = np.frompyfunc(lambda value: Fraction(ROUNDINGS[mode](value / step)), 1, 1)(codes)
        return as_object((result - reals(zero)) * reals(scale))
    out_scale, out_bits = reals(rest[0]), integer(reals(rest[1]).item(), "a width of")
    low, high = bounds(out_bits, bool(node.integer("signed", 1)), bool(node.integer("narrow", 0)))
    steps = np.frompyfunc(nearest_power_of_two, 1, 1)(out_scale / reals(scale))

    def one(value: Fraction) -> Fraction:
        return Fraction(ROUNDINGS[mode](min(max(value, Fraction(low)), Fraction(high))))

    result = np.frompyfunc(one, 1, 1)(codes / steps)
    return as_object((result - reals(zero) / steps) * out_scale)


def nearest_power_of_two(ratio: Fraction) -> Fraction:
    """2^round(log2(ratio)), the logarithm rounded exactly: it is never half an integer, the ratio being rational."""
    if ratio <= 0:
        raise UnsupportedError("a ratio of scales that is not positive")
    exponent = ratio.numerator.bit_length() - ratio.denominator.bit_length()
    while ratio * ratio > Fraction(2) ** (2 * exponent + 1):
        exponent += 1
    while ratio * ratio < Fraction(2) ** (2 * exponent - 1):
        exponent -= 1
    return Fraction(2) ** exponent


LAYOUTS = {2: "NC", 3: "NWC", 4: "NCHW"}


@operator("MultiThreshold")
def multi_threshold(node: Node, x: Array, thresholds: Array) -> Array:
    """out_scale * (how many thresholds of its channel are <= x) + out_bias.

    data_layout says which axis is the channels; without one, three axes are NWC, as qonnx has it.
    """
    layout = node.text("data_layout", "") or LAYOUTS.get(x.ndim, "")
    axis = layout.index("C") if "C" in layout else 1
    steps = reals(thresholds)
    rows = np.moveaxis(x, axis, -1)
    if len(steps) not in (1, rows.shape[-1]):
        raise UnsupportedError(f"thresholds of {len(steps)} channels for {rows.shape[-1]}")
    counts = np.empty(rows.shape, object)
    for index in np.ndindex(rows.shape):
        row = steps[index[-1] if len(steps) > 1 else 0]
        if node.margin is not None:
            for step in row:
                node.margin(node.proto.output[0], abs(rows[index] - step) / max(1, abs(step)))
        counts[index] = sum(1 for step in row if rows[index] >= step)
    scale, bias = node.real("out_scale", 1.0), node.real("out_bias", 0.0)
    return np.moveaxis(as_object(scale * counts + bias), -1, axis)


LIMITS = {np.dtype(np.int8): (-128, 127), np.dtype(np.uint8): (0, 255), np.dtype(np.int16): (-32768, 32767)}
LIMITS[np.dtype(np.uint16)] = (0, 65535)


def along(values: Array, axis: int, rank: int) -> Array:
    """Parameters per axis, in a shape that broadcasts; those of one tensor as they are."""
    return values.reshape(()) if values.size == 1 else values.reshape([-1 if at == axis else 1 for at in range(rank)])


def _axis(node: Node, x: Array) -> int:
    return node.integer("axis", 1) % max(x.ndim, 1)


@operator("QuantizeLinear")
def quantize_linear(node: Node, x: Array, scale: Array, zero: Array | None = None) -> Array:
    """saturate(half_even(x / scale) + zero); the type of zero says the range, uint8 without one."""
    limits = (0, 255) if zero is None else LIMITS.get(zero.dtype)
    if limits is None:
        raise UnsupportedError(f"a zero point of type {zero.dtype}" if zero is not None else "")
    axis = _axis(node, x)
    steps = along(reals(scale), axis, x.ndim)
    offset = np.zeros((), object) if zero is None else along(zero.astype(object), axis, x.ndim)

    def one(value: Fraction, by: int) -> int:
        note(node, "ROUND", value, limits[0] - by, limits[1] - by)
        return min(max(half_even(value) + by, limits[0]), limits[1])

    codes = np.frompyfunc(one, 2, 1)(reals(x) / checked_scale(steps), offset)
    return np.asarray(codes).astype(np.uint8 if zero is None else zero.dtype)


@operator("DequantizeLinear")
def dequantize_linear(node: Node, x: Array, scale: Array, zero: Array | None = None) -> Array:
    axis = _axis(node, x)
    offset = np.zeros((), object) if zero is None else along(zero.astype(object), axis, x.ndim)
    return as_object((x.astype(object) - offset) * along(reals(scale), axis, x.ndim))
