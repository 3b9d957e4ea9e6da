"""source.top_k: the k largest (or smallest) elements of a vector, the lowest index first on a tie."""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import IntaglioError
from ...ir import Op, TensorType


@dataclass(frozen=True, eq=False, repr=False)
class SourceTopK(Op, name="source.top_k"):
    """values: the elements themselves; else their indices."""

    k: int
    largest: bool = True
    values: bool = False

    def infer(self, x: TensorType) -> TensorType:
        if len(x.shape) != 1 or not 1 <= self.k <= x.channels:
            raise IntaglioError(f"top-{self.k} of a tensor of shape {x.shape}")
        return TensorType((self.k,))
