"""source.concat: the channels of several tensors behind each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...errors import IntaglioError
from ...ir import Int64, Op, TensorType


@dataclass(frozen=True, eq=False, repr=False)
class SourceConcat(Op, name="source.concat"):
    """count: how many tensors."""

    count: int

    def arity(self, ins: tuple[TensorType, ...]) -> None:
        if len(ins) != self.count:
            raise IntaglioError(f"{self.name} takes {self.count} inputs, not {len(ins)}")

    def infer(self, *ins: TensorType) -> TensorType:
        if len({x.shape[:-1] for x in ins}) > 1:
            raise IntaglioError(f"concat needs equal pixels, not {' and '.join(str(x.shape) for x in ins)}")
        return TensorType((*ins[0].shape[:-1], sum(x.channels for x in ins)))

    def couplings(self, *ins: TensorType) -> tuple[tuple[Int64, ...], Int64]:
        ends = np.cumsum([x.channels for x in ins])
        labels = tuple(np.arange(end - x.channels, end) for end, x in zip(ends, ins, strict=True))
        return labels, np.arange(ends[-1])
