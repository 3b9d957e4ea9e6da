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

BAND_LIMIT = 1 << 21
"""Elements of the largest banded weight matrix."""


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
    """A convolution as one matrix product over bands: `tile` neighbouring outputs of a row share the inputs they see.

    A tile of one is the usual matrix of windows, copied out whole; a wider tile copies less and multiplies more (by
    the zeros of a banded weight matrix). The cheapest tile by a small cost model is taken.
    """
    dtype = float_carrier(_reach(weight, bias, x))
    if dtype is None:
        return run
    outputs, kernel_rows, kernel_columns, channels = weight.shape
    height, width, _ = window.output_shape(x, outputs, "conv2d")
    down, right = window.stride

    def span(tile: int) -> int:
        return int(((tile - 1) * right + kernel_columns) * channels)

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
    for column in range(tile):
        first = column * right * channels
        part = weight.transpose(1, 2, 3, 0).reshape(kernel_rows, kernel_columns * channels, outputs)
        band[:, first : first + kernel_columns * channels, column] = part
    matrix = band.reshape(kernel_rows * span(tile), tile * outputs)
    start = np.tile(bias.astype(dtype), tile)
    pad = _padder(window, x, 0, dtype)

    def execute(x: Any) -> Any:
        image = pad(x)
        frame, row, pixel, element = image.strides
        rows = np.lib.stride_tricks.as_strided(
            image,
            (len(image), height, width // tile, kernel_rows, span(tile)),
            (frame, down * row, tile * right * pixel, row, element),
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
