"""source.position_affine: x * multiplier + shift, constants that differ from pixel to pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import IntaglioError
from ...ir import Int64, Op, TensorType
from ..accumulate import same_labels


@dataclass(frozen=True, eq=False, repr=False)
class SourcePositionAffine(Op, name="source.position_affine"):
    """multiplier, shift: of the tensor's shape, or with axes of size 1; floats or Fractions."""

    multiplier: npt.NDArray[Any]
    shift: npt.NDArray[Any]

    def infer(self, x: TensorType) -> TensorType:
        for values in (self.multiplier, self.shift):
            if np.broadcast_shapes(values.shape, x.shape) != x.shape:
                raise IntaglioError(f"constants of shape {values.shape} on a tensor of shape {x.shape}")
        return TensorType(x.shape)

    def couplings(self, x: TensorType) -> tuple[tuple[Int64, ...], Int64]:
        return same_labels(x.channels)
