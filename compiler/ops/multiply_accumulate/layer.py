"""A layer of sums of products: weights, bias and types, and what follows from them whatever the kernel is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from ...ir import Int64, TensorType
from ..accumulate import input_bounds
from ..hardware import signed_holding, weight_type


@dataclass(frozen=True, eq=False)
class MacLayer:
    """weight (outputs, ..., inputs of a group), bias (outputs,), the input x and the output.

    Equal only to itself: what is derived is derived once (`mac_layer`).
    """

    weight: Int64
    bias: Int64
    x: TensorType
    out: TensorType

    @cached_property
    def weight_bits(self) -> int:
        """Of the narrowest signed type that holds all weights: two at least."""
        return weight_type(self.weight).bits

    @cached_property
    def all_ones(self) -> bool:
        """Weights of -1 and +1 alone."""
        return bool((np.abs(self.weight) == 1).all())

    @property
    def bipolar(self) -> bool:
        """Inputs of -1 and +1, in one bit."""
        return self.x.dtype is not None and self.x.dtype.bipolar

    @property
    def operand_bits(self) -> int:
        """Of an input as a signed number."""
        return self.x.bits + (0 if self.x.signed and not self.bipolar else 1)

    @cached_property
    def rows(self) -> Int64:
        """The weights of each output: (outputs, terms)."""
        return self.weight.reshape(len(self.bias), -1)

    @cached_property
    def product_bits(self) -> int:
        """Bits that the widest product needs: the others of its wire are copies of the sign, and built once."""
        low, high = int(self.weight.min(initial=0)), int(self.weight.max(initial=0))
        ends = [w * v for w in (low, high) for v in (min(self.x.lo), max(self.x.hi))]
        return signed_holding(min(ends), max(ends)).bits

    @cached_property
    def products(self) -> tuple[Int64, Int64]:
        """The least and the largest value of every product, (outputs, terms)."""
        flat = self.weight.reshape(len(self.bias), -1, self.weight.shape[-1])
        low, high = (flat * ends[:, None] for ends in input_bounds(self.weight, self.x))
        return np.minimum(low, high).reshape(len(flat), -1), np.maximum(low, high).reshape(len(flat), -1)


@dataclass(frozen=True, eq=False)
class Same:
    """An object as the key of a cache, which keeps it alive: equal to itself alone."""

    value: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)


def mac_layer(op: Any, x: TensorType) -> MacLayer:
    """The layer that an operator (its `weight`, its `bias`) is on an input of this type, made once."""
    return _layer(Same(op), x)


@lru_cache(maxsize=64)
def _layer(same: Same, x: TensorType) -> MacLayer:
    op = same.value
    return MacLayer(op.weight, op.bias, x, op.infer(x))
