"""Constants that are multiplied with or added to a tensor: source.affine, or source.position_affine."""

from __future__ import annotations

import numpy as np

from ...ops.source import Affine, SourcePositionAffine
from ..values import Value
from .builder import pick
from .call import Call
from .constants import ONE, ZERO, Array, Constant, aligned, check_size, full


def affine(a: Call, x: Value, multiplier: Constant | None, shift: Constant | None) -> Value:
    """x * multiplier + shift; both constants are broadcast over the user's shape of x."""
    given = [Constant(full((), default)) if c is None else c for c, default in ((multiplier, ONE), (shift, ZERO))]
    indices = [a.builder.inside_index(x, c.shape) for c in given]
    if x.is_vector and any(index.ndim > 1 for index in indices):  # a flattened image: features are channels
        x = a.vector(x)
        indices = [a.builder.inside_index(x, c.shape) for c in given]
    parts: list[Array] = [pick(c, index) for c, index in zip(given, indices, strict=True)]
    if all(v == 1 for v in parts[0].ravel()) and not any(parts[1].ravel()):
        return x
    for part in parts:
        check_size(part.ravel().tolist())
    if all(part.ndim == 1 for part in parts):
        channels = (x.inside[-1],)
        wide = [a.numbers(np.array(np.broadcast_to(part, channels))) for part in parts]
        return a.same(Affine(wide[0], wide[1]), x)
    rank = len(x.inside)
    parts = [aligned(part, rank) for part in parts]
    return a.same(SourcePositionAffine(a.numbers(parts[0]), a.numbers(parts[1])), x)
