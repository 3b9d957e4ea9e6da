"""Operators that pass elements on, choose some of them, or join tensors."""

from __future__ import annotations

from itertools import pairwise
from math import prod

import numpy as np

from ...ops.source import SourceConcat, SourceGather, SourceSlice, SourceUpsample
from ..findings import Refusal
from ..values import Value, inner_shape
from .builder import LARGEST_ORDER, LARGEST_TENSOR, Tensor
from .call import Call, rule
from .geometry import LARGEST
from .rules_shapes import BATCH, any_axis


@rule("Identity", "Dropout")
def identity(a: Call) -> tuple[Tensor | None, ...]:
    if a.node.op_type == "Dropout":
        a.ignore("ratio", "seed", "is_test", "consumed_inputs")
        for index in (1, 2):
            if a.has(index):
                given = a.constant(index)
                if index == 2 and given.values.any():
                    raise Refusal("it drops at random: training_mode is true", "export in eval mode: model.eval()")
        if a.uses(1):
            raise Refusal("its mask is used", "export in eval mode: model.eval()")
    return (a.tensor(0), None)


@rule("Cast", "CastLike")
def cast(a: Call) -> Tensor:
    from onnx import TensorProto

    x = a.value(0)
    a.ignore("saturate", "round_mode")  # of float8
    if a.node.op_type == "CastLike":
        raise Refusal("its type is another tensor's", "Cast")
    to = a.int("to")
    if to in (TensorProto.FLOAT, TensorProto.DOUBLE):
        return x
    if x.name in a.builder.integral and to in (TensorProto.INT32, TensorProto.INT64):
        return x
    kinds = {v: k for k, v in TensorProto.DataType.items()}
    raise Refusal(f"it turns a tensor of the network into {kinds.get(to, to)}", "a quantiser (Quant) where it rounds")


@rule("Expand", "Tile")
def expand(a: Call) -> Tensor:
    x, given = a.value(0), a.input_ints(1)
    own = x.shape
    if a.node.op_type == "Tile":
        wanted = tuple(n * m for n, m in zip(own, given, strict=True))
    else:
        wanted = tuple(np.broadcast_shapes(own, tuple(given)))
    if len(wanted) != len(own) or wanted[0] != own[0]:
        raise Refusal(f"it repeats {own} to {wanted}", BATCH)
    if min(wanted) < 1 or prod(wanted) > LARGEST_TENSOR:
        raise Refusal(f"it repeats {own} to {wanted}", f"at most {LARGEST_TENSOR} elements, at least one")
    if wanted == own or _meets_its_like(a, own, wanted):
        return x
    pixels = prod(own[2:]) == 1 < prod(wanted[2:]) and len(own) in (3, 4)
    if pixels:
        height, width = wanted[2:] if len(own) == 4 else (1, wanted[2])
        x = a.image(SourceUpsample((height, width)), a.standard(x))
    axes = [i for i, (n, m) in enumerate(zip(x.shape, wanted, strict=True)) if n != m]
    return chosen(a, x, {i: [*range(own[i])] * (wanted[i] // own[i]) for i in axes}) if axes else x


def _meets_its_like(a: Call, own: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """A gate (N, C, 1, 1) or (N, 1, H, W) that only meets images of the shape it is repeated to: they repeat it."""
    gate = len(own) == 4 and (own[2:] == (1, 1) if own[1] == wanted[1] else own[1] == 1 and own[2:] == wanted[2:])
    if not gate or not a.read_only_by("Mul", "Add", "Sub"):
        return False
    others = [n for reader in a.readers[a.node.outputs[0]] for n in reader.inputs if n != a.node.outputs[0]]
    known = [a.builder.tensors.get(name) for name in others]
    return bool(known) and all(isinstance(v, Value) and v.shape == wanted for v in known)


def chosen(a: Call, x: Value, picks: dict[int, list[int]]) -> Value:
    """Some indices along some axes (not the batch), in this order."""
    shape = tuple(len(picks[i]) if i in picks else n for i, n in enumerate(x.shape))
    if min(shape) < 1:
        raise Refusal(f"it takes {shape} of {x.shape}: nothing", "a range that holds something")
    if all(picks[i] == [*range(x.shape[i])] for i in picks):
        return x
    if x.is_vector and len(x.inside) > 1 and prod(x.inside[:-1]) == 1:
        x = a.vector(x)
    if x.is_vector and len(x.inside) == 1:
        return _columns(a, x, picks[1])
    steps = {i: _range(picks[i]) for i in picks}
    if len(x.shape) in (3, 4) and all(s is not None for i, s in steps.items() if i > 1) and _rises(picks.get(1)):
        for axes in _arrangements(x):
            y = a.standard(a.builder.transposed(x, axes)) if axes else a.standard(x)
            order = axes or tuple(range(len(x.shape)))
            ranges = [steps.get(i) or (0, x.shape[i], 1) for i in order[2:]]
            rows = ranges[0] if len(ranges) == 2 else (0, 1, 1)
            channels = np.array(picks.get(order[1], range(x.shape[order[1]])))
            result = a.image(SourceSlice(rows, ranges[-1], channels), y)
            return a.builder.transposed(result, tuple(int(i) for i in np.argsort(order)))
    if prod(x.shape[1:]) > LARGEST_ORDER:
        raise Refusal(f"it takes elements of {x.shape}", "a smaller tensor")
    flat = np.arange(prod(x.shape[1:])).reshape(x.shape[1:])
    for axis, indices in picks.items():
        flat = flat.take(indices, axis - 1)
    place = np.empty(flat.size if flat.size > prod(x.shape[1:]) else prod(x.shape[1:]), np.int64)
    place[x.positions] = np.arange(prod(x.shape[1:]))
    wanted = np.moveaxis(flat, 0, -1).ravel() if flat.ndim > 1 else flat.ravel()
    return Value(a.emit(SourceGather(place[wanted], inner_shape(shape)), x), shape)


def _arrangements(x: Value) -> list[tuple[int, ...] | None]:
    rank = len(x.shape)
    last = (0, rank - 1, *range(1, rank - 1))
    return [last] if x.order is not None and x.transposed(last).is_standard else [None]


def _columns(a: Call, x: Value, columns: list[int]) -> Value:
    """Features of a vector: those that lie in it stay in the order in which they lie."""
    place = {int(column): i for i, column in enumerate(x.positions)}
    where = [place[c] for c in columns]
    ordered = sorted(set(where))
    if len(ordered) < len(where):
        name = a.emit(SourceGather(np.array(where), (len(where),)), x)
        return Value(name, (x.shape[0], len(where)))
    name = a.emit(SourceSlice((0, 1, 1), (0, 1, 1), np.array(ordered)), x)
    rank = {spot: i for i, spot in enumerate(ordered)}
    order = np.empty(len(where), np.int64)  # the user's column at each position inside
    for column, spot in enumerate(where):
        order[rank[spot]] = column
    return Value(name, (x.shape[0], len(where)), None if _rises(order.tolist()) else order, (len(where),))


def _rises(values: list[int] | None) -> bool:
    return values is None or all(b > a for a, b in pairwise(values))


def _range(values: list[int]) -> tuple[int, int, int] | None:
    step = values[1] - values[0] if len(values) > 1 else 1
    if step < 1 or values != [*range(values[0], values[0] + step * len(values), step)]:
        return None
    return values[0], values[-1] + 1, step


@rule("Slice")
def slice_(a: Call) -> Tensor:
    x = a.value(0)
    picks = sliced(a, x.shape)
    if 0 in picks and picks.pop(0) != [*range(x.shape[0])]:
        raise Refusal("it slices the batch", BATCH)
    return chosen(a, x, picks)


def sliced(a: Call, shape: tuple[int, ...]) -> dict[int, list[int]]:
    """The indices that a Slice takes, axis by axis."""
    if a.opset < 10:
        starts, ends = (a.ints(name, most=1 << 63) for name in ("starts", "ends"))  # to the end: the largest integer
        axes, steps = a.ints("axes", None), None
    else:
        starts, ends = a.input_ints(1), a.input_ints(2)
        axes = a.input_ints(3) if a.has(3) else None
        steps = a.input_ints(4) if a.has(4) else None
    axes = [*range(len(starts))] if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    result: dict[int, list[int]] = {}
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        own = any_axis(axis, len(shape))
        if step == 0 or own in result:
            raise Refusal(f"axes={axes}, steps={steps}", "each axis once, steps that are not 0")
        if shape[own] > LARGEST:
            raise Refusal(f"it slices an axis of {shape[own]}", f"at most {LARGEST}")
        result[own] = [*range(*slice(start, end, step).indices(shape[own]))]
    return result


@rule("Split")
def split(a: Call) -> tuple[Tensor | None, ...]:
    x = a.value(0)
    axis = a.axis(a.int("axis", 0), len(x.shape))
    parts = splits(a, x.shape[axis])
    results: list[Tensor | None] = []
    start = 0
    for index, size in enumerate(parts):
        used = a.uses(index)
        results.append(chosen(a, a.value(0), {axis: [*range(start, start + size)]}) if used else None)
        start += size
    return tuple(results)


def splits(a: Call, size: int) -> list[int]:
    outputs = len(a.node.outputs)
    given = a.ints("split", None) if a.opset < 13 else (a.input_ints(1) if a.has(1) else None)
    count = a.int("num_outputs", outputs) if a.opset >= 18 else outputs
    if given is None:
        each = -(-size // count)
        given = [min(each, size - i * each) for i in range(count)]
    if len(given) != outputs or sum(given) != size or min(given) < 1:
        raise Refusal(f"it splits {size} into {given} for {outputs} outputs", "sizes that add up")
    return given


@rule("Gather")
def gather(a: Call) -> Tensor:
    x, axis = a.value(0), a.int("axis", 0)
    axis = a.axis(axis, len(x.shape))
    indices = a.constant(1)
    if not indices.integral or len(indices.shape) > 1 or indices.size > LARGEST:
        raise Refusal(f"its indices have shape {indices.shape}", "a list of integers")
    values = [int(v) for v in indices.values.ravel()]
    size = x.shape[axis]
    if any(not -size <= v < size for v in values):
        raise Refusal(f"an index of {values[:8]} is outside {size}", "indices within the axis")
    result = chosen(a, x, {axis: [v % size for v in values]})
    if not indices.shape:
        shape = tuple(n for i, n in enumerate(result.shape) if i != axis)
        if len(shape) < 2:
            return Value(result.name, shape, None, result.inside)
        result = a.builder.reshaped(result, shape)
    return result


@rule("Concat")
def concat(a: Call) -> Tensor:
    """Of channels; of another axis by way of a transpose, which costs a gather unless the tensors lie that way."""
    rank = len(a.value(0).shape)
    axis = a.axis(a.int("axis", 1 if a.opset < 4 else None), rank)
    shapes = [a.value(i).shape for i in range(a.count)]
    if any(s[:axis] + s[axis + 1 :] != shapes[0][:axis] + shapes[0][axis + 1 :] for s in shapes):
        raise Refusal(f"it joins {shapes} along axis {axis}", "equal shapes but for the channels")
    if a.count == 1:
        return a.value(0)
    count = sum(s[axis] for s in shapes)
    if rank == 2:
        parts = [a.vector(a.value(i)) for i in range(a.count)]
        starts = np.cumsum([0, *(s[1] for s in shapes)])
        order = np.concatenate([p.positions + s for p, s in zip(parts, starts, strict=False)])
        name = a.emit(SourceConcat(a.count), *parts)
        return Value(name, (shapes[0][0], count), None if _rises(order.tolist()) else order, (count,))
    axes = (0, axis, *(i for i in range(1, rank) if i != axis))
    parts = [a.standard(a.builder.transposed(a.value(i), axes)) for i in range(a.count)]
    moved = tuple(shapes[0][i] for i in axes)
    joined = Value(a.emit(SourceConcat(a.count), *parts), (moved[0], count, *moved[2:]))
    return a.builder.transposed(joined, tuple(int(i) for i in np.argsort(axes)))
