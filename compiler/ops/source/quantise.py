"""source.quantise: scale * clip(floor(x / scale + 1/2), lo, hi): the one rounding rule, half up."""

from __future__ import annotations

from dataclasses import dataclass

from ...ir import Int64, Op, TensorType
from ..accumulate import same_labels


@dataclass(frozen=True, eq=False, repr=False)
class Quantise(Op, name="source.quantise"):
    """bits: width of the codes. signed, scale: None until calibration has seen data.

    group: quantisers of one group (the two inputs of an add, say) share one scale and one sign.
    """

    bits: int
    signed: bool | None = None
    scale: float | None = None
    group: str = ""

    @property
    def lo(self) -> int:
        """The least code; symmetric when signed (-(2^(bits-1) - 1)), so that weights and activations negate freely."""
        return -self.hi if self.signed else 0

    @property
    def hi(self) -> int:
        return max(1, (1 << (self.bits - 1)) - 1) if self.signed else (1 << self.bits) - 1

    def infer(self, x: TensorType) -> TensorType:
        return TensorType(x.shape)

    def couplings(self, x: TensorType) -> tuple[tuple[Int64, ...], Int64]:
        return same_labels(x.channels)
