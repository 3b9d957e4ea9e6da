"""Operators whose own constants become short dyadic numbers once scales are snapped: functions and borders."""

from __future__ import annotations

from dataclasses import replace
from math import floor
from typing import TYPE_CHECKING

import numpy as np

from ..ir import Node, Op
from ..ops.source import SourceActivation, SourcePad
from .dyadic import power_of_two, with_mantissa
from .network import source_quantiser

if TYPE_CHECKING:
    from .model import PreparedModel

PARAMETER_BITS = 8
"""Of the slopes and ends of activation functions."""
SLOPED = ("leaky_relu", "hard_sigmoid")
"""Functions whose first parameter is a slope."""


def settled(model: PreparedModel, node: Node) -> Op:
    """The operator as it will be built: a border's value is that of the nearest code."""
    op = node.op
    if isinstance(op, SourceActivation):
        return settled_activation(op, power_of_two_only=model.recipe.scales == "power-of-two")
    if isinstance(op, SourcePad) and op.value:
        source = source_quantiser(model.graph, node.inputs[0])
        if source is not None:
            scale = float(model.quantiser(source.name).scale)
            return replace(op, value=floor(op.value / scale + 0.5) * scale)
    return op


def settled_activation(op: SourceActivation, *, power_of_two_only: bool) -> SourceActivation:
    """A function whose parameters have mantissas of PARAMETER_BITS bits; its slope a power of two, where asked for."""
    parameters = np.vectorize(lambda v: with_mantissa(v, PARAMETER_BITS), otypes=[np.float64])(op.parameters)
    if power_of_two_only and op.function in SLOPED:
        parameters[:, 0] = [float(np.sign(v)) * power_of_two(abs(v)) if v else 0.0 for v in parameters[:, 0]]
    return replace(op, parameters=parameters)
