"""Functions that exporters write as several nodes: x * sigmoid(x), x * clip(x + 3, 0, 6) / 6, the two forms of GELU.

Exporters write their irrational constants (1/sqrt 2, sqrt(2/pi)) in float32; what is meant is taken, the function.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import pi, sqrt
from typing import Any

import numpy as np

from ...ops.source import Affine, SourceActivation, SourceAdd, SourceMultiply
from ..values import Value
from .affine import affine
from .call import Call
from .constants import ONE, ZERO, Constant, full
from .rules_activations import activation

NEAR = 1e-6


@dataclass(frozen=True)
class Line:
    """slope * tensor + shift"""

    tensor: str
    slope: Fraction
    shift: Fraction


def gate(a: Call, x: Value, y: Value) -> Value | None:
    """x * y, where y is a function of x that makes the product a known one."""
    if x.shape != y.shape or x.inside != y.inside or not _same(x.order, y.order):
        return None
    own, outer = _line(a, x.name), _line(a, y.name)
    root = a.builder.by_name.get(outer.tensor)
    if root is None or not isinstance(root.op, SourceActivation) or len(root.op.parameters) != 1 or not own.slope:
        return None
    given = _line(a, root.inputs[0])
    parameters = [float(v) for v in root.op.parameters[0]]
    for base in (Line(x.name, ONE, ZERO), own):  # the function of x itself, or of what x is a multiple of
        argument = _line(a, root.inputs[0], until=base.tensor) if base.tensor == x.name else given
        if base is own and own.shift:
            continue
        known = _known(a, root.op.function, parameters, argument, base.tensor, root.inputs[0], outer)
        if known is not None:
            function, gain = known
            value = Value(base.tensor, x.shape, x.order, x.inside)
            result = activation(a, value, function)
            return affine(a, result, Constant(full((), gain * base.slope)), None)
    return None


def _known(
    a: Call, function: str, parameters: list[float], argument: Line, tensor: str, inner: str, outer: Line
) -> tuple[str, Fraction] | None:
    """tensor * (outer.slope * function(argument) + outer.shift) as (name, factor)."""
    gain, shift = outer.slope, outer.shift
    direct = argument == Line(tensor, ONE, ZERO)
    if function == "sigmoid" and direct and not shift:
        return "silu", gain
    if function == "hard_sigmoid" and direct and not shift and _near(parameters[0], 1 / 6) and parameters[1] == 0.5:
        return "hard_swish", gain
    if function == "clip" and parameters == [0.0, 6.0] and argument == Line(tensor, ONE, Fraction(3)) and not shift:
        return "hard_swish", 6 * gain
    if function == "erf" and argument.tensor == tensor and not argument.shift and gain == shift:
        return ("gelu", 2 * gain) if _near(float(argument.slope), 1 / sqrt(2)) else None
    if function != "tanh":
        return None
    node = a.builder.by_name.get(inner)
    if node is not None and isinstance(node.op, SourceActivation) and node.op.function == "softplus":
        return (
            ("mish", gain) if _line(a, node.inputs[0], until=tensor) == Line(tensor, ONE, ZERO) and not shift else None
        )
    if gain == shift and _cubic(a, argument, tensor):
        return "gelu_tanh", 2 * gain
    return None


def _cubic(a: Call, argument: Line, tensor: str) -> bool:
    """sqrt(2/pi) * (x + 0.044715 * x^3)"""
    total = a.builder.by_name.get(argument.tensor)
    if total is None or not isinstance(total.op, SourceAdd) or argument.shift:
        return False
    if not _near(float(argument.slope), sqrt(2 / pi)) or tensor not in total.inputs:
        return False
    (other,) = [i for i in total.inputs if i != tensor] or [tensor]
    line = _line(a, other)
    cube = a.builder.by_name.get(line.tensor)
    if cube is None or not isinstance(cube.op, SourceMultiply) or line.shift or not _near(float(line.slope), 0.044715):
        return False
    squares = [a.builder.by_name.get(i) for i in cube.inputs if i != tensor]
    if len(squares) != 1 or squares[0] is None or tensor not in cube.inputs:
        return False
    op: Any = squares[0].op
    return isinstance(op, SourceActivation) and op.function == "square" and squares[0].inputs == (tensor,)


def _line(a: Call, name: str, until: str = "") -> Line:
    """The tensor that a chain of uniform affine maps starts from."""
    slope, shift = ONE, ZERO
    while name != until:
        node = a.builder.by_name.get(name)
        if node is None or not isinstance(node.op, Affine):
            break
        own = [{*values.tolist()} for values in (node.op.multiplier, node.op.shift)]
        if len(own[0]) != 1 or len(own[1]) != 1:
            break
        multiplier, added = (Fraction(*v) for v in own)
        shift += slope * added
        slope *= multiplier
        name = node.inputs[0]
    return Line(name, slope, shift)


def _near(value: float, wanted: float) -> bool:
    return abs(value - wanted) <= NEAR * abs(wanted)


def _same(a: Any, b: Any) -> bool:
    return a is b or (a is not None and b is not None and np.array_equal(a, b))
