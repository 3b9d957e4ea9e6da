"""How the operators leave that add and multiply: dense, convolutions, pools, and those of two tensors."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np

from ...ir import Array, Node, TensorType
from ...ops import (
    Add,
    Conv2d,
    Dense,
    Maximum,
    MaxPool,
    Minimum,
    Multiply,
    PositionAffine,
    Subtract,
    SumPool,
)
from ...ops.exact import FLOAT32_EXACT
from ...ops.window import Window
from .builder import Builder, Carried, exports


@exports(Dense)
def dense(b: Builder, node: Node, ins: list[Carried]) -> Carried:
    """MatMul of a vector; a 1x1 convolution of an image."""
    op, (x,) = node.op, ins
    assert isinstance(op, Dense)
    kind = b.graph.types[node.name]
    if len(x.kind.shape) > 1:
        weight = op.weight.reshape(len(op.bias), *(1,) * len(x.kind.shape[:-1]), -1)
        window = Window((1, 1), (1, 1), (0, 0, 0, 0))
        return _biased(b, node, _conv(b, x, weight, kind, window, 1), op.bias)
    x = b.fitted(x, _reach(op.weight, x.kind))
    weight_name = b.constant(op.weight.T, x.dtype) if x.wide else b.weights(op.weight.T)
    name = b.emit("MatMul", [x.name, weight_name], b.shape_of(kind), x.dtype)
    return _biased(b, node, replace(x, name=name, kind=kind), op.bias)


@exports(Conv2d)
def conv2d(b: Builder, node: Node, ins: list[Carried]) -> Carried:
    op = node.op
    assert isinstance(op, Conv2d)
    groups: int = getattr(op, "groups", 1)
    return _biased(b, node, _conv(b, ins[0], op.weight, b.graph.types[node.name], op.window, groups), op.bias)


@exports(SumPool)
def sum_pool(b: Builder, node: Node, ins: list[Carried]) -> Carried:
    """A depthwise convolution with ones: an average would divide, and its quotients are not exact."""
    op, (x,) = node.op, ins
    assert isinstance(op, SumPool)
    ones = np.ones((x.kind.channels, *op.kernel, 1), np.int64)
    return _conv(b, x, ones, b.graph.types[node.name], op.window, x.kind.channels, bipolar=False)


@exports(MaxPool)
def max_pool(b: Builder, node: Node, ins: list[Carried]) -> Carried:
    op, (x,) = node.op, ins
    assert isinstance(op, MaxPool)
    kind = b.graph.types[node.name]
    name = b.emit(
        "MaxPool",
        [x.name],
        b.shape_of(kind),
        x.dtype,
        kernel_shape=list(op.kernel),
        strides=list(op.stride),
        pads=[op.padding[side] for side in (0, 2, 1, 3)],
        ceil_mode=0,
    )
    return replace(x, name=name, kind=kind)


def _conv(
    b: Builder, x: Carried, weight: Array, kind: TensorType, window: Window, groups: int, *, bipolar: bool = True
) -> Carried:
    """weight: (outputs, kernel..., inputs of a group)."""
    reach = _reach(weight, x.kind, groups)
    if x.wide or reach > FLOAT32_EXACT:
        return _wide_conv(b, b.fitted(x, max(reach, FLOAT32_EXACT + 1)), weight, kind, window, groups)
    axes = weight.ndim - 2
    name = b.emit(
        "Conv",
        [x.name, b.weights(np.moveaxis(weight, -1, 1), bipolar=bipolar)],
        b.shape_of(kind),
        dilations=list(window.dilation[:axes]),
        group=groups,
        kernel_shape=list(weight.shape[1:-1]),
        pads=[window.padding[side] for side in ((0, 2, 1, 3) if axes == 2 else (0, 1))],
        strides=list(window.stride[:axes]),
    )
    return replace(x, name=name, kind=kind)


def _wide_conv(b: Builder, x: Carried, weight: Array, kind: TensorType, window: Window, groups: int) -> Carried:
    """In float64, which only matrix products take: every window is gathered, its padding from a zero at the end."""
    b.note("a convolution in float64, as a matrix product of gathered windows")
    size, outputs = x.kind.size, len(weight)
    places = np.arange(size).reshape(1, *x.kind.shape)
    if len(x.kind.shape) == 3:
        places = window.view(places, size)[0]
        places = places.reshape(-1, prod(places.shape[2:]))
    else:
        places = places.reshape(-1, x.kind.channels)
    inside, across = weight.shape[-1], outputs // groups
    whole = np.zeros((outputs, prod(weight.shape[1:-1]), inside * groups))
    for group in range(groups):
        rows, columns = slice(group * across, (group + 1) * across), slice(group * inside, (group + 1) * inside)
        whole[rows, :, columns] = weight[rows].reshape(across, -1, inside)
    padded = b.emit("Pad", [b.flat(x), b.indices([0, 0, 0, 1])], (b.batch, size + 1), x.dtype, mode="constant")
    gathered = b.emit("Gather", [padded, b.indices(places)], (b.batch, *places.shape), x.dtype, axis=1)
    matrix = b.constant(whole.reshape(outputs, -1).T, x.dtype)
    product = b.emit("MatMul", [gathered, matrix], (b.batch, len(places), outputs), x.dtype)
    first = b.transpose(product, (b.batch, len(places), outputs), (0, 2, 1), x.dtype)
    return replace(x, name=b.reshape(first, b.shape_of(kind)[1:], x.dtype), kind=kind)


def _reach(weight: Array, x: TensorType, groups: int = 1) -> int:
    """A bound of every partial sum, whatever the order of the terms."""
    widest = np.maximum(np.abs(x.lo_array), np.abs(x.hi_array)).astype(object).reshape(groups, 1, 1, -1)
    terms = np.abs(weight).astype(object).reshape(groups, -1, prod(weight.shape[1:-1]), weight.shape[-1])
    return int(max((terms * widest).sum(axis=(2, 3)).max(), x.magnitude))


def _biased(b: Builder, node: Node, x: Carried, bias: Array) -> Carried:
    if not bias.any():
        return b.narrowed(x)
    x = b.fitted(x, int(np.abs(bias).max()) + x.kind.magnitude)
    addends = [int(v) * x.unit for v in bias]
    result = b.affine(x, [Fraction(1)] * len(addends), addends)
    if b.read_once(node.name) and not x.wide:
        b.bias_of[result.name] = x.name, addends
    return b.narrowed(result)


ELEMENTWISE: dict[type, str] = {Add: "Add", Subtract: "Sub", Multiply: "Mul", Maximum: "Max", Minimum: "Min"}


@exports(*ELEMENTWISE)
def pairwise(b: Builder, node: Node, ins: list[Carried]) -> Carried:
    """The second input may be one pixel of all channels, or one channel of all pixels: both broadcast."""
    kind = b.graph.types[node.name]
    left, right = (b.fitted(x, max(x.kind.magnitude for x in ins) + kind.magnitude) for x in ins)
    if not isinstance(node.op, Multiply):
        right = b.in_unit(right, left.unit)
    if left.wide != right.wide:
        left, right = b.widened(left), b.widened(right)
    second = right.name
    if len(right.kind.shape) != len(kind.shape):
        second = b.reshape(second, (right.kind.channels, *(1,) * (len(kind.shape) - 1)), right.dtype)
    name = b.emit(ELEMENTWISE[type(node.op)], [left.name, second], b.shape_of(kind), left.dtype)
    unit = left.unit * right.unit if isinstance(node.op, Multiply) else left.unit
    return b.narrowed(Carried(name, kind, unit, left.wide))


@exports(PositionAffine)
def position_affine(b: Builder, node: Node, ins: list[Carried]) -> Carried:
    op, (x,) = node.op, ins
    assert isinstance(op, PositionAffine)
    kind = b.graph.types[node.name]
    product = int(np.abs(op.multiplier).max(initial=0)) * x.kind.magnitude
    x = b.fitted(x, product + int(np.abs(op.addend).max(initial=0)))
    name = x.name
    for what, constant, scale in (("Mul", op.multiplier, Fraction(1)), ("Add", op.addend, x.unit)):
        if (constant == (what == "Mul")).all():
            continue
        values: list[Any] = [int(v) * scale for v in np.moveaxis(constant, -1, 0).ravel()]
        shape = (1, constant.shape[-1], *constant.shape[:-1])
        name = b.emit(what, [name, b.fixed(values, shape, x.wide)], b.shape_of(kind), x.dtype)
    return b.narrowed(replace(x, name=name, kind=kind))
