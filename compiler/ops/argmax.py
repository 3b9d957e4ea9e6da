"""argmax: the index of the largest element of a vector, the lowest on a tie."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..errors import IntaglioError
from ..ir import Array, Op, TensorType


@dataclass(frozen=True, eq=False, repr=False)
class Argmax(Op, name="argmax"):
    def infer(self, x: TensorType) -> TensorType:
        if len(x.shape) != 1:
            raise IntaglioError(f"argmax needs a vector, not {x.shape}", hint="flatten first")
        return TensorType.integer((1,), 0, x.channels - 1, Fraction(1))

    def run(self, x: Array) -> Array:
        return np.argmax(x, axis=-1)[:, None]
