"""Nodes whose inputs are all constants: folded exactly, whatever an exporter left in the graph."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import ceil, floor, prod
from typing import Any

import numpy as np

from ...ops.functions import FUNCTIONS
from ..findings import Refusal
from .builder import Tensor
from .call import Call, fold, rule
from .constants import ONE, Array, Constant, elements, from_fractions, full, of, square_root
from .rules_movers import sliced, splits
from .rules_shapes import flatten, reshape, squeeze, transpose, unsqueeze

LARGEST_MADE = 1 << 24
for _name, _rule in {
    "Reshape": reshape,
    "Flatten": flatten,
    "Squeeze": squeeze,
    "Unsqueeze": unsqueeze,
    "Transpose": transpose,
}.items():
    fold(_name)(_rule)


@fold("Identity", "Dropout")
def identity(a: Call) -> tuple[Tensor | None, ...]:
    a.ignore("ratio", "seed", "is_test", "consumed_inputs")
    a.unread.clear()
    return (a.tensor(0), None)


@fold("Constant")
def constant(a: Call) -> Tensor:
    if "value" in a.untaken:
        return a.attribute_tensor("value")
    name = next(iter(a.untaken), "")
    if name == "value_float":
        return of(np.array(float(a.number(name)), np.float64))
    if name == "value_int":
        return of(np.array(a._take(name, 0), np.int64))
    if name in ("value_ints", "value_floats"):
        return of(np.array(a._take(name, []), np.int64 if name == "value_ints" else np.float64))
    raise Refusal(f"it holds {name or 'nothing'}", "a tensor")


@fold("ConstantOfShape")
def constant_of_shape(a: Call) -> Tensor:
    shape = _sizes(a, 0)
    if "value" not in a.untaken:
        return of(np.broadcast_to(np.zeros((), np.float32), shape))
    value = a.attribute_tensor("value")
    if value.size != 1:
        raise Refusal(f"its value has {value.size} numbers", "one number")
    return value.moved(lambda v: np.broadcast_to(v.reshape(()), shape))


@rule("Shape")
@fold("Shape")
def shape_of(a: Call) -> Tensor:
    x = a.tensor(0)
    shape = tuple(getattr(x, "value", x).shape)
    start, end = a.int("start", 0), a.int("end", len(shape))
    return of(np.array(shape[start:end], np.int64))


@rule("Size")
@fold("Size")
def size_of(a: Call) -> Tensor:
    x = a.tensor(0)
    return of(np.array(prod(getattr(x, "value", x).shape), np.int64))


@fold("Range")
def range_(a: Call) -> Tensor:
    start, limit, delta = (a.scalar(i) for i in range(3))
    integral = a.constant(0).integral
    if delta == 0:
        raise Refusal("a range with steps of 0", "a step")
    count = max(ceil((limit - start) / delta), 0)
    if count > 1 << 20:
        raise Refusal(f"a range of {count} numbers", "a shorter one")
    values = full((count,), start)
    for i in range(count):
        values[i] = start + i * delta
    return from_fractions(values, integral)


@fold("Expand", "Tile")
def expand(a: Call) -> Tensor:
    x, given = a.constant(0, finite=False), _sizes(a, 1)
    if a.node.op_type == "Tile":
        if len(given) != len(x.shape):
            raise Refusal(f"it repeats {x.shape} {given} times", "a number for each axis")
        _made(tuple(n * m for n, m in zip(x.shape, given, strict=True)))
        return x.moved(lambda v: np.tile(v, given))
    shape = np.broadcast_shapes(x.shape, given)
    _made(shape)
    return x.moved(lambda v: np.broadcast_to(v, shape))


@fold("Cast", "CastLike")
def cast(a: Call) -> Tensor:
    from onnx import TensorProto, helper

    x = a.constant(0, finite=False)
    a.ignore("saturate", "round_mode")
    if a.node.op_type == "CastLike":
        return Constant(x.values, x.steps, a.constant(1).integral, x.origin)
    to = a.int("to")
    if to not in {*TensorProto.DataType.values()} or to in (TensorProto.STRING, TensorProto.UNDEFINED):
        raise Refusal(f"it makes the type {to}", "a float or an integer")
    kind = np.dtype(helper.tensor_dtype_to_np_dtype(to))
    if kind.kind == "f" and kind.itemsize >= 4:
        if x.integral or x.values.dtype == object:  # the number itself: float32 would round
            return Constant(
                x.values.astype(np.float64) if x.values.dtype == bool else x.values, x.steps, False, x.origin
            )
        return Constant(x.values, x.steps, False, x.origin)
    if kind.kind in "biu":
        values = [v if kind.kind == "b" else Fraction(int(v)) for v in x.finite().exact().ravel().tolist()]
        if kind.kind == "b":
            return of(np.array([bool(v) for v in values]).reshape(x.shape))
        info = np.iinfo(kind)
        if any(not info.min <= v <= info.max for v in values):
            raise Refusal(f"a number does not fit {kind}", "numbers that do")
        array = np.array([int(v) for v in values], kind).reshape(x.shape)
        return of(array, x.origin)
    raise Refusal(f"it makes {kind}", "float32, float64 or integers")


@fold("Concat")
def concat(a: Call) -> Tensor:
    parts = [a.constant(i, finite=False) for i in range(a.count)]
    axis = a.int("axis", 1 if a.opset < 4 else 0)
    if all(p.steps is None for p in parts) and len({p.values.dtype == object for p in parts}) == 1:
        kind = next((p.kind for p in parts if p.kind), "")
        return Constant(np.concatenate([p.values for p in parts], axis), None, parts[0].integral, "", kind)
    return from_fractions(np.concatenate([p.exact() for p in parts], axis), parts[0].integral)


@fold("Slice")
def slice_(a: Call) -> Tensor:
    x = a.constant(0)
    picks = sliced(a, x.shape)

    def take(values: Array) -> Array:
        for axis, indices in picks.items():
            values = values.take(indices, axis)
        return values

    return x.moved(take)


@fold("Split")
def split(a: Call) -> tuple[Tensor | None, ...]:
    x, axis = a.constant(0), a.int("axis", 0)
    ends = np.cumsum(splits(a, x.shape[axis]))
    starts = [0, *ends[:-1]]
    return tuple(x.moved(lambda v, s=s, e=e: v.take(range(s, e), axis)) for s, e in zip(starts, ends, strict=True))


@fold("Gather")
def gather(a: Call) -> Tensor:
    x, indices, axis = a.constant(0), a.constant(1), a.int("axis", 0)
    if not indices.integral:
        raise Refusal("its indices are floats", "integers")
    _made((*indices.shape, x.size // max(x.shape[axis], 1)))
    return x.moved(lambda v: np.asarray(v.take(indices.values, axis)))


@fold("Where")
def where(a: Call) -> Tensor:
    condition, x, y = (a.constant(i) for i in range(3))
    shape = np.broadcast_shapes(condition.shape, x.shape, y.shape)
    _made(shape)
    chosen = np.where(condition.values.astype(bool), x.exact(), y.exact())
    return from_fractions(np.asarray(chosen, object), x.integral)


COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "Equal": lambda x, y: x == y,
    "Less": lambda x, y: x < y,
    "LessOrEqual": lambda x, y: x <= y,
    "Greater": lambda x, y: x > y,
    "GreaterOrEqual": lambda x, y: x >= y,
    "And": lambda x, y: (x != 0) & (y != 0),
    "Or": lambda x, y: (x != 0) | (y != 0),
}


@fold(*COMPARISONS)
def compare(a: Call) -> Tensor:
    x, y = a.constant(0).exact(), a.constant(1).exact()
    _made(np.broadcast_shapes(x.shape, y.shape))
    return of(np.asarray(COMPARISONS[a.node.op_type](x, y), bool))


@fold("Not")
def negation(a: Call) -> Tensor:
    return of(np.logical_not(a.constant(0).values.astype(bool)))


def _quotient(x: Fraction, y: Fraction) -> Fraction:
    if y == 0:
        raise Refusal("it divides by zero", "a divisor that is not 0")
    return x / y


ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "Add": lambda x, y: x + y,
    "Sub": lambda x, y: x - y,
    "Mul": lambda x, y: x * y,
    "Div": lambda x, y: x / y,
    "Max": np.maximum,
    "Min": np.minimum,
    "Sum": lambda x, y: x + y,
}


@fold(*ARITHMETIC)
def arithmetic(a: Call) -> Tensor:
    operands = [a.constant(i) for i in range(a.count)]
    if a.opset < 7:
        a.refuse_unless("axis", -1, "opset 7 or newer")
        a.ignore("broadcast", "consumed_inputs")
    shape = np.broadcast_shapes(*(x.shape for x in operands))
    _made(shape)
    kind, integral = a.node.op_type, all(x.integral for x in operands)
    if len(operands) == 2 and kind in ("Mul", "Div") and not integral:
        big, small = (operands[0], operands[1]) if operands[0].size >= operands[1].size else (operands[1], operands[0])
        if small.size <= 1 << 16 and big.shape == shape and (kind == "Mul" or big is operands[0]):
            factors = small.exact()
            if kind == "Div":
                factors = np.vectorize(lambda v: _quotient(ONE, v), otypes=[object])(factors)
            return big.scaled(np.asarray(factors, object))
    result = operands[0].exact()
    for other in operands[1:]:
        if kind == "Div" and any(v == 0 for v in other.exact().ravel()):
            raise Refusal("it divides by zero", "a divisor that is not 0")
        result = np.asarray(ARITHMETIC[kind](result, other.exact()), object)
    if kind == "Div" and integral:
        result = np.vectorize(lambda v: Fraction(int(v)), otypes=[object])(result)
    return from_fractions(np.broadcast_to(result, shape), integral)


@fold("Pow")
def power(a: Call) -> Tensor:
    x, y = a.constant(0), a.constant(1)
    _made(np.broadcast_shapes(x.shape, y.shape))

    def one(base: Fraction, exponent: Fraction) -> Fraction:
        if exponent == Fraction(1, 2):
            return square_root(base)
        if exponent == Fraction(-1, 2):
            return _quotient(ONE, square_root(base))
        if exponent.denominator != 1 or abs(exponent) > 64:
            raise Refusal(f"a power of {float(exponent):g}", "a whole power, or a square root")
        return _quotient(ONE, base ** -int(exponent)) if exponent < 0 else base ** int(exponent)

    values = np.asarray(np.vectorize(one, otypes=[object])(x.exact(), y.exact()), object)
    return from_fractions(values, x.integral)


def _rounded(name: str) -> Callable[[Fraction], Fraction]:
    """An irrational function, its value rounded to float64 once."""
    return lambda v: Fraction(float(FUNCTIONS[name].exact(v)))


UNARY: dict[str, Callable[[Fraction], Fraction]] = {
    "Neg": lambda v: -v,
    "Abs": abs,
    "Floor": lambda v: Fraction(floor(v)),
    "Ceil": lambda v: Fraction(ceil(v)),
    "Round": lambda v: Fraction(round(v)),
    "Sign": lambda v: Fraction((v > 0) - (v < 0)),
    "Relu": lambda v: max(v, Fraction(0)),
    "Reciprocal": lambda v: _quotient(ONE, v),
    "Sqrt": square_root,
    "Exp": _rounded("exp"),
    "Log": _rounded("log"),
    "Sigmoid": _rounded("sigmoid"),
    "Tanh": _rounded("tanh"),
    "Softplus": _rounded("softplus"),
    "Erf": _rounded("erf"),
}


@fold(*UNARY)
def unary(a: Call) -> Tensor:
    a.ignore("consumed_inputs")
    x = a.constant(0)
    if a.node.op_type == "Exp" and any(abs(v) > 700 for v in x.exact().ravel()):
        raise Refusal("an exponential overflows", "smaller numbers")
    values = np.asarray(np.vectorize(UNARY[a.node.op_type], otypes=[object])(x.exact()), object)
    return from_fractions(values.reshape(x.shape), x.integral)


@fold("Clip")
def clip(a: Call) -> Tensor:
    x = a.constant(0)
    if a.opset < 11:
        ends = [a.number(name, None) for name in ("min", "max")]
    else:
        found = [a.optional(i, finite=False) for i in (1, 2)]
        ends = [None if e is None or np.isinf(e.floats()).any() else e.finite().exact().ravel()[0] for e in found]
    values = x.exact()
    if ends[0] is not None:
        values = np.asarray(np.maximum(values, full((), ends[0])), object)
    if ends[1] is not None:
        values = np.asarray(np.minimum(values, full((), ends[1])), object)
    return from_fractions(values, x.integral)


REDUCTIONS: dict[str, Callable[[list[Fraction]], Fraction]] = {
    "ReduceSum": lambda v: sum(v, Fraction(0)),
    "ReduceMean": lambda v: sum(v, Fraction(0)) / len(v),
    "ReduceMax": max,
    "ReduceMin": min,
    "ReduceProd": lambda v: Fraction(prod(v)),
}


@fold(*REDUCTIONS)
def reduce(a: Call) -> Tensor:
    x = a.constant(0)
    rank, kind = len(x.shape), a.node.op_type
    given = a.input_ints(1) if a.has(1) else a.ints("axes", [])
    keep, nothing = a.flag("keepdims", default=True), a.flag("noop_with_empty_axes", default=False)
    if not given and nothing:
        return x
    axes = sorted({axis % rank for axis in given}) if given else [*range(rank)]
    stays = [i for i in range(rank) if i not in axes]
    rows = x.exact().transpose([*stays, *axes]).reshape(prod(x.shape[i] for i in stays), -1)
    if not rows.size:
        raise Refusal("it reduces nothing", "a constant with elements")
    values = full((len(rows),), ONE)
    for i, row in enumerate(rows.tolist()):
        values[i] = REDUCTIONS[kind](row)
    shape = [1 if i in axes else n for i, n in enumerate(x.shape) if keep or i not in axes]
    return from_fractions(values.reshape(shape), x.integral)


def _sizes(a: Call, index: int) -> tuple[int, ...]:
    given = tuple(a.input_ints(index))
    if any(n < 0 for n in given):
        raise Refusal(f"a shape {given}", "positive sizes")
    if a.node.op_type == "ConstantOfShape":
        _made(given)
    return given


def _made(shape: tuple[int, ...]) -> None:
    if elements(shape) > LARGEST_MADE:
        raise Refusal(f"it makes a constant of shape {shape}", f"at most {LARGEST_MADE} elements")
