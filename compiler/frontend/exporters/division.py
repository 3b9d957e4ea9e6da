"""An input whose scale is a dyadic number but no power of two: m / 2^n. Division in float32, exactly.

    floor((x - o) / s + 1/2): all boundaries lie on a grid of 2^-(n+1), so x is floored to it: X, an integer.
    Y = X + constant >= 0     q = floor(Y * a / 2^b)     r = Y - D * q     q + floor(r / D), whose r is small

It takes Quant, Mul, Add and Sub, which hls4ml builds, where thresholds would not be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

from ...ir import Border, TensorType
from ...ops.elements import is_bipolar
from ...ops.exact import FLOAT32_EXACT
from ...passes.staircase import Staircase
from .builder import Builder, Carried, dyadic_integers, is_dyadic
from .quant import Affine, clipped_quant, quantised, searched

MOST_BITS = 22
"""Of the integers on the grid."""

MOST_STEPS = 64
"""Of the last quotient."""


def divided_on_a_grid(b: Builder, kind: TensorType, border: Border, arrive: Callable[[], str]) -> Carried | None:
    """The input as integers; None where it is not of this kind, or float32 has no room. `arrive` gives x."""
    slope, offset = border.slope[0], border.offset[0]
    if len({*border.slope}) > 1 or len({*border.offset}) > 1 or is_bipolar(kind) or slope < 0:
        return None
    if border.rounding not in ("half_up", "floor") or not (is_dyadic(slope) and is_dyadic(offset)):
        return None
    lo, hi = min(kind.lo), max(kind.hi)
    first = offset - (slope / 2 if border.rounding == "half_up" else 0)  # from here on the code is at least 0
    (step, start), grid = dyadic_integers([slope, first])
    bits = max(abs(start + step * (lo - 1)), abs(start + step * (hi + 1)) + 1).bit_length() + 1
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    lift = -((low - start) // step)
    top = high - start + step * lift
    shift = 0
    while (2 << shift) // step * top <= FLOAT32_EXACT and shift < 40:
        shift += 1
    multiplier = (1 << shift) // step
    rest = int(step + top * (1 - Fraction(multiplier * step, 1 << shift))) + 1
    if bits > MOST_BITS or not multiplier or rest // step > MOST_STEPS or top + step * lift > FLOAT32_EXACT:
        return None
    channels, shape = kind.channels, b.shape_of(kind)
    steps = tuple(range(step, rest + 1, step))
    last = Staircase(False, 0, rest, 0, len(steps), steps)
    rests = TensorType.integer(kind.shape, 0, rest)
    correction = next((form for form in searched([last] * channels) if form.in_float32(rests)), None)
    if correction is None:
        return None
    x = Carried(arrive(), TensorType.integer(kind.shape, low, high), grid)
    x = clipped_quant(b, x, (low, high), (low - 1, high + 1), rounding="FLOOR")
    moved = b.fixed([(step * lift - start) * grid], ())
    y = replace(x, name=b.emit("Add", [x.name, moved], shape), kind=TensorType.integer(kind.shape, 0, top))
    whole = TensorType.integer(kind.shape, 0, top // step)
    slopes = [Fraction(multiplier, 1 << shift)] * channels
    q = quantised(b, y, Affine(slopes, [Fraction(0)] * channels, 0, top // step, "floor"), whole, plain=True)
    product = b.emit("Mul", [q.name, b.fixed([step * grid], ())], shape)
    r = Carried(b.emit("Sub", [y.name, product], shape), rests, grid)
    more = quantised(b, r, correction, TensorType.integer(kind.shape, 0, len(steps)), plain=True)
    total = b.emit("Add", [q.name, more.name], shape)
    code = b.emit("Add", [total, b.fixed([Fraction(-lift)], ())], shape)
    return clipped_quant(b, Carried(code, kind), (lo, hi), (lo - 2, hi + 2), rounding="FLOOR")
