"""Exact tensors as integers times rational steps, so that contractions run in BLAS and are still exact.

value = codes * scale, elementwise: `codes` are Python integers (dtype object), `scale` positive Fractions in an array
of as many axes whose sizes are those of the codes or 1. One step per tensor or per channel is the usual case.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from math import gcd, lcm
from typing import Any

import numpy as np

from .operands import Array, as_object

EXACT_FLOAT64 = 2**53
# beyond this a common denominator of many numbers is not worth its size
WIDE = 512

numerators = np.frompyfunc(lambda f: f.numerator, 1, 1)
denominators = np.frompyfunc(lambda f: f.denominator, 1, 1)


def rational_gcd(a: Fraction, b: Fraction) -> Fraction:
    """The largest number that both are whole multiples of."""
    return Fraction(gcd(a.numerator * b.denominator, b.numerator * a.denominator), a.denominator * b.denominator)


gcds = np.frompyfunc(rational_gcd, 2, 1)


def ranked(values: Array, rank: int) -> Array:
    """Leading axes of size 1, as broadcasting adds them."""
    values = as_object(values)
    return values.reshape((1,) * (rank - values.ndim) + values.shape)


@dataclass(frozen=True)
class Scaled:
    codes: Array
    scale: Array

    @property
    def shape(self) -> tuple[int, ...]:
        return self.codes.shape

    @property
    def ndim(self) -> int:
        return self.codes.ndim

    @classmethod
    def make(cls, codes: Any, scale: Any) -> Scaled:
        """Of steps of any sign: a negative one turns its codes, a zero one makes them zero."""
        codes, scale = as_object(codes), as_object(scale)
        rank = max(codes.ndim, scale.ndim)
        codes, scale = ranked(codes, rank), ranked(scale, rank)
        signs = np.frompyfunc(lambda s: (s > 0) - (s < 0), 1, 1)(scale)
        if np.any(signs != 1):
            codes = as_object(codes * signs)
            scale = as_object(np.frompyfunc(lambda s: abs(s) if s else Fraction(1), 1, 1)(scale))
        shape = np.broadcast_shapes(codes.shape, scale.shape)
        return cls(as_object(np.broadcast_to(codes, shape)), as_object(scale))

    @classmethod
    def of(cls, values: Array) -> Scaled:
        """Of Fractions: one step for all where it is no giant, else one for each."""
        flat = values.reshape(-1)
        common = 1
        for value in flat:
            if common % value.denominator:
                common = lcm(common, value.denominator)
                if common.bit_length() > WIDE:
                    return cls(as_object(numerators(values)), as_object(unit_fractions(values)))
        codes = as_object(numerators(values) * (common // denominators(values)))
        shared = reduce(gcd, codes.reshape(-1), 0) or 1
        return cls(as_object(codes // shared), as_object(np.full((1,) * values.ndim, Fraction(shared, common), object)))

    @classmethod
    def of_floats(cls, values: Array) -> Scaled:
        """Of floats: mantissas at the smallest exponent, without a Fraction for each."""
        mantissa, exponent = np.frexp(values.astype(np.float64))
        whole = (mantissa * 2.0**53).astype(np.int64)
        present = whole != 0
        if not present.any() or int(np.ptp(exponent[present])) > WIDE:
            return cls.of(as_object(np.frompyfunc(Fraction, 1, 1)(values.astype(np.float64).astype(object))))
        lowest = int(exponent[present].min())
        shifts = np.where(present, exponent - lowest, 0).astype(object)
        codes = as_object(whole.astype(object) * 2**shifts)
        shared = int(np.gcd.reduce(whole.reshape(-1))) if int(np.ptp(exponent[present])) == 0 else 0
        shared = shared or reduce(gcd, codes.reshape(-1), 0)
        step = Fraction(shared) * Fraction(2) ** (lowest - 53)
        return cls(as_object(codes // shared), as_object(np.full((1,) * values.ndim, step, object)))

    def fractions(self) -> Array:
        return as_object(self.codes * self.scale)

    def unified(self, *keep: int) -> Scaled:
        """The same values with one step for all, or for each index of the axes that are kept."""
        over = tuple(axis for axis in range(self.ndim) if axis not in keep and self.scale.shape[axis] > 1)
        if not over:
            return self
        step = as_object(gcds.reduce(self.scale, axis=over[0], keepdims=True))
        for axis in over[1:]:
            step = as_object(gcds.reduce(step, axis=axis, keepdims=True))
        return Scaled(as_object(self.codes * numerators(self.scale / step)), step)

    @property
    def uniform(self) -> bool:
        return self.scale.size == 1

    def mapped(self, move: Callable[[Array], Array]) -> Scaled:
        """Moves the numbers about; needs one step for all of them."""
        one = self.unified()
        codes = as_object(move(one.codes))
        return Scaled(codes, one.scale.reshape((1,) * codes.ndim))


unit_fractions = np.frompyfunc(lambda f: Fraction(1, f.denominator), 1, 1)


def aligned(*tensors: Scaled) -> tuple[list[Array], Array]:
    """The codes of tensors that broadcast together, in steps that they share elementwise."""
    rank = max(each.ndim for each in tensors)
    scales = [ranked(each.scale, rank) for each in tensors]
    step = reduce(lambda a, b: as_object(gcds(a, b)), scales)
    codes = [
        ranked(each.codes, rank) * numerators(as_object(s / step)) for each, s in zip(tensors, scales, strict=True)
    ]
    return [as_object(each) for each in codes], step


def add(a: Scaled, b: Scaled) -> Scaled:
    (left, right), step = aligned(a, b)
    return Scaled.make(left + right, step)


def negated(a: Scaled) -> Scaled:
    return Scaled(as_object(-a.codes), a.scale)


def multiply(a: Scaled, b: Scaled) -> Scaled:
    rank = max(a.ndim, b.ndim)
    return Scaled.make(ranked(a.codes, rank) * ranked(b.codes, rank), ranked(a.scale, rank) * ranked(b.scale, rank))


def by_constant(a: Scaled, factor: Array) -> Scaled:
    """a * factor, Fractions that broadcast to a's shape or beyond: their sizes go into the steps."""
    rank = max(a.ndim, factor.ndim)
    return Scaled.make(ranked(a.codes, rank), ranked(a.scale, rank) * ranked(factor, rank))


def elementwise(values: Array) -> Scaled:
    """Fractions, few of them, with a step for each: a constant per channel keeps channels apart."""
    return Scaled.make(np.frompyfunc(lambda f: int(f != 0), 1, 1)(values), values)


def contract(function: Callable[[Array, Array], Array], a: Array, b: Array, terms: int) -> Array:
    """function(a, b) of integers of any size, bilinear and of `terms` products per result, by float64 of proven bounds.

    Where products and sums might pass 2^53, both operands are cut into limbs whose results do not, and those are added.
    """
    largest = [int(max((abs(int(x)) for x in (each.max(), each.min())), default=0)) for each in (a, b)]
    if largest[0] * largest[1] * terms < EXACT_FLOAT64:
        return integers(function(a.astype(np.float64), b.astype(np.float64)))
    bits = (52 - terms.bit_length()) // 2
    total: Any = 0
    for i, left in enumerate(limbs(a, bits, largest[0])):
        for j, right in enumerate(limbs(b, bits, largest[1])):
            total = total + integers(function(left, right)) * (1 << (bits * (i + j)))
    return as_object(total)


def integers(values: Array) -> Array:
    return values.astype(np.int64).astype(object)


def limbs(values: Array, bits: int, largest: int) -> list[Array]:
    """values = sum of limb_i * 2^(i * bits), each in [-2^bits, 2^bits], of the sign of its value."""
    signs = np.where(np.less(values, 0).astype(bool), -1.0, 1.0)
    sizes = abs(values)
    places = range(0, max(1, largest.bit_length()), bits)
    return [((sizes >> at) & ((1 << bits) - 1)).astype(np.float64) * signs for at in places]
