"""A graph of two-term adders that multiplies a vector by a constant matrix.

Numbers: 0 .. inputs-1 are the inputs, then the adders in order, each reading smaller numbers only. Wires are exact:
every node knows the linear form of the inputs that it is (`coefficients`), and hence the tightest bounds and width.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...errors import IntaglioError
from ...ir import Array, Int64, IntType

NOTHING = -1
"""The node of an output that no input reaches."""


@dataclass(frozen=True, slots=True)
class Adder:
    """(left << left_shift  +/-  right << right_shift) >> drop, where `drop` bits are zero for every input."""

    left: int
    right: int
    left_shift: int = 0
    right_shift: int = 0
    minus: bool = False
    drop: int = 0


@dataclass(frozen=True, slots=True)
class Tap:
    """+/- (node << shift): what an output, or a term on the way to one, takes from the graph."""

    node: int
    shift: int = 0
    minus: bool = False


@dataclass(frozen=True, eq=False)
class AdderGraph:
    """lo, hi: proven bounds of each input. outputs: output m is outputs[m] + bias[m]."""

    lo: tuple[int, ...]
    hi: tuple[int, ...]
    adders: tuple[Adder, ...]
    outputs: tuple[Tap, ...]
    bias: tuple[int, ...]

    @property
    def inputs(self) -> int:
        return len(self.lo)

    @cached_property
    def coefficients(self) -> Int64:
        """(nodes, inputs): each node as a linear form of the inputs. Raises IntaglioError for dropped bits not zero."""
        forms = np.zeros((self.inputs + len(self.adders), self.inputs), np.int64)
        forms[: self.inputs] = np.eye(self.inputs, dtype=np.int64)
        for node, a in enumerate(self.adders, self.inputs):
            right = forms[a.right] << a.right_shift
            form = (forms[a.left] << a.left_shift) + (-right if a.minus else right)
            if a.drop and (form & ((1 << a.drop) - 1)).any():
                raise IntaglioError(f"node {node} drops {a.drop} bits that are not zero", where="adder graph")
            forms[node] = form >> a.drop
        return forms

    @cached_property
    def bounds(self) -> tuple[Int64, Int64]:
        """The least and the largest value of each node: attained, as inputs are independent."""
        return form_bounds(self.coefficients, np.array(self.lo, np.int64), np.array(self.hi, np.int64))

    @cached_property
    def types(self) -> tuple[IntType, ...]:
        """The narrowest type of each node."""
        return tuple(IntType.holding(int(lo), int(hi)) for lo, hi in zip(*self.bounds, strict=True))

    @cached_property
    def depths(self) -> tuple[int, ...]:
        """Adders on the longest way from the inputs to each node."""
        depths = [0] * self.inputs
        for a in self.adders:
            depths.append(max(depths[a.left], depths[a.right]) + 1)
        return tuple(depths)

    def matrix(self) -> Int64:
        """(outputs, inputs): the matrix that the graph multiplies by."""
        rows = np.zeros((len(self.outputs), self.inputs), np.int64)
        for row, tap in zip(rows, self.outputs, strict=True):
            if tap.node != NOTHING:
                row[:] = (self.coefficients[tap.node] << tap.shift) * (-1 if tap.minus else 1)
        return rows

    def prove(self, weight: Int64, bias: Int64) -> AdderGraph:
        """The same graph. Raises IntaglioError unless it is `weight @ x + bias` for every x, by its linear forms."""
        wrong = (self.matrix() != weight).any(axis=1) | (np.array(self.bias, np.int64) != bias)
        if wrong.any():
            raise IntaglioError(f"output {int(wrong.argmax())} is not the row it should be", where="adder graph")
        return self

    def evaluate(self, x: Array) -> Array:
        """(..., inputs) -> (..., outputs) in Python's integers, adder by adder."""
        nodes = [x[..., k].astype(object) for k in range(self.inputs)]
        for a in self.adders:
            left, right = nodes[a.left] * (1 << a.left_shift), nodes[a.right] * (1 << a.right_shift)
            nodes.append(((left - right) if a.minus else (left + right)) // (1 << a.drop))
        zero = np.zeros(x.shape[:-1], object)
        sums = []
        for tap, bias in zip(self.outputs, self.bias, strict=True):
            value = zero if tap.node == NOTHING else nodes[tap.node] * (1 << tap.shift)
            sums.append((-value if tap.minus else value) + bias)
        return np.stack(sums, axis=-1)


def form_bounds(forms: Int64, lo: Int64, hi: Int64) -> tuple[Int64, Int64]:
    """The least and the largest value of linear forms (..., inputs) of inputs lo..hi."""
    positive: Int64 = np.maximum(forms, 0)
    negative: Int64 = np.minimum(forms, 0)
    return positive @ lo + negative @ hi, positive @ hi + negative @ lo


def trailing_zeros(values: Iterable[int]) -> int:
    """Low bits that are zero in all of these integers, not all of them zero."""
    union = 0
    for value in values:
        union |= int(value)
    return (union & -union).bit_length() - 1
