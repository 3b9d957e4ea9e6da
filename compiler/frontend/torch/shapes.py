"""Reshapes, transposes and slices. The first two move nothing: the value remembers how its elements lie."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np
from torch import fx

from ...ir import as_integers
from ...ops.source import SourceGather, SourceSlice, SourceUpsample
from ..findings import Refusal
from .registry import axis_of, numbers, rule
from .values import Arguments, Result, Value, flat_positions, inner_shape, operator_of

RESHAPES = ("flatten", "view", "reshape", "_unsafe_view", "squeeze", "unsqueeze", "unflatten", "view_as", "reshape_as")
TRANSPOSES = ("permute", "transpose", "movedim", "moveaxis", "swapaxes", "swapdims", "t", "numpy_T", "mT", "adjoint")
PICKS = ("slice", "select", "narrow", "split", "split_with_sizes", "chunk", "tensor_split", "unbind", "unsafe_split")
ENDLESS = (1 << 63) - 1
MOST_REPEATED = 1 << 24
BATCH = "leave the batch axis first and whole"


@rule(*RESHAPES)
def reshape(a: Arguments) -> Value:
    x = a.value("self")
    a.take_all()  # the shapes say it all
    return reshaped(a, x, a.shape)


def reshaped(a: Arguments, x: Value, shape: tuple[int, ...]) -> Value:
    """The user's reshape. Where it ends in a vector, that is one inside too."""
    if shape == x.shape:
        return x
    if not shape or shape[0] != x.shape[0] or prod(shape) != prod(x.shape) or len(shape) < 2:
        raise Refusal(f"it turns {x.shape} into {shape}", BATCH)
    made = x.reshaped(shape)
    pixel = len(x.inside) == 3 and x.inside[0] == x.inside[1] == 1
    if len(shape) == 2 and len(x.inside) == 3 and not (pixel and _unfolds(a.node)):
        return a.vector(made)
    return made


def _unfolds(node: fx.Node) -> bool:
    """Whether a vector becomes an image of one pixel again, as in squeeze-and-excite: then it stays one."""
    waiting, seen = list(node.users), set[fx.Node]()
    while waiting:
        user = waiting.pop()
        shape = getattr(user.meta.get("val"), "shape", ())
        if user in seen or user.op != "call_function":
            continue
        seen.add(user)
        if len(shape) > 2 and operator_of(user) in RESHAPES:
            return True
        if len(shape) == 2:
            waiting.extend(user.users)
    return False


@rule(*TRANSPOSES)
def transpose(a: Arguments) -> Value:
    x = a.value("self")
    rank = len(x.shape)
    order = list(range(rank))
    if a.operator == "permute":
        order = [axis_of(d, rank) for d in a.take("dims")]
    elif a.operator in ("movedim", "moveaxis"):
        sources, targets = ([axis_of(d, rank) for d in numbers(a.take(n))] for n in ("source", "destination"))
        order = [d for d in order if d not in sources]
        for target, source in sorted(zip(targets, sources, strict=True)):
            order.insert(target, source)
    elif a.operator in ("t", "numpy_T"):
        order.reverse()
    else:
        names = [name for name in ("dim0", "dim1", "axis0", "axis1") if a.has(name)]
        i, j = (axis_of(a.take(name), rank) for name in names) if names else (rank - 2, rank - 1)
        order[i], order[j] = order[j], order[i]
    if order[0] != 0:
        raise Refusal(f"it moves the batch axis of {x.shape}", BATCH)
    return x.transposed(tuple(order))


@rule("flip")
def flip(a: Arguments) -> Value:
    x = a.value("self")
    axes = [axis_of(d, len(x.shape)) for d in a.take("dims")]
    if 0 in axes:
        raise Refusal("it turns the batch around", BATCH)
    taken = np.flip(flat_positions(x.shape), [d - 1 for d in axes]).ravel()  # new position -> old
    place = np.empty_like(taken)
    place[taken] = np.arange(len(taken))
    return replace(x, order=place[x.positions])


@rule("pixel_shuffle", "pixel_unshuffle", "channel_shuffle", "native_channel_shuffle")
def shuffle(a: Arguments) -> Value:
    x = a.value("self")
    n, channels, *image = x.shape
    if a.operator.endswith("channel_shuffle"):
        groups = int(a.take("groups"))
        split = x.reshaped((n, groups, channels // groups, *image))
        return split.transposed((0, 2, 1, *range(3, len(split.shape)))).reshaped(a.shape)
    factor = int(a.take("upscale_factor" if a.has("upscale_factor") else "downscale_factor"))
    height, width = image
    if a.operator == "pixel_shuffle":
        parts = x.reshaped((n, channels // factor**2, factor, factor, height, width))
        return parts.transposed((0, 1, 4, 2, 5, 3)).reshaped(a.shape)
    parts = x.reshaped((n, channels, height // factor, factor, width // factor, factor))
    return parts.transposed((0, 1, 3, 5, 2, 4)).reshaped(a.shape)


@rule("expand", "expand_as", "repeat", "tile")
def expand(a: Arguments) -> Value:
    """One pixel to many. Operators of two tensors look through it and repeat nothing."""
    x = a.value("self")
    a.take_all()
    if a.shape == x.shape:
        return x
    rank = len(x.shape)
    if len(a.shape) != rank or a.shape[0] != x.shape[0]:
        raise Refusal(f"it repeats {x.shape} to {a.shape}", "as many axes, the batch as it is")
    if prod(a.shape) > MOST_REPEATED:
        raise Refusal(f"it repeats {x.shape} to {a.shape}", f"at most {MOST_REPEATED} elements")
    grown = [d for d, (old, new) in enumerate(zip(x.shape, a.shape, strict=True)) if old != new]
    if rank in (3, 4) and all(d > 1 and x.shape[d] == 1 for d in grown):
        factors = [new // old for old, new in zip(x.shape[2:], a.shape[2:], strict=True)]
        return a.emit(SourceUpsample((factors[0] if rank == 4 else 1, factors[-1])), a.standard(x))
    # any other: elements picked more than once
    place = np.empty(prod(x.shape[1:]), np.int64)
    place[x.positions] = np.arange(len(place))
    wanted = np.tile(flat_positions(x.shape), [new // old for old, new in zip(x.shape[1:], a.shape[1:], strict=True)])
    index = place[np.moveaxis(wanted, 0, -1).ravel()]
    return a.emit(SourceGather(as_integers(index), inner_shape(a.shape)), x)


# -- parts -----------------------------------------------------------------------------------------------------------
def sliced(a: Arguments, x: Value, axis: int, start: int, stop: int, step: int = 1, part: str = "") -> Value:
    """x[..., start:stop:step] along one axis of the user's."""
    rank, size = len(x.shape), x.shape[axis]
    start, stop = min(start, size), min(stop, size)
    if (start, stop, step) == (0, size, 1):
        return x
    if axis == 0:
        raise Refusal(f"it picks elements {start}:{stop} of the batch", BATCH)
    taken = range(start, stop, step)
    shape = tuple(len(taken) if d == axis else n for d, n in enumerate(x.shape))
    if not taken:
        raise Refusal(f"it picks nothing of {x.shape}", "a slice that is not empty")
    if rank > 4:
        raise Refusal(f"it picks a part of {x.shape}", "slices of at most four axes")
    x = a.standard(x)
    everything = (0, x.inside[0], 1), (0, x.inside[1] if len(x.inside) > 1 else 1, 1)
    rows, columns = everything if len(x.inside) > 1 else ((0, 1, 1), (0, 1, 1))
    channels = as_integers(np.arange(x.inside[-1]))
    if axis == 1:
        channels = as_integers(np.array(taken))
    elif axis == rank - 1:
        columns = (start, stop, step)
    else:
        rows = (start, stop, step)
    return a.emit(SourceSlice(rows, columns, channels), x, shape=shape, part=part)


@rule("slice", "narrow")
def slice_(a: Arguments) -> Value:
    x = a.value("self")
    axis = axis_of(a.take("dim"), len(x.shape))
    size, first, last, step = x.shape[axis], a.take("start"), a.take("end"), int(a.take("step", 1))
    if a.has("length"):
        last = int(first) + int(a.take("length"))
    start, stop = (_end(given, size) for given in (first or 0, ENDLESS if last is None else last))
    return sliced(a, x, axis, start, stop, step)


def _end(given: int, size: int) -> int:
    given = int(given)
    return max(0, min(size, given + size if given < 0 else given))


@rule("select")
def select(a: Arguments) -> Value:
    x = a.value("self")
    return _selected(a, x, axis_of(a.take("dim"), len(x.shape)), int(a.take("index")))


def _selected(a: Arguments, x: Value, axis: int, index: int) -> Value:
    index %= x.shape[axis]
    one = sliced(a, x, axis, index, index + 1)
    return reshaped(a, one, tuple(n for d, n in enumerate(x.shape) if d != axis))


@rule("split", "split_with_sizes", "chunk", "tensor_split", "unsafe_split", "unbind")
def split(a: Arguments) -> Result:
    """The parts that somebody reads."""
    x = a.value("self")
    axis = axis_of(a.take("dim"), len(x.shape))
    a.take_all()  # the shapes say it
    if a.operator == "unbind":
        return tuple(_selected(a, x, axis, i) if a.wanted(i) else None for i in range(x.shape[axis]))
    parts: list[Value | None] = []
    start = 0
    for number, shape in enumerate(a.shapes):
        stop = start + shape[axis]
        parts.append(sliced(a, x, axis, start, stop) if a.wanted(number) else None)
        start = stop
    return tuple(parts)
