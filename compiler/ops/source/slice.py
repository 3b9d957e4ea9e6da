"""source.slice: some of the rows, columns and channels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...ir import Int64, Op, TensorType

Range = tuple[int, int, int]


@dataclass(frozen=True, eq=False, repr=False)
class SourceSlice(Op, name="source.slice"):
    """rows, columns: start, stop, step (of an image). channels: ascending indices."""

    rows: Range
    columns: Range
    channels: Int64

    def infer(self, x: TensorType) -> TensorType:
        if len(x.shape) == 1:
            return TensorType((len(self.channels),))
        return TensorType((len(range(*self.rows)), len(range(*self.columns)), len(self.channels)))

    def couplings(self, x: TensorType) -> tuple[tuple[Int64, ...], Int64]:
        return (np.arange(x.channels),), np.asarray(self.channels)
