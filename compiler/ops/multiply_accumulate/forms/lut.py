"""lut: operand times weight, left to the synthesiser; a weight of its own per multiplier is a constant there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ....ir import Part, Parts
from ...timing import multiplier_ns
from ..constant_sums import ConstantLayer, constant_layer
from ..layer import MacLayer
from .base import Form
from .xnor import fits as fits_xnor

if TYPE_CHECKING:
    from ..datapath import Datapath


class Lut(Form):
    name = "lut"
    template = "product"

    def worth(self, layer: MacLayer, pe: int, steps: int) -> bool:
        return not fits_xnor(layer) and (steps == 1 or layer.weight_bits > NARROW)

    def multiply_ns(self, layer: MacLayer) -> float:
        return multiplier_ns(layer.operand_bits, layer.weight_bits)

    def unrolled(self, datapath: Datapath) -> Parts | None:
        """Products with constants, each a few adders that melt into the tree."""
        return self._constants(datapath).parts if self.name == Lut.name else None

    def idle(self, datapath: Datapath) -> int:
        return self._constants(datapath).idle if self.name == Lut.name else 0

    def _constants(self, datapath: Datapath) -> ConstantLayer:
        layer = datapath.layer
        return constant_layer(layer, datapath.kernel.stages, self.term_bits(layer), datapath.start)

    def summed(self, datapath: Datapath, sums: int, terms: int, width: int) -> Parts:
        layer = datapath.layer
        unsigned = int(layer.operand_bits > layer.x.bits)
        factors = {"a": layer.x.bits, "b": layer.weight_bits, "unsigned": unsigned}
        return (Part("sum", sums, {"terms": terms, **factors, "width": width}),)


NARROW = 3
"""Weights of up to so many bits are never cheaper with a multiplier than with Booth's digits."""
