"""Functions of single numbers, softmax, argmax and top-k."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import prod

import numpy as np

from ...ops.source import SourceActivation, SourceArgmax, SourceFlatten, SourceRelu, SourceSoftmax, SourceTopK
from ..findings import Refusal
from ..values import Value
from .affine import affine
from .builder import Codes, Tensor
from .call import Call, rule
from .constants import ONE, ZERO, Constant, full
from .rules_quantisers import clipped

HALF = Fraction(1, 2)
FLOAT32 = {name: Fraction(float(np.float32(v))) for name, v in {"0.01": 0.01, "0.2": 0.2}.items()}
SELU_ALPHA, SELU_GAMMA = (
    Fraction(float(np.float32(v))) for v in (1.67326319217681884765625, 1.05070102214813232421875)
)
LARGEST_FLOAT = float(np.finfo(np.float32).max)

PLAIN = {
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "Softplus": "softplus",
    "Softsign": "soft_sign",
    "Mish": "mish",
    "Abs": "abs",
    "Sqrt": "sqrt",
    "Exp": "exp",
    "Log": "log",
    "Reciprocal": "reciprocal",
    "Floor": "floor",
    "Ceil": "ceil",
    "Round": "round",
    "Sign": "sign",
    "Erf": "erf",
    "Sin": "sin",
    "Cos": "cos",
    "HardSwish": "hard_swish",
}


def activation(a: Call, x: Value, function: str, *parameters: Fraction) -> Value:
    return a.same(SourceActivation(function, np.array([[float(p) for p in parameters]]).reshape(1, -1)), x)


def _plain(function: str) -> Callable[[Call], Tensor]:
    def apply(a: Call) -> Tensor:
        a.ignore("consumed_inputs")
        return activation(a, a.value(0), function)

    return apply


for _operator, _function in PLAIN.items():
    rule(_operator)(_plain(_function))


@rule("Relu")
def relu(a: Call) -> Tensor:
    a.ignore("consumed_inputs")
    x = a.tensor(0)
    if isinstance(x, Codes) and not x.zero.values.any():  # max(codes, 0) narrows the range
        return Codes(x.value, x.scale, x.zero, max(x.lo, 0), max(x.hi, 0))
    return a.same(SourceRelu(), a.value(0))


@rule("LeakyRelu")
def leaky_relu(a: Call) -> Tensor:
    return activation(a, a.value(0), "leaky_relu", a.number("alpha", FLOAT32["0.01"]))


@rule("PRelu")
def prelu(a: Call) -> Tensor:
    x, slope = a.value(0), a.constant(1)
    index = a.builder.inside_index(x, slope.shape)
    if index.ndim > 1:
        x = a.vector(x) if x.is_vector else a.standard(x)
        index = a.builder.inside_index(x, slope.shape)
    if index.ndim > 1:
        raise Refusal(f"slopes of shape {slope.shape} on {x.shape}", "one slope, or one for each channel (C, 1, 1)")
    return a.same(SourceActivation("leaky_relu", slope.floats().ravel()[index].reshape(-1, 1)), x)


@rule("HardSigmoid")
def hard_sigmoid(a: Call) -> Tensor:
    return activation(a, a.value(0), "hard_sigmoid", a.number("alpha", FLOAT32["0.2"]), a.number("beta", HALF))


@rule("Elu")
def elu(a: Call) -> Tensor:
    return activation(a, a.value(0), "elu", a.number("alpha", ONE))


@rule("Selu")
def selu(a: Call) -> Tensor:
    """gamma * elu(x, alpha)"""
    alpha, gamma = a.number("alpha", SELU_ALPHA), a.number("gamma", SELU_GAMMA)
    return affine(a, activation(a, a.value(0), "elu", alpha), Constant(full((), gamma)), None)


@rule("Celu")
def celu(a: Call) -> Tensor:
    """alpha * elu(x / alpha, 1)"""
    alpha = a.number("alpha", ONE)
    if alpha <= 0:
        raise Refusal(f"alpha={float(alpha):g}", "a positive alpha")
    inner = affine(a, a.value(0), Constant(full((), 1 / alpha)), None)
    return affine(a, activation(a, inner, "elu", ONE), Constant(full((), alpha)), None)


@rule("Gelu")
def gelu(a: Call) -> Tensor:
    kind = a.text("approximate", "none")
    if kind not in ("none", "tanh"):
        raise Refusal(f"approximate={kind}", "none or tanh")
    return activation(a, a.value(0), "gelu" if kind == "none" else "gelu_tanh")


@rule("ThresholdedRelu")
def thresholded_relu(a: Call) -> Tensor:
    return activation(a, a.value(0), "threshold", a.number("alpha", ONE), ZERO)


@rule("Shrink")
def shrink(a: Call) -> Tensor:
    edge, bias = a.number("lambd", HALF), a.number("bias", ZERO)
    if edge < 0 or bias not in (0, edge):
        raise Refusal(f"lambd={float(edge):g}, bias={float(bias):g}", "bias=0 (hard) or bias=lambd (soft)")
    return activation(a, a.value(0), "soft_shrink" if bias else "hard_shrink", edge)


@rule("Clip")
def clip(a: Call) -> Tensor:
    a.ignore("consumed_inputs")
    if a.opset < 11:
        ends = [a.number(name, None) for name in ("min", "max")]
        lo, hi = (None if v is None or abs(v) >= LARGEST_FLOAT else Constant(full((), v)) for v in ends)
    else:
        lo, hi = (_end(a, i) for i in (1, 2))
    x = a.tensor(0)
    if isinstance(x, Codes):
        low, high = x.lo, x.hi
        for end in (lo, hi):
            if end is not None and end.size != 1:
                raise Refusal(f"an end of shape {end.shape}", "one number")
        low = low if lo is None else max(low, -(-lo.exact().ravel()[0] // 1))
        high = high if hi is None else min(high, hi.exact().ravel()[0] // 1)
        if low > high:
            raise Refusal(f"it leaves no integer from {x.lo} to {x.hi}", "min <= max")
        return Codes(x.value, x.scale, x.zero, int(low), int(high))
    return clipped(a, a.value(0), lo, hi)


def _end(a: Call, index: int) -> Constant | None:
    """An end of a clip; None where it is as far as floats go."""
    found = a.optional(index, finite=False)
    if found is None or found.size != 1:
        return None if found is None else found.finite()
    value = float(found.floats().ravel()[0])
    if value != value:  # noqa: PLR0124  NaN
        found.finite()
    if abs(value) >= LARGEST_FLOAT:
        if (value > 0) == (index == 1):
            raise Refusal(f"its {'lower' if index == 1 else 'upper'} end is {value}", "a finite range")
        return None
    return found.reshaped(())


# -- over the channels -----------------------------------------------------------------------------------------------
@rule("Softmax")
def softmax(a: Call) -> Tensor:
    return _softmax(a, lambda x: a.same(SourceSoftmax(a.options.softmax_bits), x))


@rule("LogSoftmax")
def log_softmax(a: Call) -> Tensor:
    def refused(x: Value) -> Value:
        raise Refusal("its results are not those of an argmax alone", "an ArgMax behind it, or the logits themselves")

    return _softmax(a, refused)


def _softmax(a: Call, over_channels: Callable[[Value], Value]) -> Value:
    """Nothing at all before an argmax over the same axis, which it does not change."""
    x = a.value(0)
    rank = len(x.shape)
    axis = a.axis(a.int("axis", -1 if a.opset >= 13 else 1), rank)
    if a.read_only_by("ArgMax") and axis == rank - 1 == 1:
        return x
    if a.opset < 13 and axis < rank - 1 and prod(x.shape[axis + 1 :]) > 1:
        if axis != 1:
            raise Refusal(f"before opset 13 it normalises over axes {axis} and beyond together", "opset 13 or newer")
        flat = over_channels(a.vector(a.builder.reshaped(x, (x.shape[0], prod(x.shape[1:])))))
        return a.builder.reshaped(flat, x.shape)
    if rank == 2:
        return over_channels(a.vector(x) if prod(x.inside[:-1]) > 1 else x)
    others = [i for i in range(1, rank) if i != axis]
    y = over_channels(a.standard(a.builder.transposed(x, (0, axis, *others))))
    back = np.argsort([0, axis, *others])
    return a.builder.transposed(y, tuple(int(i) for i in back))


def _line(a: Call, x: Value, axis: int) -> Value:
    """A tensor whose other axes have size 1, as a vector in the user's order."""
    if prod(x.shape[1:]) != x.shape[axis]:
        raise Refusal(f"it works along axis {axis} of {x.shape}", "a vector (N, classes)")
    flat = a.standard(a.builder.reshaped(x, (x.shape[0], x.shape[axis])))
    return flat if len(flat.inside) == 1 else Value(a.emit(SourceFlatten(), flat), flat.shape)


@rule("ArgMax", "ArgMin")
def argmax(a: Call) -> Tensor:
    x = a.value(0)
    axis, keep = a.int("axis", 0), a.flag("keepdims", default=True)
    a.refuse_unless("select_last_index", 0, "select_last_index=0: the lowest index on a tie")
    axis = a.axis(axis, len(x.shape))
    line = _line(a, x, axis)
    smallest = a.node.op_type == "ArgMin"
    name = a.emit(SourceTopK(1, largest=False) if smallest else SourceArgmax(), line)
    a.builder.integral.add(name)
    shape = tuple(1 if i == axis else n for i, n in enumerate(x.shape) if keep or i != axis)
    return Value(name, shape, None, (1,))


@rule("TopK")
def top_k(a: Call) -> tuple[Tensor | None, ...]:
    x = a.value(0)
    k = a.int("k") if a.opset < 10 else int(a.input_ints(1)[0])
    axis, largest = a.axis(a.int("axis", -1), len(x.shape)), a.flag("largest", default=True)
    a.ignore("sorted")  # unsorted results may come in any order, the sorted one too
    if not 1 <= k <= x.shape[axis]:
        raise Refusal(f"the {k} largest of {x.shape[axis]}", "a k from 1 to the number of classes")
    line = _line(a, x, axis)
    shape = tuple(k if i == axis else n for i, n in enumerate(x.shape))
    results: list[Value | None] = [None, None]
    for output, values in ((0, True), (1, False)):
        if a.uses(output):
            name = a.emit(SourceTopK(k, largest, values), line)
            results[output] = Value(name, shape, None, (k,))
            if not values:
                a.builder.integral.add(name)
    return tuple(results)
