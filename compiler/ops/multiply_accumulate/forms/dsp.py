"""dsp: operand times weight, each product in a DSP slice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ....ir import Part, Parts
from ...timing import DSP_NS
from ..layer import MacLayer
from ..trees import Row
from .base import DSP_WIDTH
from .lut import Lut

if TYPE_CHECKING:
    from ..datapath import Datapath

DSP_PRODUCT_BITS = 36
"""Products whose operand widths multiply to less than this are never worth a DSP slice."""


class Dsp(Lut):
    name = "dsp"

    def worth(self, layer: MacLayer, pe: int, steps: int) -> bool:
        return steps > 1 and layer.operand_bits * layer.weight_bits >= DSP_PRODUCT_BITS

    def multiply_ns(self, layer: MacLayer) -> float:
        return DSP_NS

    def params(self, datapath: Datapath) -> dict[str, Any]:
        return {"use_dsp": "yes"}

    def in_slices(self, layer: MacLayer) -> bool:
        return self.term_bits(layer) >= DSP_WIDTH

    def summed(self, datapath: Datapath, sums: int, terms: int, width: int) -> Parts:
        """Slices add, too: everything up to the first registers."""
        layer = datapath.layer
        if not self.in_slices(layer):
            return super().summed(datapath, sums, terms, width)
        return (Part("dsp_multiplier", sums * terms, {"a": layer.operand_bits, "b": layer.weight_bits}),)

    def beside(self, datapath: Datapath) -> Parts:
        """Slices have the registers of operands that come from the stream alone."""
        if not self.in_slices(datapath.layer) or datapath.turns > 1:
            return ()
        return (Part("held_in_slices", datapath.side * datapath.kernel.simd, {"bits": datapath.layer.x.bits}),)

    def rows(self, datapath: Datapath) -> list[Row]:
        """The first row is inside slices."""
        return super().rows(datapath)[self.in_slices(datapath.layer) :]
