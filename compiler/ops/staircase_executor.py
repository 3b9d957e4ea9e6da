"""A fast form of any operator that is a monotone staircase per channel: the requantisers.

Where the steps are is asked of the operator's own `run`, by bisection. Then one of:

- `floor(x * slope + offset)` in floats, clipped. Rounding is monotone, so this whole expression is monotone, however it
  rounds; hence it equals the staircase everywhere if it does at both sides of every step. That is checked, on the same
  NumPy operations that will run.
- a table of every reachable value of every channel.
- `run` itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..ir import Array, Int64, TensorType
from .exact import integers
from .executors import Executor, Float, float_carrier

STEP_LIMIT = 1 << 10
"""Staircases with more steps in a channel are left to `run`."""

TABLE_LIMIT = 1 << 22
"""Entries of the largest table."""

Clip = tuple[Any, Any]


@dataclass(frozen=True)
class Stairs:
    """The staircases of all channels on [low, high]. points: (n, channels), where equality proves equality everywhere.

    steps: (levels, channels), inputs at which the level changes, repeated at the end where a channel has fewer.
    direction: (channels,), +1, -1 or 0.
    """

    low: Int64
    high: Int64
    steps: Int64
    first: Int64
    last: Int64
    direction: Int64

    @property
    def points(self) -> Int64:
        return np.concatenate([self.low[None], self.high[None], self.steps, np.maximum(self.steps - 1, self.low)])


def staircase_executor(run: Executor, x: TensorType) -> Executor:
    """Equal to `run` (channel by channel, monotone) on x."""
    if float_carrier(x.magnitude) is None or max(x.hi) - min(x.lo) >= 1 << 62:
        return run
    stairs = find_stairs(run, x)
    if stairs is None:
        return run
    dtype = float_carrier(x.magnitude, int(np.abs(stairs.first).max()), int(np.abs(stairs.last).max()))
    return (dtype is not None and _affine(run, stairs, x, dtype)) or _table(run, stairs, x) or run


def find_stairs(run: Executor, x: TensorType) -> Stairs | None:
    """Every step of every channel, by bisection on all of them at once; None if there are too many."""
    low, high = x.lo_array, x.hi_array
    first, last = (integers(run(end[None]))[0] for end in (low, high))
    direction = np.sign(last - first)
    count = np.abs(last - first)
    levels = int(count.max(initial=0))
    if levels > STEP_LIMIT:
        return None
    wanted = np.minimum(np.arange(1, levels + 1)[:, None], np.maximum(count, 1))
    # the least input that is `wanted` levels away from the first
    left = np.broadcast_to(low, wanted.shape).copy()
    right = np.broadcast_to(high, wanted.shape).copy()
    while (left < right).any():
        middle = (left + right) >> 1
        reached = (integers(run(middle)) - first) * direction >= wanted
        right = np.where(reached, middle, right)
        left = np.where(reached, left, np.minimum(middle + 1, right))
    return Stairs(low, high, right, first, last, direction)


def _affine(run: Executor, stairs: Stairs, x: TensorType, narrowest: npt.DTypeLike) -> Executor | None:
    slope, offset = _line(stairs)
    low, high = np.minimum(stairs.first, stairs.last), np.maximum(stairs.first, stairs.last)
    expected = integers(run(stairs.points))
    for dtype in (np.float32, np.float64):
        if np.dtype(dtype).itemsize < np.dtype(narrowest).itemsize:
            continue
        multiplier: Any = slope.astype(dtype)
        addend: Any = offset.astype(dtype)
        points: Any = stairs.points.astype(dtype)
        level = _floor(points, multiplier, addend)
        # the cheapest clip that does: none, one for all channels, one for each
        clips: tuple[Clip | None, ...] = (None, (low.min(), high.max()), (low, high))
        for clip in clips:
            if (expected == (level if clip is None else np.clip(level, *clip))).all():
                return _affine_executor(multiplier, addend, clip, x)
    return None


def _affine_executor(multiplier: Float, addend: Float, clip: Clip | None, x: TensorType) -> Executor:
    # rows of pixels, not the channels of one pixel, keep NumPy's inner loops long
    width = x.shape[-2] if len(x.shape) > 1 else 1
    slopes, offsets = np.tile(multiplier, width), np.tile(addend, width)
    dtype = multiplier.dtype
    ends = [np.tile(np.asarray(end, dtype), width) if np.ndim(end) else dtype.type(end) for end in clip or ()]

    def execute(x: Array) -> Array:
        rows = np.ascontiguousarray(x).reshape(-1, len(slopes))
        result = np.multiply(rows, slopes, dtype=dtype)
        result += offsets
        np.floor(result, out=result)
        if ends:
            np.clip(result, *ends, out=result)
        return result.reshape(x.shape)

    return execute


def _floor(x: Float, multiplier: Float, addend: Float) -> Float:
    result = x * multiplier
    result += addend
    return np.floor(result, out=result)


def _line(stairs: Stairs) -> tuple[Float, Float]:
    """Slope and offset, per channel, of the line whose floor is the staircase with the widest margin.

    Seen rising: floor(m*t + b) must be at least k at step t_k, and less than k at t_k - 1. For a given slope the
    offsets that do lie between max(k - m*t_k) and min(k - m*(t_k - 1)); the width of that interval is concave in m.
    """
    direction = stairs.direction.astype(np.float64)
    levels = len(stairs.steps)
    if not levels:
        return np.zeros(len(direction)), stairs.first + 0.5
    count = np.abs(stairs.last - stairs.first)
    above = np.minimum(np.arange(1, levels + 1)[:, None], np.maximum(count, 1)).astype(np.float64)
    steps = stairs.steps.astype(np.float64)
    centre = steps[0]  # keeps the numbers small

    def interval(slope: Float) -> tuple[Float, Float]:
        at = above - slope * (steps - centre)
        return at.max(axis=0), (at + slope).min(axis=0)

    # what the first and the last step alone demand: count - 1 levels in their span, give or take one
    span = steps[-1] - steps[0]
    left = np.maximum(count - 1, 0) / (span + 1)
    right = np.where(span > 1, np.maximum(count - 1, 0) / np.maximum(span - 1, 1), levels + 1.0)
    for _ in range(70):
        third = (right - left) / 3
        one, two = left + third, right - third
        (a, b), (c, d) = interval(one), interval(two)
        better = (b - a) > (d - c)
        right, left = np.where(better, two, right), np.where(better, left, one)
    slope = (left + right) / 2
    lowest, highest = interval(slope)
    offset = (lowest + highest) / 2 - slope * centre
    # rising: first + floor(m t + b); falling: first - floor(m t + b) = first + 1 + floor(-(m t + b)), off integers
    flat = direction == 0
    rising = direction > 0
    slope = np.where(flat, 0.0, slope * direction)
    offset = np.where(flat, 0.5, np.where(rising, offset, 1 - offset))
    return slope, offset + stairs.first


def _table(run: Executor, stairs: Stairs, x: TensorType) -> Executor | None:
    sizes = stairs.high - stairs.low + 1
    if int(sizes.sum()) > TABLE_LIMIT:
        return None
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    inputs = stairs.low + np.minimum(np.arange(int(sizes.max()))[:, None], sizes - 1)
    values = integers(run(inputs))
    table = np.concatenate([values[: int(size), c] for c, size in enumerate(sizes)])
    table = table.astype(np.float32 if int(np.abs(table).max()) <= 1 << 24 else np.int64)
    shifts = (starts - stairs.low).astype(np.int64)

    def execute(x: Array) -> Array:
        index: npt.NDArray[Any] = x.astype(np.int64)
        index += shifts
        return table.take(index)

    return execute
