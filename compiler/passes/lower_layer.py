"""One layer -> its integer operator, and the exact scale and offset that each accumulator still needs.

    source.linear(x) weight=codes weight_scale=s bias=b    ->    dense(x) weight=codes bias=b/(s*x_scale)

A bias that is no whole number of accumulator steps is left to the requantiser as an offset. So is that of a channel
whose weights are all zero: its accumulator is then 0, which `carve` can remove. Input channels of several scales are
evened out in the weights; what is added to all inputs goes into the bias.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import IntaglioError
from ..ir import Node, as_integers
from ..ops import Conv2d, Dense
from ..ops.source import SourceConv2d, SourceLinear
from .pending import ZERO, exact, unit_of

Fractions = tuple[Fraction, ...]
LARGEST_BIAS = 1 << 40
LARGEST_WEIGHT = 1 << 48


def integer_layer(
    node: Node, op: SourceConv2d | SourceLinear, scales: Sequence[Fraction], offsets: Sequence[Fraction], *, final: bool
) -> tuple[Dense | Conv2d, Fractions, Fractions]:
    """The operator, and slope and offset of each of its channels. final: nothing can take an offset afterwards.

    scales, offsets: of each input channel; offsets only where no padding can be read.
    """
    where = node.loc or node.name
    if op.weight_scale is None or not np.array_equal(op.weight, np.rint(op.weight.astype(np.float64))):
        raise IntaglioError(
            f"the weights of {node.name} are not integers", where=where, hint="call model.freeze() before lower(model)"
        )
    codes = as_integers(op.weight)
    weight, units = _evened(codes, scales, getattr(op, "groups", 1), where, node.name)
    gains = [exact(s) for s in np.broadcast_to(op.weight_scale, (len(weight),))]
    steps = [gain * unit for gain, unit in zip(gains, units, strict=True)]
    for channel, step in enumerate(steps):
        if step == 0 and weight[channel].any():
            raise IntaglioError(f"channel {channel} of {node.name} has weight scale 0", where=where)
    filler = next((s for s in steps if s), units[0])
    steps = [s or filler for s in steps]
    added = _constants(codes, offsets, getattr(op, "groups", 1)) if any(offsets) else [ZERO] * len(steps)
    bias, offset = [0] * len(steps), [ZERO] * len(steps)
    for channel, (value, gain, step) in enumerate(zip(op.bias, gains, steps, strict=True)):
        total = exact(value) + gain * added[channel]
        units_of_bias = total / step
        if units_of_bias.denominator == 1 and abs(units_of_bias) < LARGEST_BIAS and (final or weight[channel].any()):
            bias[channel] = int(units_of_bias)
        else:
            offset[channel] = total
    scale = steps[0] if len(set(steps)) == 1 and not any(offset) else None
    if isinstance(op, SourceConv2d):
        layer: Dense | Conv2d = Conv2d(weight, as_integers(bias), op.stride, op.padding, scale, op.dilation, op.groups)
    else:
        layer = Dense(weight, as_integers(bias), scale)
    return layer, tuple(steps), tuple(offset)


def _evened(weight: Any, scales: Sequence[Fraction], groups: int, where: str, name: str) -> tuple[Any, list[Fraction]]:
    """Weights times the whole-numbered ratios of their inputs' scales, and the common unit of each output channel."""
    if len(set(scales)) == 1:
        return weight, [scales[0]] * len(weight)
    inputs, outputs = weight.shape[-1], len(weight) // groups
    result, units = np.array(weight), []
    for channel in range(len(weight)):
        first = channel // outputs * inputs
        mine = scales[first : first + inputs]
        unit = unit_of(mine)
        ratio = [int(s / unit) for s in mine]
        if max(map(abs, ratio)) * int(np.abs(weight[channel]).max(initial=0)) >= LARGEST_WEIGHT:
            raise IntaglioError(
                f"the channels of {name}'s input have scales whose ratios do not fit its weights",
                where=where,
                hint="one scale for all channels of the activation, or scales that are powers of two",
            )
        result[channel] = weight[channel] * np.array(ratio)
        units.append(unit)
    return as_integers(result), units


def _constants(weight: Any, offsets: Sequence[Fraction], groups: int) -> list[Fraction]:
    """For each output channel, sum over its inputs of weight * offset."""
    inputs, outputs = weight.shape[-1], len(weight) // groups
    sums = weight.reshape(len(weight), -1, inputs).sum(axis=1)
    return [
        sum(
            (int(w) * offsets[channel // outputs * inputs + k] for k, w in enumerate(sums[channel])),
            start=ZERO,
        )
        for channel in range(len(weight))
    ]


def flip(op: Dense | Conv2d, channels: npt.NDArray[np.bool_]) -> Dense | Conv2d:
    """The layer with these output channels negated; they have one scale no longer."""
    sign = np.where(channels, -1, 1)
    weight = op.weight * sign.reshape(-1, *(1,) * (op.weight.ndim - 1))
    return replace(op, weight=as_integers(weight), bias=as_integers(op.bias * sign), scale=None)
