"""What layers of sums of products have in common, whatever their windows are: how much they compute and store, the same
layer with finer numbers, the same layer sparser.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from ..ir import Int64, Op, TensorType, Work, as_integers, bit_operations
from .hardware import weight_type
from .multiply_accumulate import mac_layer


@dataclass(frozen=True, eq=False, repr=False)
class Weighted(Op):
    """weight: (outputs, ..., inputs), bias: (outputs,), integers: an output is bias + the sum of its row's products."""

    weight: Int64
    bias: Int64

    def work(self, x: TensorType) -> Work:
        """Windows that reach into padding count in full."""
        outputs, count = len(self.bias), int(self.weight.size)
        zeros, bits = count - int(np.count_nonzero(self.weight)), constant_bits(self.weight)
        positions = mac_layer(self, x).out.pixels
        bops = bit_operations(outputs, count // outputs, zeros / count, x.bits, bits)
        return Work(count * positions, 2 * count * positions, bops * positions, count, zeros, bits)

    def finer_weights(self) -> Self:
        return replace(self, weight=finer(self.weight), bias=as_integers(self.bias * 2))

    def with_zeros(self, share: float, seed: int = 0) -> Self:
        """A 0 that has to go becomes -1 or +1. The least and the largest weight go last: the others' type is theirs."""
        rng = np.random.default_rng(seed)
        flat = self.weight.ravel().copy()
        flat[flat == 0] = rng.choice((-1, 1), int(np.count_nonzero(flat == 0)))
        order = rng.permutation(flat.size)
        ends = np.isin(order, (flat.argmin(), flat.argmax()))
        flat[np.concatenate([order[~ends], order[ends]])[: round(share * flat.size)]] = 0
        return replace(self, weight=as_integers(flat.reshape(self.weight.shape)))


def constant_bits(weight: Int64) -> int:
    """Bits of each of these constants: one where all are -1 or +1, else those of the narrowest signed type."""
    return 1 if bool((np.abs(weight) == 1).all()) else weight_type(weight).bits


def finer(constants: Int64, seed: int = 0) -> Int64:
    """Twice the constants, plus 0 or 1, as if they had been rounded to half the step; what is 0 stays 0."""
    half = np.random.default_rng(seed).integers(0, 2, constants.shape)
    return as_integers(np.where(constants == 0, 0, 2 * constants + half))
