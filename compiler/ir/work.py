"""What an operator computes, counted in a way that no choice of hardware changes."""

from __future__ import annotations

from dataclasses import dataclass
from math import log2


@dataclass(frozen=True, slots=True)
class Work:
    """Of one frame.

    Attributes:
        macs: products of an activation with a weight, or with another activation; those with weights of 0, too.
        operations: a multiplication and an addition for each product that is summed up, one for any other.
        bops: bit operations; of sums of products by `bit_operations`.
        weights: how many there are, `zeros` of them 0.
        weight_bits: of each.
    """

    macs: int = 0
    operations: int = 0
    bops: float = 0.0
    weights: int = 0
    zeros: int = 0
    weight_bits: int = 0

    @property
    def stored_bits(self) -> int:
        """Of all weights."""
        return self.weights * self.weight_bits

    @property
    def nonzero_bits(self) -> int:
        """Of the weights that are not 0; where they are is not counted."""
        return (self.weights - self.zeros) * self.weight_bits


def bit_operations(outputs: int, terms: int, zero_share: float, activation_bits: int, weight_bits: int) -> float:
    """Of `outputs` sums of `terms` products: m*n*((1 - f_p)*b_a*b_w + b_a + b_w + log2 n).

    f_p is the share of weights that are 0; b_a + b_w + log2 n are the bits of the accumulator. A convolution has these
    at each position, n being its inputs in a window. Source: Hawks et al., "Ps and Qs: quantization-aware pruning for
    efficient low latency neural network inference", Front. AI 4 (2021), after Baskin et al., "UNIQ", TOCS 37 (2021).
    """
    accumulator = activation_bits + weight_bits + log2(terms)
    return outputs * terms * ((1 - zero_share) * activation_bits * weight_bits + accumulator)
