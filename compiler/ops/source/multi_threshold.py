"""source.multi_threshold: out_scale * (how many thresholds x reaches) + out_bias, channel by channel; FINN's."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy.typing as npt

from ...errors import IntaglioError
from ...ir import Int64, Op, TensorType
from ..accumulate import same_labels


@dataclass(frozen=True, eq=False, repr=False)
class SourceMultiThreshold(Op, name="source.multi_threshold"):
    """thresholds: (channels or 1, n) of Fraction, ascending; x reaches t where x >= t. The scale is positive."""

    thresholds: npt.NDArray[Any]
    out_scale: Fraction = Fraction(1)
    out_bias: Fraction = Fraction(0)

    def infer(self, x: TensorType) -> TensorType:
        if self.thresholds.ndim != 2 or len(self.thresholds) not in (1, x.channels):
            raise IntaglioError(f"thresholds of shape {self.thresholds.shape} on {x.channels} channels")
        return TensorType(x.shape)

    def couplings(self, x: TensorType) -> tuple[tuple[Int64, ...], Int64]:
        return same_labels(x.channels)
