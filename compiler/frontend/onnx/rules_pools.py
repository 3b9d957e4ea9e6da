"""Pools and reductions."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np

from ...ir import Op, as_integers
from ...ops.source import FixedQuantise, SourceAvgPool, SourceMaxPool
from ..findings import Refusal
from ..values import Value
from .affine import affine
from .builder import Tensor
from .call import QONNX, Call, rule
from .constants import ONE, Constant, full
from .geometry import Geometry, geometry, pool_kernel
from .rules_layers import linear
from .rules_quantisers import UNCLIPPED

MOST_COUNTS = 1 << 22


@rule("MaxPool")
def max_pool(a: Call) -> tuple[Tensor | None, ...]:
    x = a.image_input()
    g = geometry(a, x, pool_kernel(a, x), ceil=a.flag("ceil_mode", default=False))
    a.ignore("storage_order")  # of the indices
    if a.uses(1):
        raise Refusal("its indices are used", "the values alone")
    _dense(g)
    top, bottom, left, right = g.padding
    if max(top, bottom) >= g.kernel[0] or max(left, right) >= g.kernel[1]:
        raise Refusal(f"its padding {g.padding} is as wide as its kernel", "pads smaller than the kernel")
    padding = (top, bottom + g.extra[0], left, right + g.extra[1])
    return (a.image(SourceMaxPool(g.kernel, g.stride, padding), x), None)


@rule("AveragePool")
def average_pool(a: Call) -> Tensor:
    x = a.image_input()
    g = geometry(a, x, pool_kernel(a, x), ceil=a.flag("ceil_mode", default=False))
    counts_padding = a.flag("count_include_pad", default=False)
    _dense(g)
    return a.image(average(g, x, counts_padding=counts_padding), x)


def average(g: Geometry, x: Value, *, counts_padding: bool) -> SourceAvgPool:
    """The divisor of a window is the number of its pixels, with or without those of the padding; what a ceil mode
    reads beyond the padding never counts.
    """
    top, bottom, left, right = g.padding
    padding = (top, bottom + g.extra[0], left, right + g.extra[1])
    sides = []
    for i, (begin, end) in enumerate(((top, bottom), (left, right))):
        size, kernel, stride = x.inside[i], g.kernel[i], g.stride[i]
        count = (size + begin + end + g.extra[i] - kernel) // stride + 1
        if count > MOST_COUNTS:
            raise Refusal(f"it makes {count} rows", "a smaller image")
        start = np.arange(count) * stride - begin
        least, most = (-begin, size + end) if counts_padding else (0, size)
        sides.append(np.minimum(start + kernel, most) - np.maximum(start, least))
    if min(int(s.min()) for s in sides) < 1:
        raise Refusal("a window lies in the padding alone", "pads smaller than the kernel")
    taps = g.kernel[0] * g.kernel[1]
    if all((s == k).all() for s, k in zip(sides, g.kernel, strict=True)):
        return SourceAvgPool(g.kernel, g.stride, padding, taps)
    if len(sides[0]) * len(sides[1]) > MOST_COUNTS:
        raise Refusal("it makes too many pixels with divisors of their own", "count_include_pad=1")
    return SourceAvgPool(g.kernel, g.stride, padding, taps, as_integers(np.outer(*sides)))


@rule("GlobalAveragePool")
def global_average_pool(a: Call) -> Tensor:
    return _global(a, lambda k: SourceAvgPool(k, k, (0, 0, 0, 0), k[0] * k[1]))


@rule("GlobalMaxPool")
def global_max_pool(a: Call) -> Tensor:
    return _global(a, lambda k: SourceMaxPool(k, k))


def _global(a: Call, pool: Callable[[tuple[int, int]], Op]) -> Tensor:
    x = a.image_input()
    return a.image(pool((x.inside[0], x.inside[1])), x)


@rule("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin")
def reduce(a: Call) -> Tensor:
    x = a.value(0)
    rank, kind = len(x.shape), a.node.op_type
    since = 13 if kind == "ReduceSum" else 18
    given = a.ints("axes", []) if a.opset < since else a.input_ints(1) if a.has(1) else []
    keep, nothing = a.flag("keepdims", default=True), a.flag("noop_with_empty_axes", default=False)
    if not given:
        if nothing:
            return x
        raise Refusal("it reduces over all axes, the batch too", "the axes of the pixels or the channels: axes=[2, 3]")
    axes = sorted({a.axis(axis, rank) for axis in given})
    if len(axes) != len(given):
        raise Refusal(f"axes={given}", "each axis once")
    if kind == "ReduceMin":
        x = affine(a, x, Constant(full((), -ONE)), None)
    result = _reduced(a, x, axes, kind)
    shape = tuple(1 if i in axes else n for i, n in enumerate(x.shape) if keep or i not in axes)
    result = a.builder.reshaped(result, shape) if len(shape) > 1 else Value(result.name, shape, None, result.inside)
    return affine(a, result, Constant(full((), -ONE)), None) if kind == "ReduceMin" else result


def _reduced(a: Call, x: Value, axes: list[int], kind: str) -> Value:
    """(N, what stays): a pool over (N, what stays, what goes), a layer of ones over the channels."""
    rank = len(x.shape)
    taps = prod(x.shape[i] for i in axes)
    over_channels = axes == [1] and (rank > 2 or kind in ("ReduceMean", "ReduceSum"))
    if over_channels and kind in ("ReduceMean", "ReduceSum"):
        x = a.standard(x) if rank > 2 else x
        scale = full((1, 1), ONE / taps if kind == "ReduceMean" else ONE)
        ones = Constant(np.ones((1, taps)), scale)
        return linear(a, x, ones, None)
    if rank in (3, 4) and 1 not in axes and x.is_standard:
        kernel = tuple(n if i in axes else 1 for i, n in ((i, x.shape[i]) for i in range(2, rank)))
        kernel = (1, *kernel) if rank == 3 else kernel
    else:
        stays = [i for i in range(1, rank) if i not in axes]
        moved = a.builder.transposed(x, (0, *stays, *axes))
        x = a.standard(a.builder.reshaped(moved, (x.shape[0], prod(x.shape[i] for i in stays), taps)))
        kernel = (1, taps)
    pair = (kernel[0], kernel[1])
    if kind in ("ReduceMean", "ReduceSum"):
        return a.image(SourceAvgPool(pair, pair, (0, 0, 0, 0), taps if kind == "ReduceMean" else 1), x)
    return a.image(SourceMaxPool(pair, pair), x)


@rule("QuantAvgPool2d", family=QONNX)
def quant_average_pool(a: Call) -> Tensor:
    """The sum of every window, rounded, shifted right until it has `obits` bits."""
    kernel, stride = a.int("kernel"), a.int("stride")
    bits, wanted = a.int("ibits"), a.int("obits")
    a.ignore("signed")  # the shift is of two's complement numbers
    a.refuse_unless("data_layout", "NCHW", "data_layout=NCHW")
    if not (1 <= kernel <= 1 << 12 and 1 <= stride <= 1 << 12 and 1 <= bits <= 32 and 1 <= wanted <= 32):
        raise Refusal(f"kernel={kernel}, stride={stride}, ibits={bits}, obits={wanted}", "positive numbers")
    x = a.image_input()
    shift = max((((1 << bits) - 1) * kernel * kernel).bit_length() - wanted, 0)
    y = a.image(SourceAvgPool((kernel, kernel), (stride, stride), (0, 0, 0, 0), 1), x)
    zero = np.zeros(1, np.int64)
    y = a.same(FixedQuantise(full((1,), ONE), zero, -UNCLIPPED, UNCLIPPED, "half_even"), y)
    y = a.same(FixedQuantise(full((1,), ONE * (1 << shift)), zero, -UNCLIPPED, UNCLIPPED, "floor"), y)
    return affine(a, y, Constant(full((), ONE / (1 << shift))), None)


def _dense(g: Geometry) -> None:
    if any(d > 1 and k > 1 for d, k in zip(g.dilation, g.kernel, strict=True)):
        raise Refusal(f"dilations={g.dilation}", "a pool without dilation")
