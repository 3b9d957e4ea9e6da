"""Fast forms of the operators for the simulator: each equal to `Op.run` on the proven types, on every input.

Integers travel as floats wherever the bounds prove it exact (float32 up to 2^24, float64 up to 2^53), since BLAS and
NumPy's vector units are fastest there. Where nothing faster is proven, the operator's own `run` is the executor.
All constants are prepared once; arrays that come in are never written to.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from ..ir import Array, Int64, TensorType
from .exact import FLOAT64_EXACT, carrier
from .window import Window

Executor = Callable[..., Array]
Float = npt.NDArray[np.floating[Any]]

MULTIPLY_NS = 0.03
COPY_NS = 0.4
SEGMENT_NS = 6.0
"""Rough costs of one multiply-accumulate in BLAS, of one element copied, and of starting a contiguous run of them."""

TAP_NS = 0.6
"""Likewise, of one multiply-accumulate outside of BLAS."""

BAND_LIMIT = 1 << 21
"""Elements of the largest banded weight matrix."""

CHUNK = 1 << 16
"""Elements of a result that is worked on in many rounds, so that it stays near."""


def float_carrier(*magnitudes: int) -> npt.DTypeLike | None:
    """The float type that holds all integers of these magnitudes, None if there is none."""
    widest = max(magnitudes)
    return carrier(widest) if widest <= FLOAT64_EXACT else None


def dense_executor(weight: Int64, bias: Int64, x: TensorType, run: Executor) -> Executor:
    """x (..., inputs) @ weight.T + bias."""
    dtype = float_carrier(_reach(weight, bias, x))
    if dtype is None:
        return run
    matrix = np.ascontiguousarray(weight.T.astype(dtype))
    start = bias.astype(dtype)

    def execute(x: Any) -> Any:
        flat = x.reshape(-1, matrix.shape[0]).astype(dtype, copy=False)
        result = flat @ matrix
        result += start
        return result.reshape(*x.shape[:-1], len(start))

    return execute


def conv_executor(weight: Int64, bias: Int64, window: Window, x: TensorType, run: Executor) -> Executor:
    """A convolution, dense or in groups: whichever of its forms costs the least by a small cost model.

    Groups may be multiplied together, so many at a time, in matrices that hold zeros between them; a depthwise
    convolution also tap by tap.
    """
    dtype = float_carrier(_reach(weight, bias, x))
    if dtype is None:
        return run
    groups = x.channels // weight.shape[3]
    if groups == 1:
        return _band_executor(weight, bias, window, x, dtype)
    together = [n for n in range(1, groups + 1) if groups % n == 0]
    costs = {n: _joined_cost(weight, groups, n) for n in together}
    best = min(together, key=costs.__getitem__)
    if weight.shape[3] == 1 and weight[..., 0].size * TAP_NS < costs[best]:
        return _tap_executor(weight, bias, window, x, dtype)
    joined = _joined(weight, groups, best)
    if best == groups:
        return _band_executor(joined, bias, window, x, dtype)
    return _group_executor(joined, bias, window, x, dtype)


def _joined_cost(weight: Int64, groups: int, together: int) -> float:
    """Nanoseconds per output pixel with so many groups in one matrix."""
    outputs, rows, columns, inputs = weight.shape
    taps = rows * columns * groups // together
    width = -(-outputs * together // groups // 16) * 16
    return taps * (SEGMENT_NS + inputs * together * (COPY_NS + width * MULTIPLY_NS))


def _joined(weight: Int64, groups: int, together: int) -> Int64:
    """The same convolution in `groups / together` groups."""
    outputs, rows, columns, inputs = weight.shape
    result = np.zeros((outputs, rows, columns, together * inputs), np.int64)
    for output in range(outputs):
        first = output * groups // outputs % together * inputs
        result[output, ..., first : first + inputs] = weight[output]
    return result


def _tap_executor(weight: Int64, bias: Int64, window: Window, x: TensorType, dtype: npt.DTypeLike) -> Executor:
    """A depthwise convolution, a multiply-accumulate of a whole image per tap, a few frames at a time."""
    outputs, kernel_rows, kernel_columns, _ = weight.shape
    height, width, _ = window.output_shape(x, outputs, "conv2d")
    (down, right), (apart_down, apart_right) = window.stride, window.dilation
    factors = np.ascontiguousarray(weight[..., 0].transpose(1, 2, 0).astype(dtype)).reshape(-1, outputs)
    start, copies = bias.astype(dtype), outputs // x.channels
    pad = _padder(window, x, 0, dtype)
    chunk = max(1, CHUNK // (height * width * outputs))
    places = [
        (
            slice(row * apart_down, row * apart_down + (height - 1) * down + 1, down),
            slice(column * apart_right, column * apart_right + (width - 1) * right + 1, right),
        )
        for row in range(kernel_rows)
        for column in range(kernel_columns)
    ]

    def execute(x: Any) -> Any:
        image = pad(x) if copies == 1 else pad(x).repeat(copies, axis=-1)
        result = np.empty((len(image), height, width, outputs), dtype)
        term = np.empty((min(chunk, len(image)), height, width, outputs), dtype)
        for first in range(0, len(image), chunk):
            frames, total = image[first : first + chunk], result[first : first + chunk]
            total[...] = start
            for place, factor in zip(places, factors, strict=True):
                total += np.multiply(frames[:, *place], factor, out=term[: len(frames)])
        return result

    return execute


def _group_executor(weight: Int64, bias: Int64, window: Window, x: TensorType, dtype: npt.DTypeLike) -> Executor:
    """One matrix product per group, of the matrix of its windows, copied out whole."""
    outputs, kernel_rows, kernel_columns, inputs = weight.shape
    groups = x.channels // inputs
    height, width, _ = window.output_shape(x, outputs, "conv2d")
    matrices = np.ascontiguousarray(weight.reshape(groups, outputs // groups, -1).transpose(0, 2, 1).astype(dtype))
    start = bias.astype(dtype)
    pad = _padder(window, x, 0, dtype)

    def execute(x: Any) -> Any:
        image = pad(x)
        frame, row, pixel, element = _strides(image)
        windows = np.lib.stride_tricks.as_strided(
            image,
            (groups, len(image), height, width, kernel_rows, kernel_columns, inputs),
            (
                inputs * element,
                frame,
                window.stride[0] * row,
                window.stride[1] * pixel,
                window.dilation[0] * row,
                window.dilation[1] * pixel,
                element,
            ),
            writeable=False,
        )
        result = np.empty((len(image), height, width, outputs), dtype)
        split = result.reshape(-1, groups, outputs // groups)
        for group, matrix in enumerate(matrices):
            split[:, group] = windows[group].reshape(-1, len(matrix)) @ matrix
        result += start
        return result

    return execute


def _band_executor(weight: Int64, bias: Int64, window: Window, x: TensorType, dtype: npt.DTypeLike) -> Executor:
    """A convolution as one matrix product over bands: `tile` neighbouring outputs of a row share the inputs they see.

    A tile of one is the usual matrix of windows, copied out whole; a wider tile copies less and multiplies more (by
    the zeros of a banded weight matrix). The cheapest tile by a small cost model is taken.
    """
    outputs, kernel_rows, kernel_columns, channels = weight.shape
    height, width, _ = window.output_shape(x, outputs, "conv2d")
    (down, right), (apart_down, apart_right) = window.stride, window.dilation

    def span(tile: int) -> int:
        return int(((tile - 1) * right + window.span[1]) * channels)

    def cost(tile: int) -> float:
        segments = width // tile * kernel_rows
        copied = segments * span(tile)
        # BLAS works on blocks of columns: a narrow product costs as much as a wider one
        columns = -(-tile * outputs // 16) * 16
        return copied * COPY_NS + segments * SEGMENT_NS + copied * columns * MULTIPLY_NS

    tiles = [t for t in range(1, width + 1) if width % t == 0]
    small = [t for t in tiles if kernel_rows * span(t) * t * outputs <= BAND_LIMIT]
    tile = min(small or tiles[:1], key=cost)
    band = np.zeros((kernel_rows, span(tile), tile, outputs), dtype)
    taps = weight.transpose(1, 2, 3, 0)
    for column in range(tile):
        for tap in range(kernel_columns):
            first = (column * right + tap * apart_right) * channels
            band[:, first : first + channels, column] = taps[:, tap]
    matrix = band.reshape(kernel_rows * span(tile), tile * outputs)
    start = np.tile(bias.astype(dtype), tile)
    pad = _padder(window, x, 0, dtype)

    def execute(x: Any) -> Any:
        image = pad(x)
        frame, row, pixel, element = _strides(image)
        rows = np.lib.stride_tricks.as_strided(
            image,
            (len(image), height, width // tile, kernel_rows, span(tile)),
            (frame, down * row, tile * right * pixel, apart_down * row, element),
            writeable=False,
        )
        result = rows.reshape(-1, len(matrix)) @ matrix
        result += start
        return result.reshape(len(image), height, width, outputs)

    return execute


def max_pool_executor(window: Window, x: TensorType, run: Executor) -> Executor:
    """The largest of each window; the padding is no larger than anything."""
    dtype = float_carrier(x.magnitude)
    return run if dtype is None else _pool(window, x, np.maximum, min(x.lo), dtype)


def sum_pool_executor(window: Window, x: TensorType, run: Executor) -> Executor:
    """The sum of each window."""
    dtype = float_carrier(window.kernel[0] * window.kernel[1] * x.magnitude)
    return run if dtype is None else _pool(window, x, np.add, 0, dtype)


def _pool(window: Window, x: TensorType, combine: Callable[..., Any], fill: int, dtype: npt.DTypeLike) -> Executor:
    """Rows first, then columns."""
    height, width, channels = window.output_shape(x, x.channels, "pool")
    (kernel_rows, kernel_columns), (down, right) = window.kernel, window.stride
    pad = _padder(window, x, fill, dtype)

    def execute(x: Any) -> Any:
        image = pad(x)
        flat = image.reshape(*image.shape[:2], -1)
        rows = _combined(combine, [flat[:, k : k + (height - 1) * down + 1 : down] for k in range(kernel_rows)])
        lines = rows.reshape(len(image), height, -1, channels)
        last = (width - 1) * right + 1
        result = _combined(combine, [lines[:, :, k : k + last : right] for k in range(kernel_columns)])
        return np.ascontiguousarray(result)

    return execute


def add_executor(a: TensorType, b: TensorType, run: Executor) -> Executor:
    """a + b."""
    dtype = float_carrier(a.magnitude + b.magnitude)
    if dtype is None:
        return run
    return lambda left, right: left.astype(dtype, copy=False) + right.astype(dtype, copy=False)


def _reach(weight: Int64, bias: Int64, x: TensorType) -> int:
    """A bound of every operand, product and partial sum, in any order."""
    flat = np.abs(weight).reshape(len(bias), -1)
    heaviest = int(flat.sum(axis=1).max(initial=0))
    return max(heaviest * max(x.magnitude, 1) + int(np.abs(bias).max(initial=0)), x.magnitude)


def _strides(image: Any) -> tuple[int, ...]:
    """Of a contiguous array; NumPy leaves those of an axis of one element undefined."""
    rest = [int(np.prod(image.shape[axis + 1 :], dtype=np.int64)) for axis in range(image.ndim)]
    return tuple(image.itemsize * count for count in rest)


def _padder(window: Window, x: TensorType, fill: int, dtype: npt.DTypeLike) -> Callable[[Array], Any]:
    """The image in the carrier type, contiguous, with its padding."""
    height, width, channels = x.shape
    top, bottom, left, right = window.padding
    if not any(window.padding):
        return lambda image: np.ascontiguousarray(image, dtype)

    def pad(image: Array) -> Any:
        framed = np.full((len(image), top + height + bottom, left + width + right, channels), fill, dtype)
        framed[:, top : top + height, left : left + width] = image
        return framed

    return pad


def _combined(combine: Callable[..., Any], pieces: list[Any]) -> Any:
    if len(pieces) == 1:
        return pieces[0]
    result = combine(pieces[0], pieces[1])
    return reduce(lambda total, piece: combine(total, piece, out=total), pieces[2:], result)
