"""Operators that slide a window or contract an axis, in loops that read like their definitions: slow, by intent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

import numpy as np

from .operands import Array, Node, UnsupportedError, as_object, reals
from .registry import operator

ZERO = Fraction(0)


@dataclass(frozen=True)
class Sliding:
    """A window over some axes: kernel, strides, dilations, padding before and after, and the output's sizes."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    sizes: tuple[int, ...]

    @classmethod
    def of(cls, node: Node, inputs: tuple[int, ...], kernel: tuple[int, ...]) -> Sliding:
        rank = len(inputs)
        strides = tuple(node.integers("strides", [1] * rank))
        dilations = tuple(node.integers("dilations", [1] * rank))
        reach = [d * (k - 1) + 1 for d, k in zip(dilations, kernel, strict=True)]
        auto = node.text("auto_pad", "NOTSET")
        pads = node.integers("pads", [0] * (2 * rank))
        before, after = list(pads[:rank]), list(pads[rank:])
        if auto in {"SAME_UPPER", "SAME_LOWER"}:
            for at, (n, s, r) in enumerate(zip(inputs, strides, reach, strict=True)):
                total = max(0, (-(-n // s) - 1) * s + r - n)
                small, large = total // 2, total - total // 2
                before[at], after[at] = (small, large) if auto == "SAME_UPPER" else (large, small)
        elif auto == "VALID":
            before, after = [0] * rank, [0] * rank
        sizes = []
        for at, (n, s, r) in enumerate(zip(inputs, strides, reach, strict=True)):
            room = n + before[at] + after[at] - r
            if room < 0:
                raise UnsupportedError("a window larger than its input")
            size = room // s + 1
            if node.integer("ceil_mode", 0) and auto == "NOTSET":
                size = -(-room // s) + 1
                # a window that would start in the padding after the input is none
                if (size - 1) * s >= n + before[at]:
                    size -= 1
            sizes.append(size)
        return cls(kernel, strides, dilations, tuple(before), tuple(after), tuple(sizes))

    def taps(self, at: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
        """(tap, position in the input, which may be outside of it) of the window that makes output `at`."""
        for tap in product(*(range(k) for k in self.kernel)):
            yield (
                tap,
                tuple(
                    o * s + t * d - b
                    for o, s, t, d, b in zip(at, self.strides, tap, self.dilations, self.before, strict=True)
                ),
            )

    def inside(self, position: tuple[int, ...], sizes: tuple[int, ...]) -> bool:
        return all(0 <= p < n for p, n in zip(position, sizes, strict=True))

    def in_padding(self, position: tuple[int, ...], sizes: tuple[int, ...]) -> bool:
        """In the input or its padding, not beyond, where ceil_mode lets a window reach."""
        return all(-b <= p < n + a for p, n, b, a in zip(position, sizes, self.before, self.after, strict=True))


@operator("Conv")
def conv(node: Node, x: Array, w: Array, bias: Array | None = None) -> Array:
    groups = node.integer("group", 1)
    window = Sliding.of(node, x.shape[2:], w.shape[2:])
    result = np.empty((len(x), len(w), *window.sizes), object)
    per_group, ins = len(w) // groups, w.shape[1]
    if x.shape[1] != ins * groups:
        raise UnsupportedError("a convolution whose channels do not match")
    for index in np.ndindex(result.shape):
        n, o, at = index[0], index[1], index[2:]
        first = (o // per_group) * ins
        total = ZERO if bias is None else bias[o]
        for tap, position in window.taps(at):
            if window.inside(position, x.shape[2:]):
                for i in range(ins):
                    total += x[(n, first + i, *position)] * w[(o, i, *tap)]
        result[index] = total
    return result


@operator("ConvTranspose")
def conv_transpose(node: Node, x: Array, w: Array, bias: Array | None = None) -> Array:
    """Every input adds its kernel to the output, `strides` apart; then `pads` are cut off."""
    groups, rank = node.integer("group", 1), x.ndim - 2
    strides = node.integers("strides", [1] * rank)
    dilations = node.integers("dilations", [1] * rank)
    extra = node.integers("output_padding", [0] * rank)
    pads = node.integers("pads", [0] * (2 * rank))
    full = [
        s * (n - 1) + d * (k - 1) + 1 + e
        for s, n, d, k, e in zip(strides, x.shape[2:], dilations, w.shape[2:], extra, strict=True)
    ]
    auto, shape = node.text("auto_pad", "NOTSET"), node.integers("output_shape", None)
    if auto in {"SAME_UPPER", "SAME_LOWER"} and shape is None:
        shape = [n * s for n, s in zip(x.shape[2:], strides, strict=True)]
    if shape is not None:
        cut = [f - n for f, n in zip(full, shape, strict=True)]
        small, large = [c // 2 for c in cut], [c - c // 2 for c in cut]
        pads = small + large if auto == "SAME_UPPER" else large + small
    outs, ins = w.shape[1], len(w) // groups
    result = np.full((len(x), outs * groups, *full), ZERO, object)
    for n, group, i in product(range(len(x)), range(groups), range(ins)):
        channel = group * ins + i
        for position in np.ndindex(x.shape[2:]):
            for tap in np.ndindex(w.shape[2:]):
                at = tuple(p * s + t * d for p, s, t, d in zip(position, strides, tap, dilations, strict=True))
                for o in range(outs):
                    result[(n, group * outs + o, *at)] += x[(n, channel, *position)] * w[(channel, o, *tap)]
    kept = tuple(slice(pads[at], full[at] - pads[rank + at]) for at in range(rank))
    result = result[(slice(None), slice(None), *kept)]
    return result if bias is None else as_object(result + bias.reshape(1, -1, *([1] * rank)))


@operator("MatMul")
def matmul(node: Node, a: Array, b: Array) -> Array:
    left = reals(a)[None] if a.ndim == 1 else reals(a)
    right = reals(b)[:, None] if b.ndim == 1 else reals(b)
    outer = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    left = np.broadcast_to(left, outer + left.shape[-2:])
    right = np.broadcast_to(right, outer + right.shape[-2:])
    result = np.empty((*outer, left.shape[-2], right.shape[-1]), object)
    for index in np.ndindex(result.shape):
        row, column = left[index[:-2]][index[-2]], right[index[:-2]][:, index[-1]]
        result[index] = sum((p * q for p, q in zip(row, column, strict=True)), ZERO)
    if b.ndim == 1:
        result = result[..., 0]
    if a.ndim == 1:
        result = result[..., 0] if b.ndim == 1 else result[..., 0, :]
    return as_object(result)


@operator("Gemm")
def gemm(node: Node, a: Array, b: Array, c: Array | None = None) -> Array:
    left = a.T if node.integer("transA", 0) else a
    right = b.T if node.integer("transB", 0) else b
    result = node.real("alpha", 1.0) * matmul(node, left, right)
    return as_object(result if c is None else result + node.real("beta", 1.0) * reals(c))


@operator("MaxPool")
def max_pool(node: Node, x: Array) -> Array:
    if node.outputs > 1:
        raise UnsupportedError("the indices of a max pool")
    window = Sliding.of(node, x.shape[2:], tuple(node.integers("kernel_shape", [])))
    result = np.empty((*x.shape[:2], *window.sizes), object)
    for index in np.ndindex(result.shape):
        seen = [x[index[:2] + p] for _, p in window.taps(index[2:]) if window.inside(p, x.shape[2:])]
        if not seen:
            raise UnsupportedError("a pooling window in the padding alone")
        result[index] = max(seen)
    return result


@operator("AveragePool")
def average_pool(node: Node, x: Array) -> Array:
    """The padding counts, as zeros, if count_include_pad; what ceil_mode reaches beyond the padding never does."""
    window = Sliding.of(node, x.shape[2:], tuple(node.integers("kernel_shape", [])))
    counts_padding = node.integer("count_include_pad", 0)
    result = np.empty((*x.shape[:2], *window.sizes), object)
    for index in np.ndindex(result.shape):
        positions = [p for _, p in window.taps(index[2:])]
        seen = [x[index[:2] + p] for p in positions if window.inside(p, x.shape[2:])]
        count = sum(window.in_padding(p, x.shape[2:]) for p in positions) if counts_padding else len(seen)
        if not count:
            raise UnsupportedError("a pooling window in the padding alone")
        result[index] = sum(seen, ZERO) / count
    return result


@operator("GlobalAveragePool")
def global_average_pool(node: Node, x: Array) -> Array:
    axes = tuple(range(2, x.ndim))
    return as_object(x.sum(axis=axes, keepdims=True) / Fraction(int(np.prod(x.shape[2:], dtype=np.int64))))


@operator("GlobalMaxPool")
def global_max_pool(node: Node, x: Array) -> Array:
    return as_object(x.max(axis=tuple(range(2, x.ndim)), keepdims=True))
