"""source.gather: any transpose or reshape that the hardware cannot absorb: out.flat[i] = x.flat[index[i]]."""

from __future__ import annotations

from dataclasses import dataclass

from ...ir import Int64, Op, TensorType


@dataclass(frozen=True, eq=False, repr=False)
class SourceGather(Op, name="source.gather"):
    """index: (output size,). shape: of the output, channels last."""

    index: Int64
    shape: tuple[int, ...]

    def infer(self, x: TensorType) -> TensorType:
        return TensorType(self.shape)
