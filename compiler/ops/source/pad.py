"""source.pad: a border of one value around an image."""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import IntaglioError
from ...ir import Int64, Op, TensorType
from ..accumulate import same_labels
from ..window import Padding


@dataclass(frozen=True, eq=False, repr=False)
class SourcePad(Op, name="source.pad"):
    """padding: top, bottom, left, right, none negative. value: a real number."""

    padding: Padding
    value: float = 0.0

    def infer(self, x: TensorType) -> TensorType:
        if len(x.shape) != 3:
            raise IntaglioError(f"pad needs (height, width, channels), not {x.shape}")
        top, bottom, left, right = self.padding
        return TensorType((x.shape[0] + top + bottom, x.shape[1] + left + right, x.channels))

    def couplings(self, x: TensorType) -> tuple[tuple[Int64, ...], Int64]:
        return same_labels(x.channels)
