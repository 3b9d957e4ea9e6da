"""What every multiply-accumulate operator shares: proven accumulator bounds, and free channels."""

from __future__ import annotations

import numpy as np

from ..ir import Int64, TensorType


def bounds(weight: Int64, bias: Int64, x: TensorType, *, may_pad: bool) -> tuple[Int64, Int64]:
    """Proven bounds, per output channel, of bias + weight . x.

    weight: (outputs, ..., inputs), the last axis meeting x's channels. With `may_pad` an input may also be 0.
    """
    lo, hi = x.lo_array, x.hi_array
    if may_pad:
        lo, hi = np.minimum(lo, 0), np.maximum(hi, 0)
    positive = np.maximum(weight, 0).reshape(len(bias), -1, x.channels).sum(axis=1)
    negative = np.minimum(weight, 0).reshape(len(bias), -1, x.channels).sum(axis=1)
    return bias + positive @ lo + negative @ hi, bias + positive @ hi + negative @ lo


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
