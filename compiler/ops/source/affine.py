"""source.affine: x * multiplier[c] + shift[c]: what freezing makes of a batch norm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from ...errors import IntaglioError
from ...ir import Int64, Op, TensorType
from ..accumulate import same_labels

Numbers = npt.NDArray[Any]


@dataclass(frozen=True, eq=False, repr=False)
class Affine(Op, name="source.affine"):
    """multiplier, shift: (channels,): dyadic floats, or Fractions of an imported network."""

    multiplier: Numbers
    shift: Numbers

    def infer(self, x: TensorType) -> TensorType:
        if x.channels != len(self.multiplier):
            raise IntaglioError(f"affine has {len(self.multiplier)} channels, its input {x.channels}")
        return TensorType(x.shape)

    def couplings(self, x: TensorType) -> tuple[tuple[Int64, ...], Int64]:
        return same_labels(x.channels)
