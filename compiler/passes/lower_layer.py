"""One frozen layer -> its integer operator, and the exact scale and offset that each accumulator still needs.

    source.linear(x) weight=codes weight_scale=s bias=b    ->    dense(x) weight=codes bias=b/(s*x_scale)

A bias that is no whole number of accumulator steps is left to the requantiser as an offset. So is that of a channel
whose weights are all zero: its accumulator is then 0, which `carve` can remove.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from ..errors import IntaglioError
from ..ir import Node, as_integers
from ..ops import Conv2d, Dense
from ..ops.source import SourceConv2d, SourceLinear
from .pending import ZERO

Fractions = tuple[Fraction, ...]
LARGEST_BIAS = 1 << 40


def integer_layer(
    node: Node, op: SourceConv2d | SourceLinear, x_scale: Fraction, *, final: bool
) -> tuple[Dense | Conv2d, Fractions, Fractions]:
    """The operator, and slope and offset of each of its channels. final: nothing can take an offset afterwards."""
    where = node.loc or node.name
    if op.weight_scale is None or not np.array_equal(op.weight, np.rint(op.weight)):
        raise IntaglioError(
            f"the weights of {node.name} are not integers", where=where, hint="call model.freeze() before lower(model)"
        )
    weight = as_integers(op.weight)
    steps = [Fraction(float(s)) * x_scale for s in np.broadcast_to(op.weight_scale, (len(weight),))]
    for channel, step in enumerate(steps):
        if step == 0 and weight[channel].any():
            raise IntaglioError(f"channel {channel} of {node.name} has weight scale 0", where=where)
    filler = next((s for s in steps if s), x_scale)
    steps = [s or filler for s in steps]
    bias, offset = [0] * len(steps), [ZERO] * len(steps)
    for channel, (value, step) in enumerate(zip(op.bias, steps, strict=True)):
        exact = Fraction(float(value))
        units = exact / step
        if units.denominator == 1 and abs(units) < LARGEST_BIAS and (final or weight[channel].any()):
            bias[channel] = int(units)
        else:
            offset[channel] = exact
    scale = steps[0] if len(set(steps)) == 1 and not any(offset) else None
    if isinstance(op, SourceConv2d):
        layer: Dense | Conv2d = Conv2d(weight, as_integers(bias), op.stride, op.padding, scale)
    else:
        layer = Dense(weight, as_integers(bias), scale)
    return layer, tuple(steps), tuple(offset)


def flip(op: Dense | Conv2d, channels: npt.NDArray[np.bool_]) -> Dense | Conv2d:
    """The layer with these output channels negated; they have one scale no longer."""
    sign = np.where(channels, -1, 1)
    weight = op.weight * sign.reshape(-1, *(1,) * (op.weight.ndim - 1))
    return replace(op, weight=as_integers(weight), bias=as_integers(op.bias * sign), scale=None)
