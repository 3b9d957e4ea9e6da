"""How the operators leave that move elements, choose among them, or compare all of a vector: standard ONNX."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...ir import Node
from ...ops import Argmax, Concat, Flatten
from ...ops.gather import Gather
from ...ops.pad import Pad
from ...ops.slice import Slice
from ...ops.softmax import Softmax
from ...ops.top_k import TopK
from ...ops.upsample import Upsample
from ...ops.zero_stuff import ZeroStuff
from .builder import INT64, Builder, Carried, exports


@exports(Flatten)
def flatten(b: Builder, node: Node, ins: list[Carried]) -> Carried:
    """Channels go last first: the integer graph's order, and no transpose at all once a peer has channels last."""
    (x,) = ins
    return replace(x, name=b.flat(x), kind=b.graph.types[node.name])


@exports(Gather)
def gather(b: Builder, node: Node, ins: list[Carried]) -> Carried:
    op, (x,) = node.op, ins
    assert isinstance(op, Gather)
    kind = b.graph.types[node.name]
    name = b.flat(x)
    places = np.arange(kind.size).reshape(kind.shape)
    index = np.moveaxis(op.index[places], -1, 0).ravel()
    if not np.array_equal(index, np.arange(x.kind.size)):
        b.note("Gather")
        name = b.emit("Gather", [name, b.indices(index)], (b.batch, kind.size), x.dtype, axis=1)
    if len(kind.shape) > 1:
        name = b.reshape(name, b.shape_of(kind)[1:], x.dtype)
    return replace(x, name=name, kind=kind)


@exports(Concat)
def concat(b: Builder, node: Node, ins: list[Carried]) -> Carried:
    kind = b.graph.types[node.name]
    parts = [b.in_unit(x, ins[0].unit) for x in ins]
    if any(x.wide for x in parts):
        parts = [b.widened(x) for x in parts]
    first = parts[0]
    name = b.emit("Concat", [x.name for x in parts], b.shape_of(kind), first.dtype, axis=1)
    return replace(first, name=name, kind=kind)


@exports(Pad)
def pad(b: Builder, node: Node, ins: list[Carried]) -> Carried:
    """Values that differ by channel are what 0 becomes when they are taken off before and added after."""
    op, (x,) = node.op, ins
    assert isinstance(op, Pad)
    kind = b.graph.types[node.name]
    values = [int(v) for v in op.fill(x.kind)]
    top, bottom, left, right = op.padding
    pads = b.indices([0, 0, top, left, 0, 0, bottom, right])
    differ = len(set(values)) > 1
    if differ:
        x = b.fitted(x, max(map(abs, values)) + kind.magnitude)
        constant = b.constant(np.reshape([float(v * x.unit) for v in values], (1, -1, 1, 1)), x.dtype)
        x = replace(x, name=b.emit("Sub", [x.name, constant], b.shape_of(x.kind), x.dtype))
    if any(values):
        b.note("padding other than 0")
    value = b.constant(0.0 if differ else float(values[0] * x.unit), x.dtype)
    name = b.emit("Pad", [x.name, pads, value], b.shape_of(kind), x.dtype, mode="constant")
    if differ:
        name = b.emit("Add", [name, constant], b.shape_of(kind), x.dtype)
    return b.narrowed(replace(x, name=name, kind=kind))


@exports(Slice)
def slice_(b: Builder, node: Node, ins: list[Carried]) -> Carried:
    op, (x,) = node.op, ins
    assert isinstance(op, Slice)
    b.note("Slice")
    kind, name, shape = b.graph.types[node.name], x.name, list(b.shape_of(x.kind))
    kept = op.channels
    if len(kept) < x.kind.channels:
        steps = set(np.diff(kept).tolist())
        shape[1] = len(kept)
        if len(steps) <= 1:
            ends = [[int(kept[0])], [int(kept[-1]) + 1], [1], [steps.pop() if steps else 1]]
            name = b.emit("Slice", [name, *map(b.indices, ends)], shape, x.dtype)
        else:
            name = b.emit("Gather", [name, b.indices(kept)], shape, x.dtype, axis=1)
    if tuple(shape) != b.shape_of(kind):
        ends = [list(v) for v in zip(op.rows, op.columns, strict=True)]
        inputs = [name, *map(b.indices, (ends[0], ends[1], [2, 3], ends[2]))]
        name = b.emit("Slice", inputs, b.shape_of(kind), x.dtype)
    return replace(x, name=name, kind=kind)


@exports(Upsample)
def upsample(b: Builder, node: Node, ins: list[Carried]) -> Carried:
    op, (x,) = node.op, ins
    assert isinstance(op, Upsample)
    kind, (down, right) = b.graph.types[node.name], op.factors
    if x.wide:  # Resize knows no float64
        height, width, channels = x.kind.shape
        name = b.reshape(x.name, (channels, height, 1, width, 1), x.dtype)
        blocks = (b.batch, channels, height, down, width, right)
        name = b.emit("Expand", [name, b.indices([1, 1, 1, down, 1, right])], blocks, x.dtype)
        return replace(x, name=b.reshape(name, b.shape_of(kind)[1:], x.dtype), kind=kind)
    scales = b.constant([1.0, 1.0, float(down), float(right)])
    modes = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    name = b.emit("Resize", [x.name, "", scales], b.shape_of(kind), x.dtype, **modes)
    return replace(x, name=name, kind=kind)


@exports(ZeroStuff)
def zero_stuff(b: Builder, node: Node, ins: list[Carried]) -> Carried:
    """A transposed convolution with one 1 per channel; in float64, zeros put behind every pixel."""
    op, (x,) = node.op, ins
    assert isinstance(op, ZeroStuff)
    kind, (down, right) = b.graph.types[node.name], op.factors
    height, width, channels = x.kind.shape
    b.note("zeros between pixels")
    if not x.wide:
        ones = b.weights(np.ones((channels, 1, 1, 1), np.int64), bipolar=False)
        geometry = {"kernel_shape": [1, 1], "strides": [down, right], "pads": [0] * 4, "dilations": [1, 1]}
        name = b.emit("ConvTranspose", [x.name, ones], b.shape_of(kind), group=channels, **geometry)
        return replace(x, name=name, kind=kind)
    name = b.reshape(x.name, (channels, height, 1, width, 1), x.dtype)
    pads = b.indices([0] * 6 + [0, 0, 0, down - 1, 0, right - 1])
    blocks = (b.batch, channels, height, down, width, right)
    name = b.emit("Pad", [name, pads], blocks, x.dtype, mode="constant")
    name = b.reshape(name, (channels, height * down, width * right), x.dtype)
    ends = [[0, 0], list(kind.shape[:2]), [2, 3], [1, 1]]
    name = b.emit("Slice", [name, *map(b.indices, ends)], b.shape_of(kind), x.dtype)
    return replace(x, name=name, kind=kind)


@exports(Argmax, TopK)
def top_k(b: Builder, node: Node, ins: list[Carried]) -> Carried:
    """An argmax is the index of the top one: both take the lowest on a tie."""
    (x,) = ins
    op = node.op if isinstance(node.op, TopK) else TopK(1)
    b.note("TopK, which hls4ml does not read")
    kind = b.graph.types[node.name]
    values, index = b.fresh("values"), b.fresh("indices")
    b.emit_several(
        "TopK",
        [x.name, b.indices([op.k])],
        [(values, b.shape_of(kind), x.dtype), (index, b.shape_of(kind), INT64)],
        axis=1,
        largest=int(op.largest),
        sorted=1,
    )
    return replace(x, name=values, kind=kind) if op.values else b.from_int64(index, kind)


@exports(Softmax)
def softmax(b: Builder, node: Node, ins: list[Carried]) -> Carried:
    """In integers, as it is defined; the reals that it stands for no float gives exactly."""
    op, (x,) = node.op, ins
    assert isinstance(op, Softmax)
    kind = b.graph.types[node.name]
    b.note("a softmax in integers")
    shape = b.shape_of(kind)
    one = (shape[0], 1, *shape[2:])
    integers = b.as_int64(x)
    largest = b.emit("ReduceMax", [integers], one, INT64, axes=[1], keepdims=1)
    distance = b.emit("Sub", [largest, integers], shape, INT64)
    within = b.emit("Min", [distance, b.constant(len(op.exponent), INT64)], shape, INT64)
    table = b.indices([*op.exponent.tolist(), 0])
    e = b.emit("Gather", [table, within], shape, INT64, axis=0)
    total = b.emit("ReduceSum", [e, b.indices([1])], one, INT64, keepdims=1)
    scaled = b.emit("Mul", [e, b.constant(2 << op.bits, INT64)], shape, INT64)
    rounded = b.emit("Add", [scaled, total], shape, INT64)
    doubled = b.emit("Add", [total, total], one, INT64)
    quotient = b.emit("Div", [rounded, doubled], shape, INT64)
    return b.from_int64(b.emit("Min", [quotient, b.constant((1 << op.bits) - 1, INT64)], shape, INT64), kind)
