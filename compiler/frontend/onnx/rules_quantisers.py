"""Quantisers: QONNX's (Quant, BipolarQuant, Trunc, MultiThreshold) and QCDQ's (QuantizeLinear, Clip, DequantizeLinear).

On a constant they make codes and scales; on a tensor of the network, source.fixed_quantise.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from ...ops.source import FixedQuantise, SourceMultiThreshold
from ..findings import Refusal
from ..values import Value
from .affine import affine
from .builder import Codes, Tensor
from .call import QONNX, Call, rule
from .constants import ONE, ZERO, Array, Constant, aligned, full, quantised

MODES = {
    "ROUND": "half_even",
    "HALF_EVEN": "half_even",
    "HALF_UP": "half_away",
    "HALF_DOWN": "half_zero",
    "CEIL": "ceil",
    "FLOOR": "floor",
    "UP": "up",
    "DOWN": "down",
    "ROUND_TO_ZERO": "down",
}
INTEGERS = {
    "int8": (-128, 127),
    "uint8": (0, 255),
    "int16": (-(1 << 15), (1 << 15) - 1),
    "uint16": (0, (1 << 16) - 1),
    "int4": (-8, 7),
    "uint4": (0, 15),
    "int32": (-(1 << 31), (1 << 31) - 1),
}
UNCLIPPED = 1 << 40
LARGEST_ZERO = 1 << 31
MOST_THRESHOLDS = 1 << 16


@rule("Quant", "IntQuant", family=QONNX)
def quant(a: Call) -> Tensor:
    x, scale, zero = a.tensor(0), _scale(a, 1), _zero(a, 2)
    bits = _bits(a, 3)
    signed, narrow = a.flag("signed", default=_given(a, "signed")), a.flag("narrow", default=_given(a, "narrow"))
    rounding = _mode(a, "ROUND")
    if bits == 1 and signed:
        if any(zero.values.ravel()):
            raise Refusal("a bipolar quantiser has a zero point", "zeropt=0")
        return _quantised(a, x, scale, zero, -1, 1, rounding, bipolar=True)
    return _quantised(a, x, scale, zero, *_range(bits, signed=signed, narrow=narrow), rounding)


@rule("BipolarQuant", family=QONNX)
def bipolar_quant(a: Call) -> Tensor:
    x, scale = a.tensor(0), _scale(a, 1)
    return _quantised(a, x, scale, _zeros(), -1, 1, "half_even", bipolar=True)


@rule("Trunc", family=QONNX)
def trunc(a: Call) -> Tensor:
    """y = round_half_even(x / scale + zero) / 2^k, then rounded: to whole steps of 2^k input steps.

    Version 1 (5 inputs) drops the bits and leaves the scale as it was; version 2 (6 inputs) clips and has a scale.
    """
    x, scale, zero = a.tensor(0), _scale(a, 1), _zero(a, 2)
    bits, second = _bits(a, 3), a.count > 5
    rounding = _mode(a, "FLOOR")
    own = scale.exact()
    if second:
        out_scale = _scale(a, 4)
        out_bits = _bits(a, 5)
        lo, hi = _range(out_bits, signed=a.flag("signed", default=True), narrow=a.flag("narrow", default=False))
        wide = np.broadcast_shapes(own.shape, out_scale.shape)
        own, out = np.broadcast_to(own, wide), np.broadcast_to(out_scale.exact(), wide)
        factor = _powers(np.asarray(out / own, object))
    else:
        out_bits, (lo, hi) = _bits(a, 4), (-UNCLIPPED, UNCLIPPED)
        factor, out = full(own.shape, Fraction(2) ** (bits - out_bits)), own
    zeros = zero.exact()
    x = _quantised(a, x, scale, zero, -UNCLIPPED, UNCLIPPED, "half_even")
    step = np.asarray(own * factor, object)
    x = _affine(a, x, full((), ONE), zeros * own)  # the codes, times their scale
    x = _quantised(a, x, Constant(step), _zeros(), lo, hi, rounding)
    return _affine(a, x, out / step, -(zeros / factor if second else zeros) * out)


def _affine(a: Call, x: Tensor, multiplier: Any, shift: Any) -> Tensor:
    if isinstance(x, Value):
        return affine(a, x, Constant(multiplier), Constant(shift))
    assert isinstance(x, Constant)
    return Constant(x.exact() * multiplier + shift, origin=x.origin)


@rule("MultiThreshold", family=QONNX)
def multi_threshold(a: Call) -> Tensor:
    x, thresholds = a.value(0), a.constant(1)
    scale, bias = a.number("out_scale", ONE), a.number("out_bias", ZERO)
    layout = a.text("data_layout", "")
    a.ignore("out_dtype")  # what the results are called; qonnx computes without it
    if scale <= 0:
        raise Refusal(f"out_scale={float(scale):g}", "a positive out_scale")
    if len(thresholds.shape) != 2 or not 1 <= thresholds.shape[1] <= MOST_THRESHOLDS:
        raise Refusal(f"thresholds of shape {thresholds.shape}", "thresholds (C, n) or (1, n)")
    rank = len(x.shape)
    layout = layout or {2: "NC", 3: "NWC", 4: "NCHW"}.get(rank, "")
    axis = layout.index("C") if "C" in layout else 1
    axis = a.axis(axis, rank)
    rows = thresholds.exact()
    ordered = np.empty(rows.shape, object)
    for i, row in enumerate(rows):
        ordered[i] = sorted(row)
    if len(ordered) == 1:
        return a.same(SourceMultiThreshold(ordered, scale, bias), x)
    if len(ordered) != x.shape[axis]:
        raise Refusal(f"thresholds of {len(ordered)} channels on {x.shape[axis]}", "one row for each channel")
    shape = [1] * rank
    shape[axis] = len(ordered)
    x, index = _channelwise(a, x, tuple(shape))
    return a.same(SourceMultiThreshold(ordered[index], scale, bias), x)


# -- QCDQ ------------------------------------------------------------------------------------------------------------
@rule("QuantizeLinear")
def quantize_linear(a: Call) -> Tensor:
    x = a.tensor(0)
    axis, block = a.int("axis", 1), a.int("block_size", 0)
    a.ignore("saturate", "precision")  # for float8 results, and for how scales are divided: ours are exact
    kind = a.int("output_dtype", 0)
    if block:
        raise Refusal(f"block_size={block}", "one scale, or one for each channel")
    scale, zero, given = _linear(a, x, axis)
    if not given:
        given = _type_name(kind) if kind else "uint8"
    if given not in INTEGERS:
        raise Refusal(f"it quantises to {given}", "int8, uint8, int16 or uint16")
    lo, hi = INTEGERS[given]
    if isinstance(x, Codes):
        raise Refusal("it quantises integers", "DequantizeLinear before it")
    if isinstance(x, Value):
        return Codes(x, scale, zero, lo, hi)
    assert isinstance(x, Constant)
    x = x.finite()
    rank = len(x.shape)
    steps = quantised(
        x, aligned(scale.exact(), rank), np.zeros((1,) * rank, np.int64), -UNCLIPPED, UNCLIPPED, "half_even"
    )
    codes = np.clip(steps.values.astype(np.int64) + aligned(zero.values, rank), lo, hi)
    return Constant(codes, None, True, x.origin, given)


@rule("DequantizeLinear")
def dequantize_linear(a: Call) -> Tensor:
    x = a.tensor(0)
    axis, block = a.int("axis", 1), a.int("block_size", 0)
    a.ignore("output_dtype")
    if block:
        raise Refusal(f"block_size={block}", "one scale, or one for each channel")
    scale, zero, _ = _linear(a, x, axis)
    if isinstance(x, Constant):
        if not x.integral:
            raise Refusal("it dequantises floats", "integers")
        rank = len(x.shape)
        values = x.values - aligned(zero.values, rank) if any(zero.values.ravel()) else x.values
        return Constant(values.astype(np.float64), aligned(scale.exact(), rank), origin=x.origin)
    if isinstance(x, Codes):
        return dequantised(a, x, scale, zero)
    assert isinstance(x, Value)
    if x.name not in a.builder.integral:
        raise Refusal("it dequantises a tensor that no QuantizeLinear made", "QuantizeLinear before it")
    return affine(a, x, scale, Constant(-zero.exact() * scale.exact()))


def dequantised(a: Call, x: Codes, scale: Constant, zero: Constant) -> Value:
    """The quantiser of a QuantizeLinear and a DequantizeLinear.

    QuantizeLinear adds its zero point after rounding: the range moves, the rounding does not.
    """
    own, zeros = x.scale.exact(), x.zero.values
    distinct = {int(v) for v in zeros.ravel()}
    lo, hi = x.lo - max(distinct), x.hi - min(distinct)
    if len(distinct) == 1:
        result = _quantised(a, x.value, x.scale, _zeros(), lo, hi, "half_even")
        assert isinstance(result, Value)
    else:
        result = _quantised(a, x.value, x.scale, _zeros(), x.lo - max(distinct), x.hi - min(distinct), "half_even")
        assert isinstance(result, Value)
        ends = [Constant((full((), Fraction(end)) - x.zero.exact()) * own) for end in (x.lo, x.hi)]
        result = clipped(a, result, *ends)
    if np.array_equal(own, scale.exact()) and np.array_equal(zeros, zero.values):
        return result
    new = scale.exact()
    return affine(a, result, Constant(new / own), Constant((x.zero.exact() - zero.exact()) * new))


def clipped(a: Call, x: Value, lo: Constant | None, hi: Constant | None) -> Value:
    """Each end a number or one for each channel: by ReLUs, or in one operator where both are there."""
    from ...ops.source import SourceActivation, SourceRelu

    if lo is not None and hi is not None:
        x, index = _channelwise(a, x, np.broadcast_shapes(lo.shape, hi.shape))
        shape = np.broadcast_shapes(lo.shape, hi.shape)
        low, high = (np.broadcast_to(v.exact(), shape).ravel()[index] for v in (lo, hi))
        if any(p > q for p, q in zip(low, high, strict=True)):
            raise Refusal("its lower end is above its upper end", "min <= max")
        rows = np.empty((len(index), 2), object)
        rows[:, 0], rows[:, 1] = low, high
        floats = rows.astype(np.float64)
        exact = all(Fraction(f) == v for f, v in zip(floats.ravel().tolist(), rows.ravel(), strict=True))
        return a.same(SourceActivation("clip", floats if exact else rows), x)
    if lo is not None:  # max(x, lo) = relu(x - lo) + lo
        if lo.size == 1 and not lo.exact().any():
            return a.same(SourceRelu(), x)
        moved = a.same(SourceRelu(), affine(a, x, None, Constant(-lo.exact())))
        return affine(a, moved, None, Constant(lo.exact()))
    if hi is not None:  # min(x, hi) = hi - relu(hi - x)
        minus = Constant(full((), -ONE))
        moved = a.same(SourceRelu(), affine(a, x, minus, Constant(hi.exact())))
        return affine(a, moved, minus, Constant(hi.exact()))
    return x


def as_values(a: Call, x: Codes) -> Value:
    """The integers themselves, as a tensor."""
    result = dequantised(a, x, x.scale, x.zero)
    result = affine(a, result, Constant(full((), ONE) / x.scale.exact()), Constant(x.zero.exact()))
    a.builder.integral.add(result.name)
    return result


# -- what they share -------------------------------------------------------------------------------------------------
def _quantised(
    a: Call, x: Tensor, scale: Constant, zero: Constant, lo: int, hi: int, rounding: str, *, bipolar: bool = False
) -> Tensor:
    if isinstance(x, Constant):
        return quantised(x.finite(), scale.exact(), zero.values.astype(np.int64), lo, hi, rounding, bipolar=bipolar)
    if not isinstance(x, Value):
        raise Refusal("it quantises the integers of a QuantizeLinear", "DequantizeLinear before it")
    shape = np.broadcast_shapes(scale.shape, zero.shape)
    x, index = _channelwise(a, x, shape)
    scales = _one(np.broadcast_to(scale.exact(), shape).ravel()[index])
    zeros = _one(np.broadcast_to(zero.values, shape).ravel()[index]).astype(np.int64)
    return a.same(FixedQuantise(scales, zeros, lo, hi, rounding, bipolar), x)


def _channelwise(a: Call, x: Value, shape: tuple[int, ...]) -> tuple[Value, Any]:
    """The tensor, laid out so that a constant of this shape differs at most from channel to channel; its index."""
    index = a.builder.inside_index(x, shape)
    if index.ndim > 1:
        x = a.vector(x) if x.is_vector else a.standard(x)
        index = a.builder.inside_index(x, shape)
    if index.ndim > 1 and len(x.shape) > 2:  # along the last axis of (N, H, W, C)
        rank = len(x.shape)
        moved = a.standard(a.builder.transposed(x, (0, rank - 1, *range(1, rank - 1))))
        x = moved.transposed((0, *range(2, rank), 1))
        index = a.builder.inside_index(x, shape)
    if index.ndim > 1:
        raise Refusal(f"constants of shape {shape} differ from pixel to pixel of {x.shape}", "one for each channel")
    return x, index


def _one(values: Array) -> Array:
    return values[:1] if len(set(values.tolist())) == 1 else values


def _given(a: Call, name: str) -> bool:
    if name not in a.untaken:
        raise Refusal(f"its attribute {name} is missing", f"{name}=0 or {name}=1, which QONNX demands")
    return False


def _scale(a: Call, index: int) -> Constant:
    scale = a.constant(index)
    if scale.integral:
        raise Refusal(f"its scale {a.node.inputs[index]} is of an integer type", "a scale in float32")
    if not scale.size or min(scale.exact().ravel()) <= 0:
        raise Refusal(f"its scale {a.node.inputs[index]} is zero, negative or empty", "a positive scale")
    return scale


def _zero(a: Call, index: int) -> Constant:
    zero = a.constant(index)
    values = zero.exact()
    if any(v.denominator != 1 for v in values.ravel()):
        raise Refusal(f"its zero point {a.node.inputs[index]} is no integer", "a whole zero point")
    return _integers(values)


def _integers(values: Array) -> Constant:
    if any(abs(v) > LARGEST_ZERO for v in values.ravel()) or not values.size:
        raise Refusal("its zero point does not fit 32 bits", "a zero point within the codes")
    whole = np.array([int(v) for v in values.ravel()], np.int64).reshape(values.shape)
    return Constant(whole, None, True)


def _zeros() -> Constant:
    return Constant(np.zeros((), np.int64), None, True)


def _bits(a: Call, index: int) -> int:
    values = {*a.constant(index).exact().ravel().tolist()}
    if len(values) != 1:
        raise Refusal(f"its bit width {a.node.inputs[index]} differs between channels or is empty", "one bit width")
    (bits,) = values
    if bits.denominator != 1 or not 1 <= bits <= 32:
        raise Refusal(f"its bit width is {float(bits):g}", "a whole bit width from 1 to 32")
    return int(bits)


def _range(bits: int, *, signed: bool, narrow: bool) -> tuple[int, int]:
    if signed:
        return -(1 << (bits - 1)) + narrow, (1 << (bits - 1)) - 1
    if bits == 1 and narrow:
        raise Refusal("a narrow unsigned bit can only be 0", "narrow=0")
    return 0, (1 << bits) - 1 - narrow


def _mode(a: Call, default: str) -> str:
    mode = a.text("rounding_mode", default).upper()
    if mode not in MODES:
        raise Refusal(f"rounding_mode={mode}", f"one of {', '.join(MODES)}")
    return MODES[mode]


def _powers(ratios: Array) -> Array:
    """2^round(log2(ratio))."""
    result = np.empty(ratios.shape, object)
    for i, ratio in np.ndenumerate(ratios):
        exponent = ratio.numerator.bit_length() - ratio.denominator.bit_length()
        while ratio * ratio > Fraction(2) ** (2 * exponent + 1):
            exponent += 1
        while ratio * ratio < Fraction(2) ** (2 * exponent - 1):
            exponent -= 1
        result[i] = Fraction(2) ** exponent
    return result


def _linear(a: Call, x: Tensor, axis: int) -> tuple[Constant, Constant, str]:
    """Scale and zero point of a QuantizeLinear or DequantizeLinear, broadcast over its input; the zero's type."""
    scale = _scale(a, 1)
    given = a.optional(2)
    zero = Constant(np.zeros(scale.shape, np.int64), None, True) if given is None else _zero(a, 2)
    kind = "" if given is None else given.kind
    rank = len(x.value.shape if isinstance(x, Codes) else x.shape or ())
    if scale.size == 1 and zero.size == 1:
        return scale.reshaped(()), zero.reshaped(()), kind
    if len(scale.shape) != 1 or zero.shape not in (scale.shape, (1,), ()):
        raise Refusal(f"a scale of shape {scale.shape}, a zero point of {zero.shape}", "one for each channel, (C,)")
    if not -rank <= axis < rank:
        raise Refusal(f"axis {axis} of {rank} axes", "an axis that there is")
    shape = [1] * rank
    shape[axis % rank] = scale.size
    if not isinstance(x, Codes) and (x.shape or ())[axis % rank] != scale.size:
        raise Refusal(f"{scale.size} scales on axis {axis} of {x.shape}", "one for each channel")
    zero = replace(zero, values=np.broadcast_to(zero.values.ravel(), (scale.size,)))
    return scale.reshaped(shape), zero.reshaped(shape), kind


def _type_name(kind: int) -> str:
    from onnx import TensorProto

    known = {v: k.lower() for k, v in TensorProto.DataType.items()}
    return known.get(kind, str(kind))
