"""Operators of two tensors; where one of them is constant, a multiplier and a shift. And concatenation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...ir import Op
from ...ops.source import (
    Affine,
    SourceAdd,
    SourceConcat,
    SourceMaximum,
    SourceMinimum,
    SourceMultiply,
    SourcePositionAffine,
    SourceSubtract,
    SourceUpsample,
)
from ..findings import Refusal
from .activations import activation, affine, soft_sign_of
from .registry import axis_of, rule
from .shapes import reshaped, sliced
from .values import Arguments, Float64, Value

Two = tuple[Value, Value]


@rule("add", "add_", "sub", "sub_", "subtract", "rsub")
def add(a: Arguments) -> Value:
    alpha = a.take("alpha", 1)
    names = ("other", "self") if a.operator == "rsub" else ("self", "other")
    sign = 1.0 if a.operator.startswith("add") else -1.0
    signs = {names[0]: 1.0, names[1]: sign}
    signs["other" if a.operator != "rsub" else "self"] *= float(alpha)
    if not (a.is_value("self") and a.is_value("other")):
        tensor, constant = ("self", "other") if a.is_value("self") else ("other", "self")
        shift = a.constant(constant) * signs[constant]
        return with_constants(a, a.value(tensor), np.array(signs[tensor]), shift)
    x, y = (a.unexpanded(name) for name in names)
    if alpha != 1:
        y = affine(a, y, float(alpha), 0.0, part="alpha")
    x, y, turned = _meeting(a, x, y)
    if sign > 0:
        return a.emit_like(SourceAdd(), x, y)
    made = a.emit_like(SourceSubtract(), x, y, part="turned" if turned else "")
    return affine(a, made, -1.0, 0.0) if turned else made


@rule("mul", "mul_", "multiply", "multiply_")
def multiply(a: Arguments) -> Value:
    if not (a.is_value("self") and a.is_value("other")):
        tensor, constant = ("self", "other") if a.is_value("self") else ("other", "self")
        return with_constants(a, a.value(tensor), a.constant(constant), np.array(0.0))
    x, y, _ = _meeting(a, a.unexpanded("self"), a.unexpanded("other"))
    return a.emit_like(SourceMultiply(), x, y)


@rule("div", "div_", "divide", "true_divide")
def divide(a: Arguments) -> Value:
    a.refuse_unless("rounding_mode", None, "a plain division")
    inner = soft_sign_of(a.node)
    if inner is not None:
        a.take_all()
        return activation(a, a.value_of(inner), "soft_sign")
    if a.is_value("other"):
        raise Refusal("it divides by a tensor of the network", "a multiplication, or a constant divisor")
    x, divisor = a.value("self"), a.constant("other")
    if not divisor.all():
        raise Refusal("it divides by a constant 0", "a divisor that is not 0")
    return with_constants(a, x, 1 / divisor, np.array(0.0))


@rule("neg", "neg_", "negative")
def negate(a: Arguments) -> Value:
    return affine(a, a.value("self"), -1.0, 0.0)


@rule("maximum", "minimum", "max", "min", "fmax", "fmin")
def extreme(a: Arguments) -> Value:
    if not (a.is_value("self") and a.is_value("other")):
        raise Refusal(f"a {a.operator} with a constant", "torch.clamp with a number")
    x, y, _ = _meeting(a, a.unexpanded("self"), a.unexpanded("other"))
    op: Op = SourceMaximum() if "max" in a.operator else SourceMinimum()
    return a.emit_like(op, x, y)


@rule("glu")
def glu(a: Arguments) -> Value:
    """The first half of the channels times the sigmoid of the second."""
    x = a.value("self")
    axis = axis_of(a.take("dim"), len(x.shape))
    half = x.shape[axis] // 2
    first = sliced(a, x, axis, 0, half, part="value")
    gate = activation(a, sliced(a, x, axis, half, 2 * half, part="gate"), "sigmoid", part="sigmoid")
    return a.emit_like(SourceMultiply(), first, gate)


def with_constants(a: Arguments, x: Value, multiplier: Float64, shift: Float64) -> Value:
    """x * multiplier + shift: constants per channel, where they do not differ from pixel to pixel."""
    if not (np.isfinite(multiplier).all() and np.isfinite(shift).all()):
        raise Refusal("a constant is NaN or infinite", "finite numbers")
    wide = np.broadcast_shapes(x.shape, multiplier.shape, shift.shape)
    if wide != x.shape:
        raise Refusal(
            f"constants of shape {np.broadcast_shapes(multiplier.shape, shift.shape)} meet {x.shape}", "x first"
        )
    laid = [a.laid_out(x, v) for v in (multiplier, shift)]
    if all(v.ndim == 1 for v in laid):
        return a.emit_like(Affine(*laid), x)
    return a.emit_like(SourcePositionAffine(*(v.reshape(1, 1, -1) if v.ndim == 1 else v for v in laid)), x)


def _meeting(a: Arguments, x: Value, y: Value) -> tuple[Value, Value, bool]:
    """Both sides, the larger first, their elements in one order; whether they were swapped for that."""
    rank = max(len(x.shape), len(y.shape))
    x, y = (_with_rank(a, v, rank) for v in (x, y))
    both = np.broadcast_shapes(x.shape, y.shape)
    turned = x.shape != both
    large, small = (y, x) if turned else (x, y)
    if large.shape != both:
        raise Refusal(f"{x.shape} and {y.shape} meet, and both are repeated", "one side of the full shape")
    if large.shape == small.shape:
        if large.inside != small.inside or not np.array_equal(large.positions, small.positions):
            large, small = a.standard(large), a.standard(small)
        return large, small, turned
    channels = small.shape[1] == large.shape[1]
    if rank > 4 or not (channels or _is_plane(large, small) or set(small.shape[1:]) == {1}):
        raise Refusal(
            f"{large.shape} meets {small.shape}", "two tensors of one shape, one pixel (N, C, 1, 1), or one channel"
        )
    large, small = a.standard(large), a.standard(small)
    if channels and small.inside[:-1] != large.inside[:-1] and small.inside[:-1] != (1, 1):  # a row or a column
        factors = tuple(new // old for old, new in zip(small.inside[:2], large.inside[:2], strict=True))
        small = a.emit(SourceUpsample((factors[0], factors[1])), small, shape=large.shape, part="repeated")
    return large, small, turned


def _is_plane(large: Value, small: Value) -> bool:
    return small.shape[1] == 1 and small.shape[2:] == large.shape[2:]


def _with_rank(a: Arguments, x: Value, rank: int) -> Value:
    missing = rank - len(x.shape)
    if missing and x.shape[0] != 1:
        raise Refusal(f"a tensor of shape {x.shape} meets one of {rank} axes", "x[:, :, None, None]")
    return reshaped(a, x, (*x.shape[:1], *(1,) * missing, *x.shape[1:])) if missing else x


@rule("cat", "concat", "concatenate", "stack")
def concatenate(a: Arguments) -> Value:
    """Along the channels; other axes are moved there and back. Flattened images stay in their order."""
    given = a.take("tensors")
    values = [a.value_of(v, "one of them") for v in given]
    dim = int(a.take("dim"))
    if a.operator == "stack":
        axis = axis_of(dim, len(values[0].shape) + 1)
        values = [reshaped(a, v, (*v.shape[:axis], 1, *v.shape[axis:])) for v in values]
    else:
        axis = axis_of(dim, len(values[0].shape))
    if len(values) == 1:
        return values[0]
    rank = len(values[0].shape)
    if axis == 0:
        raise Refusal("it puts batches behind each other", "leave the batch axis as it is")
    if rank > 4:
        raise Refusal(f"it joins tensors of {rank} axes", "at most four axes")
    if rank == 2:
        return _joined_vectors(a, values)
    forth = (0, axis, *(d for d in range(1, rank) if d != axis))
    back = tuple(int(d) for d in np.argsort(forth))
    lying = [a.standard(v.transposed(forth)) for v in values]
    shape = tuple(a.shape[d] for d in forth)
    return a.emit(SourceConcat(len(lying)), *lying, shape=shape).transposed(back)


def _joined_vectors(a: Arguments, values: list[Value]) -> Value:
    flat = [a.vector(v) for v in values]
    starts = np.cumsum([0, *(v.shape[1] for v in flat)])
    order = np.concatenate([v.positions + start for v, start in zip(flat, starts, strict=False)])
    made = a.emit(SourceConcat(len(flat)), *flat)
    return replace(made, order=None if np.array_equal(order, np.arange(len(order))) else order)
