"""source.flatten: (height, width, channels) to one pixel of height * width * channels, in that order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...ir import Int64, Op, TensorType


@dataclass(frozen=True, eq=False, repr=False)
class SourceFlatten(Op, name="source.flatten"):
    def infer(self, x: TensorType) -> TensorType:
        return TensorType((x.size,))

    def couplings(self, x: TensorType) -> tuple[tuple[Int64, ...], Int64]:
        return (np.arange(x.channels),), np.tile(np.arange(x.channels), x.pixels)
