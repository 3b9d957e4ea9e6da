"""What every multiply-accumulate operator shares: proven accumulator bounds, and free channels."""

from __future__ import annotations

import numpy as np

from ..errors import IntaglioError
from ..ir import Array, Int64, TensorType

WIDEST = 62
"""Bits of the widest accumulator: whatever is computed on the way to it still fits int64."""


def bounds(weight: Int64, bias: Int64, x: TensorType, *, may_pad: bool) -> tuple[Int64, Int64]:
    """Proven bounds, per output channel, of bias + weight . x.

    weight: (outputs, ..., inputs of a group), the last axis meeting the channels of its output's group. With `may_pad`
    an input may also be 0. Raises IntaglioError for accumulators of more than `WIDEST` bits.
    """
    lo, hi = input_bounds(weight, x)
    if may_pad:
        lo, hi = np.minimum(lo, 0), np.maximum(hi, 0)
    flat = weight.reshape(len(bias), -1, weight.shape[-1])
    positive, negative = np.maximum(flat, 0).sum(axis=1), np.minimum(flat, 0).sum(axis=1)
    reach = np.maximum(np.abs(lo), np.abs(hi)).astype(np.float64)
    heaviest = _dots(positive - negative, reach) + np.abs(bias.astype(np.float64))
    if heaviest.max(initial=0) >= 2.0 ** (WIDEST - 1):
        bits = int(np.frexp(heaviest.max())[1]) + 1
        hint = "quantise weights, bias or activations to fewer bits"
        raise IntaglioError(f"sums of {bits} bits: {WIDEST} is the widest accumulator", hint=hint)
    return _dots(positive, lo) + _dots(negative, hi) + bias, _dots(positive, hi) + _dots(negative, lo) + bias


def _dots(weight: Array, ends: Array) -> Array:
    """The sums of products along the last axis, of one row of `ends` or one per output."""
    return weight @ ends[0] if len(ends) == 1 else np.asarray((weight * ends).sum(axis=1))


def input_bounds(weight: Int64, x: TensorType) -> tuple[Int64, Int64]:
    """The bounds of the inputs that each output reads: (1 or outputs, inputs of a group), the groups being in order."""
    inputs = weight.shape[-1]
    groups = x.channels // inputs
    lo, hi = x.lo_array.reshape(groups, inputs), x.hi_array.reshape(groups, inputs)
    if groups == 1:
        return lo, hi
    return lo.repeat(len(weight) // groups, axis=0), hi.repeat(len(weight) // groups, axis=0)


def free_labels(inputs: int, outputs: int) -> tuple[tuple[Int64, ...], Int64]:
    """Labels of an operator that mixes all inputs into each output: every channel may go on its own."""
    return (np.arange(inputs),), np.arange(inputs, inputs + outputs)


def same_labels(channels: int, inputs: int = 1) -> tuple[tuple[Int64, ...], Int64]:
    """Labels of an operator that works channel by channel: channel c of every tensor stands or falls with c."""
    return (np.arange(channels),) * inputs, np.arange(channels)


def conv_labels(inputs: int, outputs: int, groups: int) -> tuple[tuple[Int64, ...], Int64]:
    """Labels of a convolution in groups. A depthwise one ties each input channel to the outputs made of it; otherwise
    the channels at one place of every group stand or fall together, so that the groups stay of equal size.
    """
    if groups == 1:
        return free_labels(inputs, outputs)
    per_in, per_out = inputs // groups, outputs // groups
    if per_in == 1:
        return (np.arange(inputs),), np.repeat(np.arange(inputs), per_out)
    return (np.tile(np.arange(per_in), groups),), np.tile(np.arange(per_in, per_in + per_out), groups)
