"""source.fixed_quantise: a quantiser that came with the network, every number of it given.

(clip(round(x / scale + zero), lo, hi) - zero) * scale
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from ...errors import IntaglioError
from ...ir import Int64, Op, TensorType
from ..accumulate import same_labels


@dataclass(frozen=True, eq=False, repr=False)
class FixedQuantise(Op, name="source.fixed_quantise"):
    """scale: (channels,) or (1,) of Fraction, positive. zero: (channels,) or (1,), the code that stands for 0.

    lo, hi: the least and the largest code. rounding: a mode of `ops.rounding`. bipolar: +scale where x >= 0, else
    -scale; all but the scale is ignored then.
    """

    scale: npt.NDArray[Any]
    zero: Int64
    lo: int
    hi: int
    rounding: str = "half_even"
    bipolar: bool = False

    def infer(self, x: TensorType) -> TensorType:
        for values in (self.scale, self.zero):
            if len(values) not in (1, x.channels):
                raise IntaglioError(f"a quantiser of {len(values)} channels on {x.channels}")
        return TensorType(x.shape)

    def couplings(self, x: TensorType) -> tuple[tuple[Int64, ...], Int64]:
        return same_labels(x.channels)
