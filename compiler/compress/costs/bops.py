"""Bit operations: m*n*((1 - f_p)*b_a*b_w + b_a + b_w + log2 n) for n inputs and m outputs (Hawks et al.)."""

from __future__ import annotations

from math import log2
from typing import TYPE_CHECKING

from ..network import source_quantiser

if TYPE_CHECKING:
    from ..model import PreparedModel

FLOAT_BITS = 32


def bops(model: PreparedModel) -> dict[str, float]:
    """By layer, for one input, over the pixels of a convolution; f_p is the share of weights that are gone.

    An input that is not quantised counts 32 bits.
    """
    from .bits import storage

    found = {}
    for row in storage(model):
        outputs = model.producer(row.name).weight.shape[0]
        inputs = row.weights // outputs
        quantiser = source_quantiser(model.graph, model.graph.by_name[row.name].inputs[0])
        act_bits = FLOAT_BITS if quantiser is None else model.quantiser(quantiser.name).bits
        pixels = model.macs[row.name] // row.weights
        share = row.kept / row.weights
        each = share * act_bits * row.bits + act_bits + row.bits + log2(inputs)
        found[row.name] = pixels * row.weights * each
    return found
