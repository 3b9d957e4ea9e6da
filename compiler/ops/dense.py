"""dense: y[m] = bias[m] + sum over k of weight[m, k] * x[k], at every pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from ..errors import IntaglioError
from ..ir import Array, Int64, Op, TensorType
from .accumulate import bounds, free_labels
from .exact import integers, magnitude_of, matmul


@dataclass(frozen=True, eq=False, repr=False)
class Dense(Op, name="dense"):
    """weight: (outputs, inputs), bias: (outputs,), integers. scale: real value of one step of the output, if known."""

    weight: Int64
    bias: Int64
    scale: object = None

    def infer(self, x: TensorType) -> TensorType:
        if x.channels != self.weight.shape[1]:
            raise IntaglioError(f"dense takes {self.weight.shape[1]} inputs, not {x.channels}")
        lo, hi = bounds(self.weight, self.bias, x, may_pad=False)
        return TensorType.integer((*x.shape[:-1], len(self.bias)), lo, hi, self.scale)

    def run(self, x: Array) -> Array:
        return integers(matmul(x, self.weight.T, magnitude_of(x))) + self.bias

    def couplings(self, x: TensorType) -> tuple[tuple[Int64, ...], Int64]:
        return free_labels(x.channels, len(self.bias))

    def keep(self, ins: tuple[Int64, ...], out: Int64) -> Self:
        return type(self)(self.weight[np.ix_(out, ins[0])], self.bias[out], self.scale)
