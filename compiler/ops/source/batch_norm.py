"""source.batch_norm: (x - mean) / sqrt(variance + epsilon) * weight + bias, channel by channel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...errors import IntaglioError
from ...ir import Int64, Op, TensorType
from ..accumulate import same_labels

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class BatchNorm(Op, name="source.batch_norm"):
    """mean, variance, weight, bias: (channels,)."""

    mean: Float64
    variance: Float64
    weight: Float64
    bias: Float64
    epsilon: float = 1e-5
    momentum: float = 0.1

    def infer(self, x: TensorType) -> TensorType:
        if x.channels != len(self.mean):
            raise IntaglioError(f"batch norm has {len(self.mean)} channels, its input {x.channels}")
        return TensorType(x.shape)

    def couplings(self, x: TensorType) -> tuple[tuple[Int64, ...], Int64]:
        return same_labels(x.channels)
