"""source.activation: an elementwise function of `ops.functions`, its parameters one set or one per channel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...errors import IntaglioError
from ...ir import Int64, Op, TensorType
from ..accumulate import same_labels
from ..functions import FUNCTIONS


@dataclass(frozen=True, eq=False, repr=False)
class SourceActivation(Op, name="source.activation"):
    """function: its name. parameters: (1 or channels, n), as the function takes them."""

    function: str
    parameters: npt.NDArray[np.float64]

    def infer(self, x: TensorType) -> TensorType:
        known = FUNCTIONS.get(self.function)
        if known is None or self.parameters.ndim != 2 or self.parameters.shape[1] != known.parameters:
            raise IntaglioError(f"there is no function {self.function} of {self.parameters.shape[-1]} parameters")
        if len(self.parameters) not in (1, x.channels):
            raise IntaglioError(f"{self.function} has parameters for {len(self.parameters)} of {x.channels} channels")
        return TensorType(x.shape)

    def couplings(self, x: TensorType) -> tuple[tuple[Int64, ...], Int64]:
        return same_labels(x.channels)
