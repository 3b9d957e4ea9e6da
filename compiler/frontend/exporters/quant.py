"""Requantisers as Mul, Add and Quant: where slopes are dyadic, or a multiplier and a shift are proven equal.

Ours rounds half up, which QONNX has no name for: floor(v + 1/2), so 1/2 is added and FLOOR written. Where float32 does
not hold the products, they are split, the low bits floored on their own:

    floor((x * m + r) / 2^n) = floor((x * high + rest + floor((x * low + least) / 2^k)) / 2^(n-k))
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from ...errors import IntaglioError
from ...ir import TensorType
from ...ops import MulShift, Requantise, Shift
from ...ops.exact import FLOAT32_EXACT
from ...passes.multiplier_search import mul_shift_form, shift_form
from ...passes.staircase import Staircase
from .builder import HALF, ONE, Builder, Carried, dyadic_integers, is_dyadic, is_power_of_two, sums_fit_float32

MOST_STEPS = 1 << 12
"""Steps of a staircase for which a multiplier is searched."""

MODES = {
    "half_even": "ROUND",
    "half_away": "HALF_UP",
    "half_zero": "HALF_DOWN",
    "floor": "FLOOR",
    "ceil": "CEIL",
    "down": "DOWN",
    "up": "UP",
}
WHOLE = {"FLOOR": "Floor", "ROUND": "Round", "CEIL": "Ceil"}
MOVES_WITH_INTEGERS = {"half_up", "floor", "ceil"}
"""Modes for which round(v + z) = round(v) + z for every integer z."""


@dataclass(frozen=True)
class Affine:
    """clip(round(x * slope + offset)) - zero, one slope and offset per channel, the clip of the code."""

    slope: list[Fraction]
    offset: list[Fraction]
    lo: int
    hi: int
    rounding: str
    zero: int = 0

    @staticmethod
    def of(op: Requantise | MulShift | Shift) -> Affine:
        if isinstance(op, Requantise):
            slope, offset = (list(map(Fraction, v)) for v in (op.slope, op.offset))
            if op.rounding in MOVES_WITH_INTEGERS:
                return Affine(slope, [v - op.zero for v in offset], op.least, op.most, op.rounding)
            return Affine(slope, offset, op.lo, op.hi, op.rounding, op.zero)
        multiplier = op.multiplier if isinstance(op, MulShift) else np.ones_like(op.addend)
        slope, offset = ([Fraction(int(v), 1 << op.shift) for v in values] for values in (multiplier, op.addend))
        return Affine(slope, offset, op.lo, op.hi, "floor")

    @property
    def floored(self) -> Affine:
        """Half up as what it is: floor(v + 1/2)."""
        if self.rounding != "half_up":
            return self
        return replace(self, offset=[v + HALF for v in self.offset], rounding="floor")

    def in_float32(self, x: TensorType) -> bool:
        """Are all products and sums, and halves of one where a mode adds them, exact?"""
        halves = self.rounding.startswith("half")  # of a step, which numpy adds
        sizes = [max(abs(lo), abs(hi)) for lo, hi in zip(x.lo, x.hi, strict=True)]
        offsets = [abs(v) + HALF if halves else v for v in self.offset]
        return all(map(sums_fit_float32, self.slope, offsets, sizes))

    def reached(self, x: TensorType) -> tuple[int, int]:
        """Bounds of the codes before they are clipped."""
        ends = [a * v + b for a, b, lo, hi in zip(self.slope, self.offset, x.lo, x.hi, strict=True) for v in (lo, hi)]
        return int(min(ends) // 1), int(max(ends) // 1 if self.rounding == "floor" else -(-max(ends) // 1))


def as_quant(b: Builder, x: Carried, forms: Iterable[Affine], out: TensorType) -> Carried | None:
    """By the first of these equal forms that float32 holds, else by the first that it holds split; None by none."""
    tried = list(forms)
    for affine in tried:
        if affine.in_float32(x.kind):
            return quantised(b, x, affine, out)
    for affine in tried:
        if (cut := _cut(affine, x.kind)) is not None:
            return _split(b, x, affine, cut, out)
    return None


def quantised(b: Builder, x: Carried, affine: Affine, out: TensorType, *, plain: bool = False) -> Carried:
    """A slope that is one power of two for all channels is the scale of the Quant, and takes no Mul: unless it is to
    give `plain` integers, or its unit would grow from layer to layer, out of a peer's fixed point.
    """
    x, unit = b.narrowed(x), ONE
    if not plain and len(set(affine.slope)) == 1 and is_power_of_two(affine.slope[0]):
        unit = min(ONE, x.unit / affine.slope[0])
    factors = [slope * unit / x.unit for slope in affine.slope]
    x = b.affine(x, factors, [(offset - affine.zero) * unit for offset in affine.offset])
    mode = MODES[affine.rounding]
    if mode not in {"FLOOR", "ROUND"}:
        b.note(f"the rounding mode {mode}")
    result = Carried(x.name, out, unit, x.wide)
    clip = (affine.lo, affine.hi)
    return b.narrowed(clipped_quant(b, result, clip, affine.reached(x.kind), rounding=mode, zero=affine.zero))


def clipped_quant(
    b: Builder, x: Carried, clip: tuple[int, int], reached: tuple[int, int], *, rounding: str, zero: int = 0
) -> Carried:
    """Quant of x.name to clip(code) - zero. reached: bounds of the codes before. Max or Min where no type ends so."""
    lo, hi = clip
    if x.wide and max(abs(lo), abs(hi)) > FLOAT32_EXACT:
        return _rounded_wide(b, x, clip, rounding, zero)
    shape = b.shape_of(x.kind)
    low_free, high_free = reached[0] >= lo, reached[1] <= hi
    for bits in range(1, 64):
        for signed in (False, True) if bits > 1 else (False,):
            for narrow in (False, True):
                ends = _ends(bits, signed=signed, narrow=narrow)
                right = (ends[0] == lo or (low_free and ends[0] <= max(reached[0], lo))) and (
                    ends[1] == hi or (high_free and ends[1] >= min(reached[1], hi))
                )
                if right and not (narrow and not signed):  # which hls4ml refuses
                    name = b.quant(
                        x.name,
                        shape,
                        x.unit,
                        bits,
                        signed=signed,
                        narrow=narrow,
                        rounding=rounding,
                        zero=zero,
                        wide=x.wide,
                    )
                    return replace(x, name=name, wide=False)
    # a wider type, and then the ends that are not its own
    bits = max(2, max(abs(lo), abs(hi) + 1).bit_length() + 1)
    name = b.quant(x.name, shape, x.unit, bits, signed=True, narrow=False, rounding=rounding, zero=zero, wide=x.wide)
    x = replace(x, name=name, wide=False)
    if not low_free and lo != -(1 << (bits - 1)):
        x = _saturated(b, "Max", x, lo - zero, hi - lo)
    if not high_free and hi != (1 << (bits - 1)) - 1:
        x = _saturated(b, "Min", x, hi - zero, hi - lo)
    return x


def _rounded_wide(b: Builder, x: Carried, clip: tuple[int, int], rounding: str, zero: int) -> Carried:
    """Of more integers than float32 holds, in which every Quant ends: standard operators on float64."""
    if rounding not in WHOLE:
        raise IntaglioError(f"{rounding} to more than 24 bits has no exact form in QONNX", where=b.place, hint="floor")
    shape = b.shape_of(x.kind)
    x = b.in_unit(x, ONE)
    if zero:
        x = replace(x, name=b.emit("Add", [x.name, b.constant(float(zero), x.dtype)], shape, x.dtype))
    x = replace(x, name=b.emit(WHOLE[rounding], [x.name], shape, x.dtype))
    x = _bounded(b, "Min", _bounded(b, "Max", x, clip[0]), clip[1])
    if zero:
        x = replace(x, name=b.emit("Sub", [x.name, b.constant(float(zero), x.dtype)], shape, x.dtype))
    return x


def _bounded(b: Builder, what: str, x: Carried, end: int) -> Carried:
    b.note(f"{what} with a constant")
    limit = b.constant(float(end * x.unit), x.dtype)
    return replace(x, name=b.emit(what, [x.name, limit], b.shape_of(x.kind), x.dtype))


def _saturated(b: Builder, what: str, x: Carried, end: int, span: int) -> Carried:
    """Max or Min with a constant, by moving that to an end of an unsigned type; hls4ml has no other way. The type holds
    `span`, which lies between both ends of a clip.
    """
    shape = b.shape_of(x.kind)
    if what == "Max" and end == 0:
        return replace(x, name=b.emit("Relu", [x.name], shape, x.dtype))
    bits = max(1, span.bit_length())
    move = -end if what == "Max" else (1 << bits) - 1 - end
    if abs(move) + abs(end) + (4 << bits) > FLOAT32_EXACT:
        return _bounded(b, what, x, end)
    name = b.emit("Add", [x.name, b.fixed([move * x.unit], ())], shape) if move else x.name
    name = b.quant(name, shape, x.unit, bits, signed=False, narrow=False, rounding="FLOOR")
    return replace(x, name=b.emit("Add", [name, b.fixed([-move * x.unit], ())], shape) if move else name)


def _ends(bits: int, *, signed: bool, narrow: bool) -> tuple[int, int]:
    if not signed:
        return 0, (1 << bits) - 1 - narrow
    return -(1 << (bits - 1)) + narrow, (1 << (bits - 1)) - 1


@dataclass(frozen=True)
class Cut:
    """x * m + r in two: low and least below 2^bits, high and rest above. shift: of the whole."""

    bits: int
    shift: int
    low: list[int]
    least: list[int]
    high: list[int]
    rest: list[int]


def _cut(affine: Affine, x: TensorType) -> Cut | None:
    if affine.rounding != "floor" or not all(map(is_dyadic, (*affine.slope, *affine.offset))):
        return None
    steps, unit = dyadic_integers([*affine.slope, *affine.offset])
    if unit >= 1:
        return None
    shift, count = unit.denominator.bit_length() - 1, len(affine.slope)
    multiplier, addend = steps[:count], steps[count:]
    sizes = [max(abs(lo), abs(hi)) for lo, hi in zip(x.lo, x.hi, strict=True)]
    for bits in sorted(range(1, shift), key=lambda bits: abs(2 * bits - shift)):  # few bits behind the point in both
        mask = (1 << bits) - 1
        cut = Cut(
            bits,
            shift,
            [m & mask for m in multiplier],
            [r & mask for r in addend],
            [m >> bits for m in multiplier],
            [r >> bits for r in addend],
        )
        lows = [size * low + least for size, low, least in zip(sizes, cut.low, cut.least, strict=True)]
        highs = [
            size * abs(high) + abs(rest) + (low >> bits) + 1
            for size, high, rest, low in zip(sizes, cut.high, cut.rest, lows, strict=True)
        ]
        if max(*lows, *highs) <= FLOAT32_EXACT:
            return cut
    return None


def _split(b: Builder, x: Carried, affine: Affine, cut: Cut, out: TensorType) -> Carried:
    x = b.in_unit(b.narrowed(x), ONE)
    b.bias_of.pop(x.name, None)  # it is read twice
    lows = Affine(
        [Fraction(low, 1 << cut.bits) for low in cut.low],
        [Fraction(least, 1 << cut.bits) for least in cut.least],
        *(-FLOAT32_EXACT, FLOAT32_EXACT, "floor"),
    )
    ends = lows.reached(x.kind)
    carry = quantised(b, x, replace(lows, lo=ends[0], hi=ends[1]), TensorType.integer(x.kind.shape, *ends), plain=True)
    scale = Fraction(1, 1 << (cut.shift - cut.bits))
    high = b.affine(x, [v * scale for v in cut.high], [v * scale for v in cut.rest])
    scaled = b.emit("Mul", [carry.name, b.fixed([scale], ())], b.shape_of(out))
    whole = Carried(b.emit("Add", [high.name, scaled], b.shape_of(out)), out)
    return b.narrowed(clipped_quant(b, whole, (affine.lo, affine.hi), affine.reached(x.kind), rounding="FLOOR"))


def searched(stairs: list[Staircase]) -> Iterator[Affine]:
    """A shift, and a multiplier and a shift, as far as they are proven to be these staircases."""
    if max(len(s.steps) for s in stairs) > MOST_STEPS:
        return
    lo, hi = min(s.low for s in stairs), max(s.high for s in stairs)
    slopes = [Fraction((-1 if s.falling else 1) * max(1, s.high - s.low), max(1, s.amax - s.amin)) for s in stairs]
    frame = Requantise(np.array(slopes, object), np.array([Fraction(0)] * len(stairs), object), lo, hi)
    for form in (shift_form(frame, stairs), mul_shift_form(frame, stairs)):
        if form is not None and _equal(form, stairs):
            yield Affine.of(form)


def _equal(form: Shift | MulShift, stairs: list[Staircase]) -> bool:
    """At both ends and on both sides of every step: hence everywhere."""
    points = [s.decisive() for s in stairs]
    longest = max(map(len, points))
    grid = np.array([[*p, *[p[0]] * (longest - len(p))] for p in points], dtype=np.int64).T
    want = np.empty_like(grid)
    for c, s in enumerate(stairs):
        count = np.searchsorted(np.array(s.thresholds, np.int64), grid[:, c], side="right")
        want[:, c] = s.at_amin + (-count if s.falling else count)
    return bool((form.run(grid) == want).all())
