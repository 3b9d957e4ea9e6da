"""Arithmetic: with a constant an affine map, of two tensors an operator of its own."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from ...ir import Op
from ...ops.source import SourceAdd, SourceMaximum, SourceMinimum, SourceMultiply, SourceSubtract
from ..findings import Refusal
from ..values import Value
from .affine import affine
from .builder import Codes, Tensor
from .call import Call, rule
from .constants import ONE, Constant, full
from .patterns import gate
from .rules_activations import activation
from .rules_quantisers import clipped

MINUS = Constant(full((), -ONE))
EQUAL = "two tensors of one shape, or a gate (N, C, 1, 1)"


@rule("Add")
def add(a: Call) -> Tensor:
    _old_broadcast(a)
    x, constant, _ = _operands(a)
    if constant is None:
        return pairwise(a, SourceAdd())
    return affine(a, x, None, constant)


@rule("Sub")
def subtract(a: Call) -> Tensor:
    _old_broadcast(a)
    x, constant, first = _operands(a)
    if constant is None:
        return pairwise(a, SourceSubtract())
    if first:  # constant - x
        return affine(a, x, MINUS, constant)
    return affine(a, x, None, Constant(-constant.exact()))


@rule("Mul")
def multiply(a: Call) -> Tensor:
    _old_broadcast(a)
    x, constant, _ = _operands(a)
    if constant is not None:
        return affine(a, x, constant, None)
    y = a.value(1)
    if (x.name, x.shape) == (y.name, y.shape) and _alike(x, y):
        return activation(a, x, "square")
    found = gate(a, x, y) or gate(a, y, x)
    return found or pairwise(a, SourceMultiply())


@rule("Div")
def divide(a: Call) -> Tensor:
    _old_broadcast(a)
    x, constant, first = _operands(a)
    if constant is None:
        raise Refusal("it divides by a tensor of the network", "a multiplication by a constant, or a gate (Mul)")
    if first:
        return affine(a, activation(a, x, "reciprocal"), constant, None)
    values = constant.exact()
    if any(v == 0 for v in values.ravel()):
        raise Refusal("it divides by zero", "a divisor that is not 0")
    return affine(a, x, Constant(full((), ONE) / values), None)


@rule("Neg")
def negate(a: Call) -> Tensor:
    return affine(a, a.value(0), MINUS, None)


@rule("Pow")
def power(a: Call) -> Tensor:
    x, exponent = a.value(0), a.scalar(1)
    _old_broadcast(a)
    if exponent == 1:
        return x
    if exponent == 3:
        return a.same_pair(SourceMultiply(), activation(a, x, "square"), x)
    named = {2: "square", Fraction(1, 2): "sqrt", -1: "reciprocal"}
    if exponent not in named:
        raise Refusal(f"a power of {float(exponent):g}", "a square, a square root, a cube or a reciprocal")
    return activation(a, x, named[exponent])


@rule("Max")
def maximum(a: Call) -> Tensor:
    return _extreme(a, SourceMaximum())


@rule("Min")
def minimum(a: Call) -> Tensor:
    return _extreme(a, SourceMinimum())


@rule("Sum")
def total(a: Call) -> Tensor:
    if a.count != 2:
        raise Refusal(f"a sum of {a.count} tensors", "additions of two")
    return add(a)


def _extreme(a: Call, op: Op) -> Tensor:
    if a.count == 1:
        return a.value(0)
    if a.count != 2:
        raise Refusal(f"{a.node.op_type} of {a.count} tensors", "two at a time")
    x, constant, _ = _operands(a)
    if constant is None:
        return pairwise(a, op)
    return clipped(a, x, constant, None) if isinstance(op, SourceMaximum) else clipped(a, x, None, constant)


def _operands(a: Call) -> tuple[Value, Constant | None, bool]:
    """The tensor, the constant that it meets (None: another tensor) and whether that stands first."""
    if a.count != 2:
        raise Refusal(f"it has {a.count} inputs", "two")
    for index in (0, 1):
        if isinstance(a.tensor(index), Codes):
            a.value(index)
    if a.is_constant(0):
        return a.value(1), a.constant(0), True
    if a.is_constant(1):
        return a.value(0), a.constant(1), False
    return a.value(0), None, False


def _old_broadcast(a: Call) -> None:
    """Before opset 7, broadcasting had to be asked for, and along an axis of its own."""
    if a.opset < 7:
        a.refuse_unless("axis", -1, "opset 7 or newer")
        a.ignore("broadcast", "consumed_inputs")


def _alike(x: Value, y: Value) -> bool:
    same = x.order is y.order or (x.order is not None and y.order is not None and np.array_equal(x.order, y.order))
    return same and x.inside == y.inside


def pairwise(a: Call, op: Op) -> Value:
    """Of two tensors of the network: where they lie alike, at once; else both in the order in which they meet.

    The second may be one pixel or one channel, to be broadcast over the first.
    """
    x, y = a.value(0), a.value(1)
    if x.shape == y.shape and _alike(x, y):
        return a.same_pair(op, x, y)
    if len(x.shape) != len(y.shape):
        raise Refusal(f"it meets {x.shape} and {y.shape}", EQUAL)
    wide = np.broadcast_shapes(x.shape, y.shape)
    swapped = x.shape != wide
    if swapped and y.shape != wide:
        raise Refusal(f"both {x.shape} and {y.shape} would be broadcast", EQUAL)
    for axes in _arrangements(a.value(1 if swapped else 0)):
        shapes = [tuple(a.value(i).shape[k] for k in axes) for i in ((1, 0) if swapped else (0, 1))]
        if _meets(*shapes):
            break
    else:
        raise Refusal(f"it meets {x.shape} and {y.shape}", EQUAL)
    big, small = (1, 0) if swapped else (0, 1)
    first = a.standard(a.builder.transposed(a.value(big), axes))
    second = a.standard(a.builder.transposed(a.value(small), axes))
    result = a.same_pair(op, first, second)
    result = a.builder.transposed(result, tuple(int(i) for i in np.argsort(axes)))
    return affine(a, result, MINUS, None) if swapped and isinstance(op, SourceSubtract) else result


def _arrangements(x: Value) -> Iterator[tuple[int, ...]]:
    """The axes as they are, or with the last as the channels: first that in which the tensor lies."""
    rank = len(x.shape)
    usual = tuple(range(rank))
    last = (0, rank - 1, *range(1, rank - 1))
    if rank > 2 and x.order is not None and x.transposed(last).is_standard:
        yield last
    yield usual
    yield last


def _meets(full_shape: tuple[int, ...], other: tuple[int, ...]) -> bool:
    pixel = (*full_shape[:2], *(1,) * (len(full_shape) - 2))
    plane = (full_shape[0], 1, *full_shape[2:])
    return other in (full_shape, pixel, plane)
