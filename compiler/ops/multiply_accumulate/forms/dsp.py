"""dsp: operand times weight, each product in a DSP slice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ....ir import Part, Parts
from ...timing import DSP_NS
from ..layer import MacLayer
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

    def parts(self, datapath: Datapath, choice: dict[str, int]) -> Parts:
        layer = datapath.layer
        factors = {"a": layer.x.bits, "b": layer.weight_bits, "signed": int(layer.x.signed), **choice}
        return (Part("dsp_multiplier", datapath.kernel.pe * datapath.kernel.simd, factors),)
