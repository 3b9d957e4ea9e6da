"""Constants that are multiplied with or added to a tensor: source.affine, or source.position_affine."""

from __future__ import annotations

import numpy as np

from ..ops.source import Affine, SourcePositionAffine
from .onnx_builder import pick
from .onnx_call import Call
from .onnx_constants import ONE, ZERO, Array, Constant, check_size, full
from .values import Value


def affine(a: Call, x: Value, multiplier: Constant | None, shift: Constant | None) -> Value:
    """x * multiplier + shift; both constants are broadcast over the user's shape of x."""
    parts: list[Array] = []
    for constant, default in ((multiplier, ONE), (shift, ZERO)):
        given = Constant(full((), default)) if constant is None else constant
        parts.append(pick(given, a.builder.inside_index(x, given.shape)))
    if all(v == 1 for v in parts[0].ravel()) and not any(parts[1].ravel()):
        return x
    for part in parts:
        check_size(part.ravel().tolist())
    if all(part.ndim == 1 for part in parts):
        channels = (x.inside[-1],)
        wide = [a.numbers(np.array(np.broadcast_to(part, channels))) for part in parts]
        return a.same(Affine(wide[0], wide[1]), x)
    return a.same(SourcePositionAffine(a.numbers(parts[0]), a.numbers(parts[1])), x)
