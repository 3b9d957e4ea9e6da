"""The operators that carry a network's weight, on `Scaled` tensors; the others go through Fractions.

Each is written apart from its definition in the files beside this one, and must equal it: `test_rational` says so.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from .elementwise import each
from .operands import Array, Node, UnsupportedError, as_object
from .quantisers import LAYOUTS, along, bounds, checked_scale, integer, rounding_mode
from .registry import OPERATORS
from .rounding import round_quotients, sqrt_float64
from .scaled import (
    Scaled,
    add,
    by_constant,
    contract,
    denominators,
    elementwise,
    multiply,
    negated,
    numerators,
    ranked,
)
from .windows import Sliding

FAST: dict[str, Callable[..., Any]] = {}


def fast(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        FAST.update(dict.fromkeys(names, function))
        return function

    return register


def values(x: Any) -> Array:
    """The Fractions of a parameter."""
    return x.fractions() if isinstance(x, Scaled) else as_object(np.frompyfunc(Fraction, 1, 1)(x.astype(object)))


def _affine(x: Scaled, factor: Array, offset: Array) -> tuple[Array, Array]:
    """x * factor + offset as integers over integers, elementwise; the denominators are positive."""
    rank = max(x.ndim, factor.ndim, offset.ndim)
    slope = as_object(ranked(x.scale, rank) * ranked(factor, rank))
    shift = ranked(offset, rank)
    bottom = denominators(slope) * denominators(shift)
    top = ranked(x.codes, rank) * (numerators(slope) * denominators(shift)) + numerators(shift) * denominators(slope)
    return as_object(top), as_object(bottom)


@fast("Quant", "IntQuant")
def quant(node: Node, x: Scaled, scale: Any, zero: Any, bits: Any) -> Scaled:
    steps, zeros, widths = checked_scale(values(scale)), values(zero), values(bits)
    signed, narrow = bool(node.integer("signed", 1)), bool(node.integer("narrow", 1))
    mode = rounding_mode(node, "ROUND")
    if node.margin is not None or widths.size != 1:
        return Scaled.of(OPERATORS["Quant"](node, x.fractions(), steps, zeros, widths))
    width = integer(widths.reshape(-1)[0], "a bit width of")
    top, bottom = _affine(x, as_object(1 / steps), zeros)
    if signed and width == 1:
        codes = np.where(np.greater_equal(top, 0).astype(bool), 1, -1).astype(object)
    else:
        low, high = bounds(width, signed, narrow)
        # limits are integers, which every mode keeps, so clipping may follow rounding
        codes = np.minimum(np.maximum(round_quotients(mode, top, bottom), low), high)
    over = denominators(zeros)
    rank = codes.ndim
    shifted = codes * ranked(as_object(over), rank) - ranked(as_object(numerators(zeros)), rank)
    return Scaled.make(shifted, ranked(steps, rank) / ranked(as_object(over), rank))


@fast("BipolarQuant")
def bipolar_quant(node: Node, x: Scaled, scale: Any) -> Scaled:
    if node.margin is not None:
        return Scaled.of(OPERATORS["BipolarQuant"](node, x.fractions(), values(scale)))
    codes = np.where(np.greater_equal(x.codes, 0).astype(bool), 1, -1).astype(object)
    return Scaled.make(codes, values(scale))


@fast("MultiThreshold")
def multi_threshold(node: Node, x: Scaled, thresholds: Any) -> Scaled:
    steps = values(thresholds)
    layout = node.text("data_layout", "") or LAYOUTS.get(x.ndim, "")
    axis = layout.index("C") if "C" in layout else 1
    if node.margin is not None or len(steps) not in (1, x.shape[axis]):
        return Scaled.of(OPERATORS["MultiThreshold"](node, x.fractions(), steps))
    one = x.unified()
    shape = [-1 if at == axis else 1 for at in range(x.ndim)]
    counts = np.zeros(x.shape, np.int64)
    for column in steps.T:  # t <= code * scale, in integers
        first = -(-numerators(column / one.scale.item()) // denominators(column / one.scale.item()))
        counts += np.greater_equal(one.codes, as_object(first).reshape(shape)).astype(bool)
    result = by_constant(
        Scaled.of(as_object(np.frompyfunc(Fraction, 1, 1)(counts.astype(object)))), _single(node, "out_scale", 1.0)
    )
    return add(result, elementwise(_single(node, "out_bias", 0.0)))


def _single(node: Node, name: str, default: float) -> Array:
    return as_object(node.real(name, default))


@fast("QuantizeLinear")
def quantize_linear(node: Node, x: Scaled, scale: Any, zero: Array | None = None) -> Array:
    if node.margin is not None:
        return OPERATORS["QuantizeLinear"](node, x.fractions(), values(scale), zero)
    axis = node.integer("axis", 1) % max(x.ndim, 1)
    steps = checked_scale(along(values(scale), axis, x.ndim))
    top, bottom = _affine(x, as_object(1 / steps), as_object(Fraction(0)))
    codes = round_quotients("ROUND", top, bottom)
    kind = np.iinfo(np.uint8 if zero is None else zero.dtype)
    if zero is not None:
        codes = codes + along(zero.astype(object), axis, x.ndim)
    return np.minimum(np.maximum(codes, int(kind.min)), int(kind.max)).astype(kind.dtype)


@fast("DequantizeLinear")
def dequantize_linear(node: Node, x: Array, scale: Any, zero: Array | None = None) -> Scaled:
    axis = node.integer("axis", 1) % max(x.ndim, 1)
    codes = x.astype(object)
    if zero is not None:
        codes = codes - along(zero.astype(object), axis, x.ndim)
    return Scaled.make(codes, along(values(scale), axis, x.ndim))


@fast("Add")
def add_(node: Node, a: Scaled, b: Scaled) -> Scaled:
    return add(a, b)


@fast("Sub")
def sub(node: Node, a: Scaled, b: Scaled) -> Scaled:
    return add(a, negated(b))


@fast("Mul")
def mul(node: Node, a: Scaled, b: Scaled) -> Scaled:
    return multiply(a, b)


@fast("Neg")
def neg(node: Node, a: Scaled) -> Scaled:
    return negated(a)


@fast("Div")
def div(node: Node, a: Scaled, b: Scaled) -> Scaled:
    if any(code == 0 for code in b.codes.reshape(-1)):
        raise UnsupportedError("a division by zero")
    return by_constant(a, as_object(1 / b.fractions()))


@fast("Relu")
def relu(node: Node, x: Scaled) -> Scaled:
    return Scaled(as_object(np.maximum(x.codes, 0)), x.scale)


@fast("LeakyRelu")
def leaky_relu(node: Node, x: Scaled) -> Scaled:
    slope = node.real("alpha", 0.01)
    codes = np.where(np.less(x.codes, 0).astype(bool), x.codes * slope.numerator, x.codes * slope.denominator)
    return Scaled(as_object(codes), as_object(x.scale / slope.denominator))


@fast("BatchNormalization")
def batch_normalization(node: Node, x: Scaled, *parameters: Any) -> Scaled:
    gamma, beta, mean, var = (values(each) for each in parameters)
    epsilon = node.real("epsilon", 1e-5)
    slope = gamma / each(lambda value: sqrt_float64(value + epsilon), var)
    shape = (1, -1) + (1,) * (x.ndim - 2)
    scaled = by_constant(x, as_object(slope.reshape(shape)))
    return add(scaled, elementwise(as_object((beta - mean * slope).reshape(shape))))


def patches(x: Array, window: Sliding) -> Array:
    """(n, c, *spatial) of floats -> (n, *out, c, *kernel), zeros where the window is outside."""
    rank = len(window.kernel)
    reach = [d * (k - 1) + 1 for d, k in zip(window.dilations, window.kernel, strict=True)]
    ends = [
        max(0, (size - 1) * s + r - n - b)
        for size, s, r, n, b in zip(window.sizes, window.strides, reach, x.shape[2:], window.before, strict=True)
    ]
    x = np.pad(x, [(0, 0), (0, 0), *zip(window.before, ends, strict=True)])
    view = np.lib.stride_tricks.sliding_window_view(x, reach, axis=tuple(range(2, 2 + rank)))
    spatial = tuple(slice(0, (n - 1) * s + 1, s) for n, s in zip(window.sizes, window.strides, strict=True))
    taps = tuple(slice(None, None, d) for d in window.dilations)
    view = view[(slice(None), slice(None), *spatial, *taps)]
    return np.moveaxis(view, 1, 1 + rank)


def convolve(x: Array, w: Array, window: Sliding, groups: int) -> Array:
    """Float64 in, float64 out: (n, c, *in), (o, c / groups, *kernel) -> (n, o, *out)."""
    columns = patches(x, window)
    outer, rank = columns.shape[: 1 + len(window.kernel)], len(window.kernel)
    ins, outs = w.shape[1], len(w) // groups
    parts = []
    for g in range(groups):
        chosen = columns[(slice(None),) * (1 + rank) + (slice(g * ins, (g + 1) * ins),)]
        parts.append(chosen.reshape(*outer, -1) @ w[g * outs : (g + 1) * outs].reshape(outs, -1).T)
    return np.moveaxis(np.concatenate(parts, axis=-1), -1, 1)


@fast("Conv")
def conv(node: Node, x: Scaled, w: Scaled, bias: Scaled | None = None) -> Scaled:
    groups = node.integer("group", 1)
    if x.shape[1] != w.shape[1] * groups:
        raise UnsupportedError("a convolution whose channels do not match")
    window = Sliding.of(node, x.shape[2:], w.shape[2:])
    x, w = x.unified(), w.unified(0)
    terms = int(np.prod(w.shape[1:], dtype=np.int64))
    codes = contract(lambda a, b: convolve(a, b, window, groups), x.codes, w.codes, terms)
    scale = x.scale.reshape((1,) * x.ndim) * w.scale.reshape(1, -1, *((1,) * (x.ndim - 2)))
    return _biased(Scaled.make(codes, scale), bias, x.ndim)


def _biased(x: Scaled, bias: Scaled | None, rank: int) -> Scaled:
    if bias is None:
        return x
    return add(x, elementwise(bias.fractions().reshape(1, -1, *((1,) * (rank - 2)))))


@fast("ConvTranspose")
def conv_transpose(node: Node, x: Scaled, w: Scaled, bias: Scaled | None = None) -> Scaled:
    """As a convolution of the input, zeros between its elements, with the kernel turned about."""
    rank, groups = x.ndim - 2, node.integer("group", 1)
    if {"auto_pad", "output_shape"} & set(node.attributes):
        parts = (x.fractions(), w.fractions(), None if bias is None else bias.fractions())
        return Scaled.of(OPERATORS["ConvTranspose"](node, *parts))
    strides, dilations = node.integers("strides", [1] * rank), node.integers("dilations", [1] * rank)
    extra, pads = node.integers("output_padding", [0] * rank), node.integers("pads", [0] * (2 * rank))
    x, w = x.unified(), w.unified()
    sizes = [s * (n - 1) + 1 for s, n in zip(strides, x.shape[2:], strict=True)]
    reach = [d * (k - 1) for d, k in zip(dilations, w.shape[2:], strict=True)]
    stuffed = np.zeros((*x.shape[:2], *(n + 2 * r + e for n, r, e in zip(sizes, reach, extra, strict=True))), object)
    inner = tuple(slice(r, r + n, s) for r, n, s in zip(reach, sizes, strides, strict=True))
    stuffed[(slice(None), slice(None), *inner)] = x.codes
    outs, ins = w.shape[1], w.shape[0] // groups
    kernel = w.codes.reshape(groups, ins, outs, *w.shape[2:]).swapaxes(1, 2).reshape(groups * outs, ins, *w.shape[2:])
    kernel = np.flip(kernel, tuple(range(2, 2 + rank)))
    full = tuple(n + r + e for n, r, e in zip(sizes, reach, extra, strict=True))
    ones, none = (1,) * rank, (0,) * rank
    window = Sliding(w.shape[2:], ones, tuple(dilations), none, none, full)
    terms = int(np.prod(kernel.shape[1:], dtype=np.int64))
    codes = contract(lambda a, b: convolve(a, b, window, groups), stuffed, kernel, terms)
    kept = tuple(slice(pads[at], full[at] - pads[rank + at]) for at in range(rank))
    codes = codes[(slice(None), slice(None), *kept)]
    return _biased(Scaled.make(codes, x.scale * w.scale.reshape((1,) * x.ndim)), bias, x.ndim)


@fast("MatMul")
def matmul(node: Node, a: Scaled, b: Scaled) -> Scaled:
    a = a.unified()
    b = b.unified(b.ndim - 1) if b.ndim > 1 and a.ndim > 1 else b.unified()
    codes = contract(np.matmul, a.codes, b.codes, a.shape[-1])
    steps = b.scale.reshape(-1 if b.scale.size > 1 else ())
    return Scaled.make(codes, as_object(a.scale.reshape(()) * steps))


@fast("Gemm")
def gemm(node: Node, a: Scaled, b: Scaled, c: Scaled | None = None) -> Scaled:
    if node.integer("transA", 0):
        a = Scaled(a.codes.T, a.scale.T)
    if node.integer("transB", 0):
        b = Scaled(b.codes.T, b.scale.T)
    result = by_constant(matmul(node, a, b), _single(node, "alpha", 1.0))
    if c is None:
        return result
    bias = elementwise(c.fractions()) if c.ndim < 2 else c
    return add(result, by_constant(bias, _single(node, "beta", 1.0)))


@fast("MaxPool")
def max_pool(node: Node, x: Scaled) -> Scaled:
    if node.outputs > 1:
        raise UnsupportedError("the indices of a max pool")
    kernel = tuple(node.integers("kernel_shape", []))
    window = Sliding.of(node, x.shape[2:], kernel)
    x = x.unified(0, 1)
    largest = max(abs(int(x.codes.max())), abs(int(x.codes.min())))
    if largest >= 2**52:
        return Scaled.of(OPERATORS["MaxPool"](node, x.fractions()))
    # outside is less than everything: shift so that every code is positive and the zeros of the padding lose
    found = patches(x.codes.astype(np.float64) + float(largest + 1), window)
    best = found.max(axis=tuple(range(found.ndim - len(kernel), found.ndim)))
    if (best == 0).any():
        raise UnsupportedError("a pooling window in the padding alone")
    codes = np.moveaxis(best, -1, 1).astype(np.int64).astype(object) - (largest + 1)
    return Scaled(as_object(codes), x.scale)


MOVERS = ("Identity", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Upsample", "GlobalMaxPool")
MOVERS_WITH_LISTS = ("Reshape", "Slice", "Resize", "Expand", "Tile", "Gather")


def _moved(name: str) -> Callable[..., Scaled]:
    def move(node: Node, x: Scaled, *rest: Any) -> Scaled:
        others = [each.fractions() if isinstance(each, Scaled) else each for each in rest]
        return x.mapped(lambda codes: OPERATORS[name](node, codes, *others))

    return move


for _name in (*MOVERS, *MOVERS_WITH_LISTS):
    fast(_name)(_moved(_name))


@fast("Dropout")
def dropout(node: Node, x: Scaled, *_: Any) -> Scaled:
    if node.outputs > 1:
        raise UnsupportedError("the mask of a Dropout")
    return x


@fast("Split")
def split(node: Node, x: Scaled, sizes: Array | None = None) -> tuple[Scaled, ...]:
    one = x.unified()
    return tuple(Scaled(as_object(part), one.scale) for part in OPERATORS["Split"](node, one.codes, sizes))
