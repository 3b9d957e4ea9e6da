"""Operators that move numbers, make shapes, or choose: they compute nothing, so they take any kind of array."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from .operands import Array, Node, UnsupportedError, as_object, constant, exact, integer_list, reals
from .registry import operator


@operator("Identity", "Dropout")
def identity(node: Node, x: Array, *_: Array | None) -> Array:
    """Dropout at inference is nothing; its mask is no output that a network here has."""
    if node.outputs > 1:
        raise UnsupportedError("the mask of a Dropout")
    return x


@operator("Constant")
def constant_(node: Node) -> Array:
    values = node.attributes
    if "value" in values:
        return exact(constant(values["value"]))
    for name, kind in {"value_float": np.float32, "value_floats": np.float32}.items():
        if name in values:
            return exact(np.asarray(values[name], kind))
    for name in ("value_int", "value_ints"):
        if name in values:
            return np.asarray(values[name], np.int64)
    raise UnsupportedError("a constant of this kind")


@operator("ConstantOfShape")
def constant_of_shape(node: Node, shape: Array) -> Array:
    tensor = node.attributes.get("value")
    value = np.zeros(1, np.float32) if tensor is None else constant(tensor)
    return exact(np.full(integer_list(shape), value.reshape(-1)[0]))


@operator("Shape")
def shape_(node: Node, x: Array) -> Array:
    return np.asarray(x.shape[node.integer("start", 0) : node.attributes.get("end")], np.int64)


@operator("Size")
def size(node: Node, x: Array) -> Array:
    return np.asarray(x.size, np.int64)


INTEGERS = {2: np.uint8, 3: np.int8, 4: np.uint16, 5: np.int16, 6: np.int32, 7: np.int64, 12: np.uint32, 13: np.uint64}
FLOATS = {1, 11}  # float32, float64: numbers stay exact


@operator("Cast")
def cast(node: Node, x: Array) -> Array:
    """To floats: the exact value, unrounded. To integers: towards zero."""
    target = node.integer("to", 0)
    if target in FLOATS:
        return reals(x)
    if target == 9:
        return np.asarray(x != 0).astype(bool)
    if target not in INTEGERS:
        raise UnsupportedError(f"a cast to type {target}")
    whole = np.asarray(np.frompyfunc(int, 1, 1)(x)) if x.dtype == object else x
    return np.asarray(whole.astype(INTEGERS[target]))


@operator("Flatten")
def flatten(node: Node, x: Array) -> Array:
    axis = node.integer("axis", 1)
    axis = axis + x.ndim if axis < 0 else axis
    return x.reshape(int(np.prod(x.shape[:axis], dtype=np.int64)), -1)


@operator("Reshape")
def reshape(node: Node, x: Array, shape: Array) -> Array:
    sizes = integer_list(shape)
    if not node.integer("allowzero", 0):
        sizes = [x.shape[at] if n == 0 else n for at, n in enumerate(sizes)]
    return x.reshape(sizes)


@operator("Transpose")
def transpose(node: Node, x: Array) -> Array:
    return x.transpose(node.integers("perm", list(reversed(range(x.ndim)))))


def _listed(node: Node, given: Array | None, name: str = "axes") -> list[int] | None:
    return integer_list(given) if given is not None else node.integers(name, None)


@operator("Squeeze")
def squeeze(node: Node, x: Array, axes: Array | None = None) -> Array:
    chosen = _listed(node, axes)
    return x.squeeze() if chosen is None else x.squeeze(tuple(chosen))


@operator("Unsqueeze")
def unsqueeze(node: Node, x: Array, axes: Array | None = None) -> Array:
    return np.expand_dims(x, tuple(_listed(node, axes) or []))


@operator("Expand")
def expand(node: Node, x: Array, shape: Array) -> Array:
    return np.broadcast_to(x, np.broadcast_shapes(x.shape, tuple(integer_list(shape)))).copy()


@operator("Tile")
def tile(node: Node, x: Array, repeats: Array) -> Array:
    return np.tile(x, integer_list(repeats))


@operator("Concat")
def concat(node: Node, *inputs: Array) -> Array:
    return np.concatenate(inputs, axis=node.integer("axis", 0))


@operator("Split")
def split(node: Node, x: Array, sizes: Array | None = None) -> tuple[Array, ...]:
    axis = node.integer("axis", 0)
    parts = _listed(node, sizes, "split")
    if parts is None:
        size = -(-x.shape[axis] // node.outputs)
        parts = [size] * (node.outputs - 1) + [x.shape[axis] - size * (node.outputs - 1)]
    return tuple(np.split(x, np.cumsum(parts)[:-1], axis=axis))


@operator("Slice")
def slice_(node: Node, x: Array, *given: Array | None) -> Array:
    starts, ends, axes, steps = (
        _listed(node, given[at] if at < len(given) else None, name)
        for at, name in enumerate(("starts", "ends", "axes", "steps"))
    )
    if starts is None or ends is None:
        raise UnsupportedError("a slice without limits")
    cut = [slice(None)] * x.ndim
    for at, (start, end) in enumerate(zip(starts, ends, strict=True)):
        axis = at if axes is None else axes[at]
        step = 1 if steps is None else steps[at]
        # backwards, an end before the first means "down to the first", which a negative number does not in Python
        stop = None if step < 0 and end < -x.shape[axis] else end
        cut[axis] = slice(start, stop, step)
    return x[tuple(cut)]


@operator("Gather")
def gather(node: Node, x: Array, indices: Array) -> Array:
    return np.asarray(np.take(x, np.asarray(indices).astype(np.int64), axis=node.integer("axis", 0)))


@operator("Pad")
def pad(node: Node, x: Array, pads: Array | None = None, value: Array | None = None, axes: Any = None) -> Array:
    if node.text("mode", "constant") != "constant":
        raise UnsupportedError("a padding that is not constant")
    amounts = _listed(node, pads, "pads") or node.integers("paddings", [])
    chosen = list(range(x.ndim)) if axes is None else integer_list(axes)
    fill = reals(value).item() if value is not None else node.real("value", 0.0)
    widths = [(0, 0)] * x.ndim
    for at, axis in enumerate(chosen):
        widths[axis] = (amounts[at], amounts[at + len(chosen)])
    grown = [(max(a, 0), max(b, 0)) for a, b in widths]
    result = np.full([n + a + b for n, (a, b) in zip(x.shape, grown, strict=True)], fill, dtype=x.dtype)
    result[tuple(slice(a, a + n) for n, (a, _) in zip(x.shape, grown, strict=True))] = x
    # a negative amount crops
    return result[tuple(slice(max(-a, 0), n - max(-b, 0)) for n, (a, b) in zip(result.shape, widths, strict=True))]


def _enlarge(x: Array, factors: list[Fraction]) -> Array:
    for axis, factor in enumerate(factors):
        if factor.denominator != 1 or factor < 1:
            raise UnsupportedError("a resize by no whole factor")
        x = np.repeat(x, int(factor), axis=axis)
    return x


@operator("Upsample")
def upsample(node: Node, x: Array, scales: Array | None = None) -> Array:
    if node.text("mode", "nearest") != "nearest":
        raise UnsupportedError("an upsampling that interpolates")
    given = [Fraction(s) for s in node.attributes["scales"]] if scales is None else list(reals(scales))
    return _enlarge(x, given)


@operator("Resize")
def resize(node: Node, x: Array, *given: Array | None) -> Array:
    """Nearest, by whole factors. Every pair of modes of coordinate and rounding answers alike there, but for some that
    are refused: half_pixel with floor or ceil shifts, as do asymmetric with anything but floor, and align_corners."""
    if node.text("mode", "nearest") != "nearest":
        raise UnsupportedError("a resize that interpolates")
    coordinates = node.text("coordinate_transformation_mode", "half_pixel")
    nearest = node.text("nearest_mode", "round_prefer_floor")
    plain = (coordinates == "asymmetric" and nearest == "floor") or (
        coordinates in {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel"} and nearest.startswith("round")
    )
    if node.opset > 10 and not plain:
        raise UnsupportedError(f"a nearest resize with {coordinates} and {nearest}")
    old = node.opset <= 10
    scales = given[0] if old else given[1] if len(given) > 1 else None
    sizes = given[2] if len(given) > 2 else None
    if scales is not None and scales.size:
        return _enlarge(x, list(reals(scales)))
    if sizes is None:
        raise UnsupportedError("a resize without scales and sizes")
    return _enlarge(x, [Fraction(int(n), m) for n, m in zip(sizes, x.shape, strict=True)])


@operator("ArgMax")
def arg_max(node: Node, x: Array) -> Array:
    """The first of equals, or the last if select_last_index."""
    axis = node.integer("axis", 0)
    rows = np.moveaxis(x, axis, -1)
    result = np.empty((*rows.shape[:-1], 1), np.int64)
    for index in np.ndindex(rows.shape[:-1]):
        row = list(rows[index])
        best = max(row)
        last = node.integer("select_last_index", 0)
        result[(*index, 0)] = len(row) - 1 - row[::-1].index(best) if last else row.index(best)
    result = np.moveaxis(result, -1, axis)
    return result if node.integer("keepdims", 1) else result.squeeze(axis)


@operator("TopK")
def top_k(node: Node, x: Array, k: Array | None = None) -> tuple[Array, Array]:
    """Sorted; among equals the smaller index comes first, for the largest as for the smallest."""
    axis, count = node.integer("axis", -1), integer_list(k)[0] if k is not None else node.integer("k", 1)
    sign = -1 if node.integer("largest", 1) else 1
    rows = np.moveaxis(x, axis, -1)
    order = np.empty((*rows.shape[:-1], count), np.int64)
    for index in np.ndindex(rows.shape[:-1]):
        row = rows[index]
        order[index] = sorted(range(len(row)), key=lambda at, row=row: (sign * row[at], at))[:count]
    values = np.take_along_axis(rows, order, axis=-1)
    return np.moveaxis(as_object(values), -1, axis), np.moveaxis(order, -1, axis)
