"""Constants of an ONNX network, exactly: the numbers that they are, not what float32 arithmetic would make of them.

A constant is `values * steps`: an array of numbers that float64 or int64 hold, times few exact rationals that are
broadcast over it (the scales of a quantiser, say), so that millions of weights stay fast.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import isqrt, lcm, prod
from typing import Any

import numpy as np
import numpy.typing as npt

from ...ops.rounding import rounded
from ...passes.pending import unit_of
from ..findings import Refusal

Array = npt.NDArray[Any]
ZERO, ONE = Fraction(0), Fraction(1)
LARGEST_EXACT = 1 << 22
"""Elements of an array that is computed number by number."""
LONGEST = 1 << 12
"""Bits of a numerator or denominator."""
WIDEST_CODE = 1 << 15
TINY, FAR = 2.0**-40, 2.0**40


@dataclass(frozen=True, eq=False)
class Constant:
    """values * steps. values: float64, int64, bool or object (Fraction); steps: broadcast over them, or None for 1.

    integral: of an integer type in the file (a shape, an axis), so that division truncates. origin: what to call it.
    kind: its element type in the file, where it is an integer type (`int8`).
    """

    values: Array
    steps: Array | None = None
    integral: bool = False
    origin: str = ""
    kind: str = ""

    def __post_init__(self) -> None:  # arithmetic on arrays without axes makes bare numbers
        for name in ("values", "steps"):
            given = getattr(self, name)
            if given is not None and not isinstance(given, np.ndarray):
                object.__setattr__(self, name, np.asarray(given, object if isinstance(given, Fraction) else None))

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.values.shape)

    @property
    def size(self) -> int:
        return int(self.values.size)

    def exact(self) -> Array:
        """An object array of Fractions."""
        if self.size > LARGEST_EXACT:
            raise Refusal(
                f"the constant {self.origin} has {self.size} elements, too many to compute with one by one",
                "fold the constants when exporting (do_constant_folding=True, or onnxsim)",
            )
        values = fractions_of(self.values)
        return values if self.steps is None else np.asarray(values * self.steps, object)

    def floats(self) -> npt.NDArray[np.float64]:
        """The nearest float64 of every number, or one beside it."""
        values = self.values.astype(np.float64)
        return np.asarray(values if self.steps is None else values * self.steps.astype(np.float64))

    def finite(self) -> Constant:
        if self.values.dtype.kind == "f" and not np.isfinite(self.values).all():
            bad = int((~np.isfinite(self.values)).sum())
            raise Refusal(
                f"{bad} of the {self.size} values of {self.origin or 'a constant'} are NaN or infinite",
                "train the network again with a lower learning rate, or export another checkpoint",
            )
        return self

    # -- layout: values and steps move together --------------------------------------------------------------------
    def transposed(self, axes: Sequence[int]) -> Constant:
        return self.moved(lambda a: a.transpose(axes))

    def reshaped(self, shape: Sequence[int]) -> Constant:
        return self.moved(lambda a: a.reshape(shape))

    def moved(self, move: Callable[[Array], Array]) -> Constant:
        """After a function that moves, repeats or drops elements."""
        if self.steps is None:
            return Constant(move(self.values), None, self.integral, self.origin, self.kind)
        index = np.broadcast_to(np.arange(self.steps.size).reshape(self.steps.shape), self.values.shape)
        values = move(self.values)
        if self.steps.size == 1:
            return Constant(values, self.steps.reshape((1,) * values.ndim), self.integral, self.origin)
        moved = collapsed(move(index))
        return Constant(values, self.steps.ravel()[moved], self.integral, self.origin)

    def scaled(self, factors: Array) -> Constant:
        """Times few numbers, broadcast over it."""
        factors = aligned(factors, self.values.ndim)
        steps = factors if self.steps is None else np.asarray(aligned(self.steps, self.values.ndim) * factors, object)
        check_size(steps.ravel().tolist())
        return Constant(self.values, steps, False, self.origin)


def of(value: Any, origin: str = "", kind: str = "") -> Constant:
    """An array of a file."""
    array = np.asarray(value)
    if array.dtype.kind == "b":
        return Constant(array, None, True, origin, "bool")
    if array.dtype.kind in "iu":
        if array.dtype == np.uint64 and array.size and int(array.max()) >= 1 << 63:
            raise Refusal(f"{origin} holds integers that 64 bits with sign do not hold", "int64")
        return Constant(array.astype(np.int64), None, True, origin, kind or array.dtype.name)
    if array.dtype.kind == "f" or array.dtype.name == "bfloat16":
        return Constant(array.astype(np.float64), None, False, origin)
    raise Refusal(f"{origin} is of type {array.dtype}", "float32, float64 or integers")


def from_fractions(values: Array, integral: bool = False, origin: str = "") -> Constant:
    """An object array of Fractions; integers again where they are of an integer type."""
    check_size(values.ravel().tolist())
    if not integral:
        return Constant(values, None, False, origin)
    whole = [int(v) for v in values.ravel().tolist()]
    if any(not -(1 << 63) <= v < 1 << 63 for v in whole):
        raise Refusal("an integer of a shape overflows 64 bits", "smaller shapes")
    return Constant(np.array(whole, np.int64).reshape(values.shape), None, True, origin)


def check_size(values: Iterable[Fraction]) -> None:
    if any(v.numerator.bit_length() > LONGEST or v.denominator.bit_length() > LONGEST for v in values):
        raise Refusal(f"a constant has more than {LONGEST} digits", "constants that a float32 holds")


def fractions_of(array: Array) -> Array:
    """The same numbers as Fractions, each distinct one made once."""
    result = np.empty(array.shape, object)
    if array.dtype == object:
        result[...] = array
        return result
    flat = array.ravel().tolist()
    known = {v: Fraction(v) for v in set(flat)}
    result[...] = np.array([*(known[v] for v in flat), None], object)[:-1].reshape(array.shape)
    return result


def full(shape: tuple[int, ...], value: Fraction) -> Array:
    result = np.empty(shape, object)
    result[...] = value
    return result


def aligned(array: Array, rank: int) -> Array:
    """With leading axes of size 1."""
    return array.reshape((1,) * (rank - array.ndim) + array.shape)


def collapsed(index: Array) -> Array:
    """Axes along which nothing changes, down to size 1."""
    for axis in range(index.ndim):
        if index.shape[axis] > 1:
            first = index.take([0], axis)
            if (index == first).all():
                index = first
    return index


# -- functions of one number -----------------------------------------------------------------------------------------
def square_root(value: Fraction) -> Fraction:
    """Rounded to float64, once and correctly."""
    if value < 0:
        raise Refusal(f"a square root of {float(value):g}", "a positive number")
    if value == 0:
        return ZERO
    # an integer root of 70 bits or more, and a sticky bit below it: then rounding to 53 bits is correct
    shift = max(0, 140 - (value.numerator.bit_length() - value.denominator.bit_length()))
    shift += shift % 2
    scaled, rest = divmod(value.numerator << shift, value.denominator)
    root = isqrt(scaled)
    sticky = int(bool(rest) or root * root != scaled)
    return Fraction(float(Fraction(2 * root + sticky, 1 << (shift // 2 + 1))))


# -- quantising constants --------------------------------------------------------------------------------------------
def quantised(
    x: Constant, scale: Array, zero: Array, lo: int, hi: int, rounding: str, *, bipolar: bool = False
) -> Constant:
    """(clip(round(x / scale + zero), lo, hi) - zero) * scale, as codes and steps. Exact, ties included.

    scale: object array of Fractions, zero: int64, both broadcast over x.
    """
    shape = np.broadcast_shapes(x.values.shape, scale.shape, zero.shape)
    if shape != x.values.shape:
        raise Refusal(
            f"a scale of shape {scale.shape} on a constant of shape {x.shape}", "one scale, or one per channel"
        )
    scale, zero = aligned(scale, len(shape)), aligned(zero, len(shape))
    steps: Any = ONE if x.steps is None else aligned(x.steps, len(shape))
    if bipolar:  # the sign of x / scale
        gains = np.asarray(full((1,) * len(shape), ONE) * steps, object)
        negative = np.array([v < 0 for v in gains.ravel()]).reshape(gains.shape)
        signs = (
            x.values if x.values.dtype != object else np.array([v >= 0 for v in x.values.ravel()]).reshape(shape) - 0.5
        )
        codes = np.where((signs >= 0) ^ (negative & (signs != 0)), 1.0, -1.0)
        return Constant(codes, scale, origin=x.origin)
    ratio = np.asarray(steps / scale, object)
    codes = _rounded(x.values, ratio, zero, rounding)
    codes = np.clip(codes, float(lo), float(hi)) - zero
    return Constant(codes, scale, origin=x.origin)


def _rounded(values: Array, ratio: Array, zero: Array, rounding: str) -> npt.NDArray[np.float64]:
    """round(values * ratio + zero), the numbers near a step of the rounding in Fractions."""
    approximate = np.asarray(values.astype(np.float64) * ratio.astype(np.float64) + zero)
    approximate = np.clip(approximate, -FAR, FAR)  # far outside any range of codes
    halves = rounding.startswith("half")
    result = np.floor(approximate + 0.5) if halves else _directed(approximate, rounding)
    step = np.floor(approximate) + 0.5 if halves else np.rint(approximate)
    near = np.abs(approximate - step) <= TINY * (1 + np.abs(approximate) + np.abs(zero))
    if not near.any():
        return result
    where = np.nonzero(near)
    zeros = np.broadcast_to(zero, np.broadcast_shapes(ratio.shape, zero.shape))
    wide = np.broadcast_to(ratio, zeros.shape)
    place = np.broadcast_to(np.arange(zeros.size).reshape(zeros.shape), values.shape)[where]
    distinct, which = np.unique(values[where], return_inverse=True)
    keys, back = np.unique(which.astype(np.int64) * zeros.size + place, return_inverse=True)
    ratios, offsets, numbers = wide.ravel(), zeros.ravel(), distinct.tolist()
    found = np.empty(len(keys))
    for i, key in enumerate(keys.tolist()):
        value, spot = divmod(key, zeros.size)
        exact = Fraction(numbers[value]) * ratios[spot] + int(offsets[spot])
        found[i] = rounded(rounding, max(min(exact, Fraction(FAR)), Fraction(-FAR)))
    result[where] = found[back]
    return result


def _directed(x: npt.NDArray[np.float64], rounding: str) -> npt.NDArray[np.float64]:
    if rounding == "floor":
        return np.floor(x)
    if rounding == "ceil":
        return np.ceil(x)
    return np.trunc(x) if rounding == "down" else np.sign(x) * np.ceil(np.abs(x))


# -- weights ---------------------------------------------------------------------------------------------------------
def weight_codes(weight: Constant) -> tuple[npt.NDArray[np.float64], Array] | None:
    """(integer codes, scale of each output channel) of a weight whose first axis is the outputs; None if it has none.

    A quantised weight keeps its codes. A plain one takes the largest number of which all its values are multiples, if
    its codes then need at most 16 bits.
    """
    values, outputs = weight.values, len(weight.values)
    if weight.steps is not None and values.dtype != object and _whole(values):
        steps = collapsed_steps(weight.steps, values.ndim)
        if all(n == 1 for n in steps.shape[1:]):
            return values.astype(np.float64), np.array([*steps.ravel(), None], object)[:-1]
        return _evened(values, steps)
    if weight.steps is None and values.dtype != object:
        return _common_unit(values.astype(np.float64))
    rows = weight.exact().reshape(outputs, -1)
    if any(_too_fine(row.tolist()) for row in rows):
        return None
    units = [unit_of(row.tolist()) for row in rows]
    codes = np.array([[v / unit for v in row] for row, unit in zip(rows.tolist(), units, strict=True)], object)
    if max((abs(v) for v in codes.ravel().tolist()), default=0) > WIDEST_CODE:
        return None
    return codes.astype(np.float64).reshape(values.shape), np.array([*units, None], object)[:-1]


def collapsed_steps(steps: Array, rank: int) -> Array:
    """Equal numbers along an axis, down to one."""
    steps = aligned(steps, rank)
    kinds: dict[Fraction, int] = {}
    index = np.array([kinds.setdefault(v, len(kinds)) for v in steps.ravel().tolist()]).reshape(steps.shape)
    palette = np.array([*kinds, None], object)[:-1]
    return palette[collapsed(index)]


def _evened(values: Array, steps: Array) -> tuple[npt.NDArray[np.float64], Array] | None:
    """Scales that differ along other axes than the outputs: their ratios go into the codes."""
    rows = np.broadcast_to(steps, (len(values), *steps.shape[1:]))
    units = [unit_of(row.ravel().tolist()) for row in rows]
    shape = (len(values), *(1,) * (values.ndim - 1))
    scale = np.array([*units, None], object)[:-1]
    ratio = (rows / scale.reshape(shape)).astype(np.float64)
    codes = values * ratio
    return None if np.abs(codes).max(initial=0) > WIDEST_CODE else (codes, scale)


def _too_fine(values: Sequence[Fraction]) -> bool:
    """Have they no common denominator that codes of 16 bits could reach?"""
    common = 1
    for value in values:
        common = lcm(common, value.denominator)
        if common.bit_length() > LONGEST:
            return True
    return False


def _whole(values: Array) -> bool:
    return bool((values == np.rint(values)).all() and np.abs(values).max(initial=0) < 1 << 31)


def _common_unit(values: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], Array] | None:
    """The largest power-of-two multiple: floats are dyadic. One unit for all outputs where that costs no bits."""
    flat = values.reshape(len(values), -1)
    mantissa, exponent = np.frexp(flat)
    some = flat != 0
    if not some.any():
        return values, full((len(values),), ONE)
    whole = (mantissa * 2.0**53).astype(np.int64)  # values = whole * 2^(exponent - 53)
    trailing = np.where(some, _trailing_zeros(np.where(some, whole, 1)), 0) + exponent - 53
    codes, scales, tops = np.zeros_like(flat), [], []
    for c in range(len(flat)):
        if not some[c].any():
            scales.append(None)
            continue
        least = int(trailing[c][some[c]].min())
        if int(exponent[c][some[c]].max()) - least > 40:
            return None
        row = np.ldexp(flat[c], -least).astype(np.int64)
        common = int(np.gcd.reduce(np.abs(row)))
        codes[c] = row // common
        scales.append(common * Fraction(2) ** least)
        tops.append(int(np.abs(codes[c]).max()))
    unit = unit_of([s for s in scales if s])
    ratio = [1 if s is None else int(s / unit) for s in scales]
    together = max((r * int(np.abs(row).max(initial=0)) for r, row in zip(ratio, codes, strict=True)), default=0)
    if together <= max((1 << max(t.bit_length() for t in tops)) - 1, 1):
        codes, scales = codes * np.array(ratio, np.float64)[:, None], [unit] * len(scales)
    elif max(tops) > WIDEST_CODE:
        return None
    if np.abs(codes).max(initial=0) > WIDEST_CODE:
        return None
    return codes.reshape(values.shape), np.array([*(s or unit for s in scales), None], object)[:-1]


def _trailing_zeros(values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    lowest = np.abs(values & -values).astype(np.float64)
    return np.frexp(lowest)[1].astype(np.int64) - 1


def elements(shape: Sequence[int]) -> int:
    return prod(int(n) for n in shape)
