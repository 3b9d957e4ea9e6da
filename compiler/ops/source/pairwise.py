"""What the operators of two tensors share. The second may be one pixel, (1, 1, C), or one channel, (H, W, 1)."""

from __future__ import annotations

import numpy as np

from ...errors import IntaglioError
from ...ir import PINNED, Int64, Op, TensorType
from ..accumulate import same_labels


class SourcePairwise(Op):
    inputs = 2

    def infer(self, a: TensorType, b: TensorType) -> TensorType:
        pixel, plane = (*(1,) * (len(a.shape) - 1), a.channels), (*a.shape[:-1], 1)
        if b.shape not in (a.shape, pixel, plane):
            kind = self.name.removeprefix("source.")
            raise IntaglioError(f"{kind} needs two equal shapes, not {a.shape} and {b.shape}")
        return TensorType(a.shape)

    def couplings(self, a: TensorType, b: TensorType) -> tuple[tuple[Int64, ...], Int64]:
        if a.channels == b.channels:
            return same_labels(a.channels, 2)
        (own,), out = same_labels(a.channels)
        return (own, np.array([PINNED])), out
