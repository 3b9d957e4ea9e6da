"""A chain of real functions between two integer tensors -> one integer operator, whatever the chain is.

x = dense(…)                                      x = dense(…)
s = source.activation(x) sigmoid           ->     q = lookup(x) table=…       every reachable integer, exactly
q = source.quantise(s)                       or   q = threshold(x) …          monotone, a range too wide for a table
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import IntaglioError
from ..ir import Int64, Op, TensorType, as_integers
from ..ops import Lookup, Threshold
from ..ops.functions import FUNCTIONS
from .pending import Pending

MOST_ENTRIES = 1 << 16
"""Of a table that all channels share, or of one channel's."""
MOST_CELLS = 1 << 20
MOST_LEVELS = 1 << 12
CLEAR = 1e-7
"""A float64 this far from where the code changes, relative to its size, decides; nearer ones are computed exactly."""

Code = Callable[[int, Fraction], int]
Floats = npt.NDArray[np.float64]
Near = Callable[[int, Floats, Floats], Floats]
"""(channel, low, high): the code that all real numbers from low to high have; NaN where they may have several."""


def tabulated(
    x: Pending,
    kind: TensorType,
    code: Code,
    where: str,
    *,
    scale: Any,
    bipolar: bool,
    name: str,
    shared: bool,
    near: Near | None = None,
    few_levels: bool = False,
) -> Op:
    """The operator that gives code(channel, real value) for every integer within the bounds of `kind`.

    code never falls. shared: it is the same for every channel. near: it in float64, where that decides. few_levels:
    thresholds are worth more than a table, where the chain is monotone.
    Raises IntaglioError where the range is too wide for a table and the chain is not monotone.
    """
    lows, highs = kind.lo, kind.hi
    shared = shared and x.uniform
    first, last = min(lows), max(highs)
    rows = 1 if shared else x.channels
    directions = [x.direction(c) for c in range(x.channels)]
    is_monotone = 0 not in directions
    if not (few_levels and is_monotone) and last - first < MOST_ENTRIES and rows * (last - first + 1) <= MOST_CELLS:
        table = [_row(x, code, near, c, first, last) for c in range(rows)]
        return Lookup(as_integers(table), first, scale, bipolar)
    if not is_monotone:
        raise IntaglioError(
            f"{name} has {last - first + 1} reachable inputs and is not monotone: no table holds it",
            where=where,
            hint="a quantiser of at most 16 bits in front of it",
        )
    return threshold_of(
        lambda c, v: code(c, x.at(c, v)),
        lows,
        highs,
        directions,
        where,
        scale=scale,
        bipolar=bipolar,
        name=name,
        about=None if near is None else about(x, near),
    )


def about(x: Pending, near: Near) -> Callable[[int, Int64], Floats]:
    """The codes of integers in float64: where to look for thresholds."""

    def codes(channel: int, values: Int64) -> Floats:
        with np.errstate(all="ignore"):
            real = _fast(x, channel, values.astype(np.float64))
            return near(channel, real, real)

    return codes


def threshold_of(
    at: Callable[[int, int], int],
    lows: Sequence[int],
    highs: Sequence[int],
    directions: Sequence[int],
    where: str,
    *,
    scale: Any,
    bipolar: bool,
    name: str,
    about: Callable[[int, Int64], Floats] | None = None,
) -> Threshold:
    """A monotone integer function per channel as thresholds, each found by bisection.

    about: roughly the same function, fast: the exact one is then asked near the thresholds alone.
    """
    rows, base, step = [], [], []
    for c, (low, high, direction) in enumerate(zip(lows, highs, directions, strict=True)):
        start, end = at(c, low), at(c, high)
        jump = 2 if bipolar else 1
        count = abs(end - start) // jump
        if count > MOST_LEVELS:
            raise IntaglioError(f"{name} takes {count} steps, more than thresholds can be built for", where=where)
        row, left = [], low
        levels = start + direction * jump * np.arange(1, count + 1)
        guesses = [None] * count if about is None else _guessed(about, c, levels, direction, low, high)
        for wanted, guess in zip(levels.tolist(), guesses, strict=True):
            left = _first(lambda v: (at(c, v) - wanted) * direction >= 0, left, high, guess)  # noqa: B023
            row.append(left)
        rows.append(row)
        base.append(start)
        step.append(-2 * start if bipolar else direction)
    most = max(1, *map(len, rows))
    padded = [row + [high + 1] * (most - len(row)) for row, high in zip(rows, highs, strict=True)]
    return Threshold(as_integers(padded), as_integers(base), as_integers(step), scale)


def _guessed(
    about: Callable[[int, Int64], Floats], channel: int, levels: Int64, direction: int, low: int, high: int
) -> list[int]:
    """Where the function seems to reach each level, all bisected at once."""
    a, b = np.full(len(levels), low, np.int64), np.full(len(levels), high, np.int64)
    while (a < b).any():
        middle = (a + b) >> 1
        reached = (about(channel, middle) - levels) * direction >= 0
        a, b = np.where(reached | (a >= b), a, middle + 1), np.where(reached, np.minimum(b, middle), b)
    return [*a.tolist()]


def _first(reached: Callable[[int], bool], low: int, high: int, guess: int | None) -> int:
    """The first v of low..high that has reached it, as `high` has, and all after the first."""
    if guess is not None:  # a bracket around it, twice as wide each time
        v, step = min(max(guess, low), high), 1
        if reached(v):
            high = v
            while high > low:
                below = max(low, high - step)
                if not reached(below):
                    low = below + 1
                    break
                high, step = below, 2 * step
        else:
            low = v + 1
            while low < high:
                above = min(high, low - 1 + step)
                if reached(above):
                    high = above
                    break
                low, step = above + 1, 2 * step
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) else (middle + 1, high)
    return low


def _row(x: Pending, code: Code, near: Near | None, channel: int, first: int, last: int) -> list[int]:
    """code of every integer first..last of a channel: in float64 where that is clear, exactly elsewhere."""
    values = np.arange(first, last + 1, dtype=np.float64)
    with np.errstate(all="ignore"):
        real = _fast(x, channel, values)
        slack = CLEAR * (np.abs(real) + _scale_of(x, channel))
    if near is not None:
        with np.errstate(all="ignore"):
            codes = near(channel, real - slack, real + slack)
        return [
            code(channel, x.at(channel, v)) if c != c else int(c)  # noqa: PLR0124  NaN
            for c, v in zip(codes.tolist(), range(first, last + 1), strict=True)
        ]
    result, known = [], {}

    def at(value: float) -> int | None:
        if not np.isfinite(value):
            return None
        if value not in known:
            known[value] = code(channel, Fraction(value))
        return known[value]

    for value, doubt, integer in zip(real.tolist(), slack.tolist(), range(first, last + 1), strict=True):
        low, high = at(value - doubt), at(value + doubt)
        result.append(low if low is not None and low == high else code(channel, x.at(channel, integer)))
    return [int(v) for v in result]


def _scale_of(x: Pending, channel: int) -> float:
    return float(abs(x.slope[channel])) * 1e-3


def _fast(x: Pending, channel: int, values: Any) -> Any:
    """`Pending.at` in float64."""
    real = values * float(x.slope[channel]) + float(x.offset[channel])
    lo, hi = x.lo[channel], x.hi[channel]
    real = real if lo is None else np.maximum(real, float(lo))
    real = real if hi is None else np.minimum(real, float(hi))
    for step in x.steps:
        mine = [float(v) for v in step.of(channel)]
        real = real * mine[0] + mine[1] if step.function == "affine" else FUNCTIONS[step.function].fast(real, *mine)
    return real
