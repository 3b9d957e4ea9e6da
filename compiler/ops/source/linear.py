"""source.linear: weight @ x + bias, at every pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...errors import IntaglioError
from ...ir import Int64, Op, TensorType
from ..accumulate import free_labels

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class SourceLinear(Op, name="source.linear"):
    """weight: (outputs, inputs), bias: (outputs,). With weight_scale (outputs,), weight holds integer codes."""

    weight: Float64
    bias: Float64
    weight_scale: Float64 | None = None

    def infer(self, x: TensorType) -> TensorType:
        if x.channels != self.weight.shape[1]:
            raise IntaglioError(f"linear takes {self.weight.shape[1]} features, not {x.channels}")
        return TensorType((*x.shape[:-1], len(self.bias)))

    def couplings(self, x: TensorType) -> tuple[tuple[Int64, ...], Int64]:
        return free_labels(x.channels, len(self.bias))
