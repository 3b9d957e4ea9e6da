"""Pools, reductions over the image, upsampling and padding."""

from __future__ import annotations

from math import prod

import numpy as np

from ...ir import Op, as_integers
from ...ops.source import SourceAvgPool, SourceMaxPool, SourcePad, SourceUpsample
from ..findings import Refusal
from .heads import index_of_largest
from .layers import cropped
from .registry import RULES, axis_of, numbers, pair, rule
from .shapes import reshaped
from .values import Arguments, Result, Value

INDICES = "no return_indices: the value alone"


class _Geometry:
    """The window of a pooling call: kernel, stride, and padding that includes what ceil_mode reaches beyond."""

    def __init__(self, a: Arguments, x: Value) -> None:
        axes = len(x.shape) - 2
        self.kernel = pair(a.take("kernel_size"), axes)
        self.stride = pair(a.take("stride") or self.kernel, axes)
        self.given = pair(a.take("padding"), axes, 0)
        self.image = (x.inside[0], x.inside[1])
        self.sizes = (a.shape[-2] if axes == 2 else 1, a.shape[-1])
        sides = []
        for size, k, s, p, out in zip(self.image, self.kernel, self.stride, self.given, self.sizes, strict=True):
            sides += [p, p + max(0, (out - 1) * s + k - size - 2 * p)]
        self.padding = (sides[0], sides[1], sides[2], sides[3])
        a.take("ceil_mode")  # the shapes say it

    def taps(self, *, padded: bool) -> np.ndarray:
        """How many elements each window counts, with the user's padding or without: (height, width)."""
        axes = []
        for size, k, s, p, out in zip(self.image, self.kernel, self.stride, self.given, self.sizes, strict=True):
            start = np.arange(out) * s - p
            first, last = (-p, size + p) if padded else (0, size)
            axes.append(np.minimum(start + k, last) - np.maximum(start, first))
        return np.multiply.outer(*axes)


@rule("max_pool1d", "max_pool2d")
def max_pool(a: Arguments) -> Value:
    x = a.image("self")
    window = _Geometry(a, x)
    a.refuse_unless("dilation", (1, 1), "dilation=1", read=pair)
    return a.emit(SourceMaxPool(window.kernel, window.stride, window.padding), x)


@rule("avg_pool1d", "avg_pool2d")
def avg_pool(a: Arguments) -> Value:
    x = a.image("self")
    window = _Geometry(a, x)
    taps = window.taps(padded=bool(a.take("count_include_pad")))
    divisor = a.take("divisor_override")
    if divisor is not None and int(divisor) < 1:
        raise Refusal(f"divisor_override={divisor}", "a positive divisor")
    if divisor is not None:
        counts, divisor = None, int(divisor)
    elif (taps == taps[0, 0]).all():
        counts, divisor = None, int(taps[0, 0])
    else:
        counts, divisor = as_integers(taps), prod(window.kernel)
    return a.emit(SourceAvgPool(window.kernel, window.stride, window.padding, divisor, counts), x)


@rule("adaptive_avg_pool1d", "adaptive_avg_pool2d")
def adaptive_avg_pool(a: Arguments) -> Value:
    x, kernel = _adaptive(a)
    return a.emit(SourceAvgPool(kernel, kernel, (0, 0, 0, 0), prod(kernel)), x)


@rule("adaptive_max_pool1d", "adaptive_max_pool2d")
def adaptive_max_pool(a: Arguments) -> tuple[Value, None]:
    x, kernel = _adaptive(a)
    if a.wanted(1):
        raise Refusal("it also gives the indices of the largest", INDICES)
    return a.emit(SourceMaxPool(kernel, kernel), x), None


def _adaptive(a: Arguments) -> tuple[Value, tuple[int, int]]:
    x = a.image("self")
    axes = len(x.shape) - 2
    size, wanted = x.inside[:2], a.take("output_size")
    wanted = list(wanted) if isinstance(wanted, list | tuple) else [wanted]
    ends = [None] * (2 - axes) + (wanted * axes if len(wanted) < axes else wanted)
    target = [s if t is None else int(t) for s, t in zip(size, ends, strict=True)]
    if any(s % t for s, t in zip(size, target, strict=True)):
        kind = "Avg" if "avg" in a.operator else "Max"
        raise Refusal(
            f"{tuple(size)} does not divide into {tuple(target)}: the windows would overlap",
            f"nn.Adaptive{kind}Pool2d to 1 or to a divisor of the size, or nn.{kind}Pool2d",
        )
    return x, (size[0] // target[0], size[1] // target[1])


@rule("mean", "sum", "amax", "amin")
def reduction(a: Arguments) -> Value:
    """Over the image, one axis of it, or the channels: a pool of that size."""
    x = a.value("self")
    a.refuse_unless("dtype", None, "no dtype")
    return _reduced(a, x, a.take("dim"), keep=bool(a.take("keepdim", False)))


@rule("max")
def maximum_along(a: Arguments) -> Result:
    if not a.has("dim"):
        if a.has("other"):
            return RULES["maximum"](a)
        raise Refusal("it takes the largest element of everything, the batch included", "x.amax(dim=(2, 3))")
    x, dim, keep = a.value("self"), a.take("dim"), bool(a.take("keepdim"))
    if a.wanted(1):
        if a.wanted(0):
            raise Refusal("both the value and its index are used", "torch.argmax(x, dim=1), or torch.topk")
        return None, index_of_largest(a, x, int(dim), a.wanted(1))
    return _reduced(a, x, [dim], keep=keep, largest=True), None


def _reduced(a: Arguments, x: Value, dims: object, *, keep: bool, largest: bool = False) -> Value:
    rank = len(x.shape)
    axes = set() if dims is None else {axis_of(d, rank) for d in numbers(dims)}
    whole_sample = len(axes) == rank - 1 and not keep
    if not 3 <= rank <= 4 or not axes or 0 in axes or whole_sample or a.operator == "amin":
        raise Refusal(
            f"a {a.operator} over dimensions {dims} of {x.shape}",
            "x.mean(dim=(2, 3)), nn.AdaptiveAvgPool2d(1), x.mean(dim=1), or keepdim=True for all axes but the batch",
        )
    if 1 in axes:
        return _reduced_channels(a, x, sorted(axes), keep=keep, largest=largest)
    whole = axes == set(range(2, rank)) and x.order is None and len(x.inside) == 3
    x = x if whole else a.standard(x)
    height, width, channels = x.inside
    if whole:
        kernel = (height, width)
    elif rank == 3:
        kernel = (1, width)
    else:
        kernel = (height if 2 in axes else 1, width if 3 in axes else 1)
    kept = tuple(1 if d in axes else n for d, n in enumerate(x.shape))
    op = _pool(a, kernel, largest=largest)
    pooled = a.emit_inside(op, x, (height // kernel[0], width // kernel[1], channels), kept)
    return pooled if keep else reshaped(a, pooled, tuple(n for d, n in enumerate(x.shape) if d not in axes))


def _reduced_channels(a: Arguments, x: Value, axes: list[int], *, keep: bool, largest: bool) -> Value:
    """What goes becomes the columns of an image: its channels are what stays where that moves nothing (tokens, which
    lie channels last), else its rows are.
    """
    stays = [d for d in range(1, len(x.shape)) if d not in axes]
    moved = x.transposed((0, *stays, *axes))
    rows, taps = prod(x.shape[d] for d in stays), prod(x.shape[d] for d in axes)
    image = moved.reshaped((x.shape[0], rows, taps))
    if not image.is_standard:
        image = a.standard(moved.reshaped((x.shape[0], 1, rows, taps)))
    height, _, channels = image.inside
    pooled = a.emit_inside(_pool(a, (1, taps), largest=largest), image, (height, 1, channels), (x.shape[0], rows))
    kept = tuple(1 if d in axes else n for d, n in enumerate(x.shape))
    return reshaped(a, pooled, kept if keep else tuple(n for d, n in enumerate(x.shape) if d not in axes))


def _pool(a: Arguments, kernel: tuple[int, int], *, largest: bool) -> Op:
    if not largest and a.operator in ("mean", "sum"):
        return SourceAvgPool(kernel, kernel, (0, 0, 0, 0), prod(kernel) if a.operator == "mean" else 1)
    return SourceMaxPool(kernel, kernel)


@rule("upsample_nearest1d", "upsample_nearest2d", "_upsample_nearest_exact1d", "_upsample_nearest_exact2d")
def upsample(a: Arguments) -> Value:
    x = a.image("input" if a.has("input") else "self")
    a.take_all()  # the shapes say it
    sizes = list(zip(x.shape[2:], a.shape[2:], strict=True))
    if any(out % size for size, out in sizes):
        raise Refusal(f"it enlarges {x.shape[2:]} to {a.shape[2:]}", "a whole-numbered scale_factor")
    return a.emit(SourceUpsample(pair([out // size for size, out in sizes], len(sizes))), x)


@rule("repeat_interleave")
def repeat_interleave(a: Arguments) -> Value:
    x, times, dim = a.value("self"), a.take("repeats"), a.take("dim")
    a.take_all()
    rank = len(x.shape)
    if not isinstance(times, int) or dim is None or axis_of(dim, rank) < 2 or rank > 4:
        raise Refusal(f"it repeats elements along dimension {dim} of {x.shape}", "nn.Upsample, over height and width")
    factors = (times, 1) if rank == 4 and axis_of(dim, rank) == 2 else (1, times)
    return a.emit(SourceUpsample(factors), a.standard(x))


@rule("pad", "constant_pad_nd")
def pad(a: Arguments) -> Value:
    x = a.value("self")
    mode, value = a.take("mode", "constant"), float(a.take("value") or 0.0)
    sides = numbers(a.take("pad"))
    if mode != "constant":
        raise Refusal(f"padding with mode={mode!r}", "padding_mode='zeros', or constant padding")
    if any(sides[4:]) or len(x.shape) not in (3, 4) or (len(x.shape) == 3 and any(sides[2:])):
        raise Refusal(f"it pads other axes than height and width of {x.shape}", "padding of the last two axes")
    left, right, top, bottom = (*sides[:4], *(0,) * (4 - len(sides)))
    x = a.standard(x)
    x, rest = cropped(a, x, (top, bottom, left, right))
    return a.emit(SourcePad(rest, value), x) if any(rest) else x
