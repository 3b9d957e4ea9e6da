"""Elementwise operators and reductions, as ONNX defines them, on arrays of Fractions."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import reduce
from typing import Any

import mpmath
import numpy as np

from .operands import Array, Node, UnsupportedError, as_object, integer_list, reals
from .registry import operator
from .rounding import ceil, floor, half_even, sqrt_float64

ZERO, ONE, HALF = Fraction(0), Fraction(1), Fraction(1, 2)
DIGITS = 60


def each(function: Callable[[Fraction], Any], x: Array) -> Array:
    return as_object(np.frompyfunc(function, 1, 1)(reals(x)))


@operator("Add", "Sum")
def add(node: Node, *inputs: Array) -> Array:
    return as_object_like(reduce(np.add, inputs), inputs)


@operator("Sub")
def sub(node: Node, a: Array, b: Array) -> Array:
    return as_object_like(a - b, (a, b))


@operator("Mul")
def mul(node: Node, a: Array, b: Array) -> Array:
    return as_object_like(a * b, (a, b))


@operator("Div")
def div(node: Node, a: Array, b: Array) -> Array:
    if a.dtype != object:  # integers divide towards zero
        return np.asarray((np.sign(a) * np.sign(b)) * (np.abs(a) // np.abs(b)))
    if any(value == 0 for value in b.reshape(-1)):
        raise UnsupportedError("a division by zero")
    return as_object_like(a / b, (a, b))


def as_object_like(result: Any, inputs: Any) -> Array:
    return as_object(result) if any(x.dtype == object for x in inputs) else np.asarray(result)


@operator("Neg")
def neg(node: Node, x: Array) -> Array:
    return as_object_like(-x, (x,))


@operator("Abs")
def absolute(node: Node, x: Array) -> Array:
    return as_object_like(abs(x), (x,))


@operator("Min")
def minimum(node: Node, *inputs: Array) -> Array:
    return as_object_like(reduce(np.minimum, inputs), inputs)


@operator("Max")
def maximum(node: Node, *inputs: Array) -> Array:
    return as_object_like(reduce(np.maximum, inputs), inputs)


@operator("Mean")
def mean(node: Node, *inputs: Array) -> Array:
    return as_object(reduce(np.add, inputs) / Fraction(len(inputs)))


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    if exponent == HALF:
        return sqrt_float64(base)
    if exponent.denominator != 1 or abs(exponent) > 64:
        raise UnsupportedError(f"the power {float(exponent)}")
    return base ** int(exponent)


@operator("Pow")
def power(node: Node, x: Array, exponent: Array) -> Array:
    """Of small integers, or 1/2, which is Sqrt."""
    return as_object(np.frompyfunc(_power, 2, 1)(reals(x), reals(exponent)))


@operator("Sqrt")
def sqrt(node: Node, x: Array) -> Array:
    return each(sqrt_float64, x)


@operator("Reciprocal")
def reciprocal(node: Node, x: Array) -> Array:
    return each(lambda value: 1 / value, x)


@operator("Floor")
def floor_(node: Node, x: Array) -> Array:
    return each(lambda value: Fraction(floor(value)), x)


@operator("Ceil")
def ceil_(node: Node, x: Array) -> Array:
    return each(lambda value: Fraction(ceil(value)), x)


@operator("Round")
def round_(node: Node, x: Array) -> Array:
    return each(lambda value: Fraction(half_even(value)), x)


def _sign(value: Fraction) -> Fraction:
    return Fraction((value > 0) - (value < 0))


@operator("Sign")
def sign(node: Node, x: Array) -> Array:
    return each(_sign, x)


@operator("Relu")
def relu(node: Node, x: Array) -> Array:
    return each(lambda value: max(value, ZERO), x) if x.dtype == object else np.maximum(x, 0)


@operator("LeakyRelu")
def leaky_relu(node: Node, x: Array) -> Array:
    slope = node.real("alpha", 0.01)
    return each(lambda value: value if value >= 0 else slope * value, x)


@operator("PRelu")
def prelu(node: Node, x: Array, slope: Array) -> Array:
    return as_object(np.frompyfunc(lambda value, by: value if value >= 0 else by * value, 2, 1)(x, slope))


@operator("Clip")
def clip(node: Node, x: Array, low: Array | None = None, high: Array | None = None) -> Array:
    """min(max(x, low), high), in this order; before opset 11 the limits are attributes."""
    result: Any = x
    lows = [low] if low is not None else [node.real("min", 0)] if "min" in node.attributes else []
    highs = [high] if high is not None else [node.real("max", 0)] if "max" in node.attributes else []
    for value in lows:
        result = np.maximum(result, value)
    for value in highs:
        result = np.minimum(result, value)
    return as_object_like(result, (x,))


def clamp(value: Fraction, low: Fraction = ZERO, high: Fraction = ONE) -> Fraction:
    return min(max(value, low), high)


@operator("HardSigmoid")
def hard_sigmoid(node: Node, x: Array) -> Array:
    alpha, beta = node.real("alpha", 0.2), node.real("beta", 0.5)
    return each(lambda value: clamp(alpha * value + beta), x)


@operator("HardSwish")
def hard_swish(node: Node, x: Array) -> Array:
    """The text of the operator says alpha = 1/6, and 1/6 is what is taken; its function body rounds it to float32."""
    return each(lambda value: value * clamp(value / 6 + HALF), x)


@operator("ThresholdedRelu")
def thresholded_relu(node: Node, x: Array) -> Array:
    alpha = node.real("alpha", 1.0)
    return each(lambda value: value if value > alpha else ZERO, x)


@operator("Softsign")
def softsign(node: Node, x: Array) -> Array:
    return each(lambda value: value / (1 + abs(value)), x)


@operator("BatchNormalization")
def batch_normalization(node: Node, x: Array, gamma: Array, beta: Array, mean: Array, var: Array) -> Array:
    """(x - mean) * (gamma / s) + beta, s the float64 nearest to sqrt(var + epsilon)."""
    epsilon = node.real("epsilon", 1e-5)
    shape = (1, -1) + (1,) * (x.ndim - 2)
    root = each(lambda value: sqrt_float64(value + epsilon), var)
    return as_object((x - mean.reshape(shape)) * (gamma / root).reshape(shape) + beta.reshape(shape))


def _axes(node: Node, x: Array, axes: Array | None) -> tuple[int, ...]:
    """Of a reduction: an attribute or an input; none means all, unless noop_with_empty_axes."""
    chosen = integer_list(axes) if axes is not None else node.integers("axes", [])
    if not chosen and node.integer("noop_with_empty_axes", 0):
        return ()
    return tuple(axis % x.ndim for axis in chosen) if chosen else tuple(range(x.ndim))


@operator("ReduceSum")
def reduce_sum(node: Node, x: Array, axes: Array | None = None) -> Array:
    over = _axes(node, x, axes)
    return as_object_like(x.sum(axis=over, keepdims=bool(node.integer("keepdims", 1))), (x,)) if over else x


@operator("ReduceMean")
def reduce_mean(node: Node, x: Array, axes: Array | None = None) -> Array:
    over = _axes(node, x, axes)
    count = int(np.prod([x.shape[axis] for axis in over], dtype=np.int64))
    return as_object(x.sum(axis=over, keepdims=bool(node.integer("keepdims", 1))) / Fraction(count)) if over else x


@operator("ReduceMax")
def reduce_max(node: Node, x: Array, axes: Array | None = None) -> Array:
    over = _axes(node, x, axes)
    return as_object_like(x.max(axis=over, keepdims=bool(node.integer("keepdims", 1))), (x,)) if over else x


@operator("ReduceMin")
def reduce_min(node: Node, x: Array, axes: Array | None = None) -> Array:
    over = _axes(node, x, axes)
    return as_object_like(x.min(axis=over, keepdims=bool(node.integer("keepdims", 1))), (x,)) if over else x


def compare(function: Callable[[Any, Any], Any]) -> Callable[..., Array]:
    return lambda node, a, b: np.asarray(function(a, b)).astype(bool)


for _name, _function in {
    "Equal": np.equal,
    "Greater": np.greater,
    "GreaterOrEqual": np.greater_equal,
    "Less": np.less,
    "LessOrEqual": np.less_equal,
}.items():
    operator(_name)(compare(_function))


@operator("Where")
def where(node: Node, condition: Array, a: Array, b: Array) -> Array:
    return as_object_like(np.where(condition, a, b), (a, b))


def _irrational(function: Callable[[Any], Any]) -> Callable[[Fraction], Fraction]:
    """f at 60 digits: off by less than 1e-50 of its size or of 1, which decides every rounding that is no tie."""

    def value(x: Fraction) -> Fraction:
        with mpmath.workdps(DIGITS):
            return from_mpmath(function(mpmath.mpf(x.numerator) / x.denominator))

    return value


def from_mpmath(value: Any) -> Fraction:
    negative, mantissa, exponent, _ = mpmath.mpf(value)._mpf_
    size = Fraction(int(mantissa)) * Fraction(2) ** int(exponent)
    return -size if negative else size


def _gelu_tanh(x: Any) -> Any:
    inner = mpmath.sqrt(2 / mpmath.pi) * (x + mpmath.mpf(44715) / 1000000 * x**3)
    return x * (1 + mpmath.tanh(inner)) / 2


def sigmoid(x: Any) -> Any:
    return 1 / (1 + mpmath.exp(-x))


IRRATIONAL = {
    "Sigmoid": sigmoid,
    "Tanh": mpmath.tanh,
    "Exp": mpmath.exp,
    "Erf": mpmath.erf,
    "Softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "Mish": lambda x: x * mpmath.tanh(mpmath.log1p(mpmath.exp(x))),
}


def _transcendental(function: Callable[[Fraction], Fraction]) -> Callable[[Node, Array], Array]:
    return lambda node, x: each(function, x)


for _name, _irrational_function in IRRATIONAL.items():
    operator(_name)(_transcendental(_irrational(_irrational_function)))


@operator("Gelu")
def gelu(node: Node, x: Array) -> Array:
    if node.text("approximate", "none") == "tanh":
        return each(_irrational(_gelu_tanh), x)
    return each(_irrational(lambda value: value * (1 + mpmath.erf(value / mpmath.sqrt(2))) / 2), x)


@operator("Swish")
def swish(node: Node, x: Array) -> Array:
    alpha = node.real("alpha", 1.0)
    silu = _irrational(sigmoid)
    return each(lambda value: value * silu(alpha * value), x)


@operator("Elu")
def elu(node: Node, x: Array) -> Array:
    alpha, expm1 = node.real("alpha", 1.0), _irrational(mpmath.expm1)
    return each(lambda value: value if value >= 0 else alpha * expm1(value), x)


@operator("Selu")
def selu(node: Node, x: Array) -> Array:
    alpha, gamma = node.real("alpha", 1.6732632423543772), node.real("gamma", 1.0507009873554805)
    expm1 = _irrational(mpmath.expm1)
    return each(lambda value: gamma * (value if value > 0 else alpha * expm1(value)), x)


@operator("Celu")
def celu(node: Node, x: Array) -> Array:
    alpha, expm1 = node.real("alpha", 1.0), _irrational(mpmath.expm1)
    return each(lambda value: max(ZERO, value) + min(ZERO, alpha * expm1(value / alpha)), x)


@operator("Softmax")
def softmax(node: Node, x: Array) -> Array:
    """Along an axis; before opset 13 over all axes from it on, and the default axis is 1."""
    old = node.opset < 13
    axis = node.integer("axis", 1 if old else -1) % x.ndim
    rows = x.reshape(*x.shape[:axis], -1) if old else np.moveaxis(x, axis, -1)
    powers = each(_irrational(mpmath.exp), rows - rows.max(axis=-1, keepdims=True))
    result = as_object(powers / powers.sum(axis=-1, keepdims=True))
    return result.reshape(x.shape) if old else np.moveaxis(result, -1, axis)
