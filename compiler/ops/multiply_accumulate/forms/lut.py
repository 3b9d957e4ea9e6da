"""lut: operand times weight, left to the synthesiser; a weight of its own per multiplier is a constant there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ....ir import Part, Parts
from ...timing import multiplier_ns
from ..layer import MacLayer
from ..trees import constant_sizes, constant_tree_registers
from .base import Form
from .xnor import fits as fits_xnor

if TYPE_CHECKING:
    from ..datapath import Datapath


class Lut(Form):
    name = "lut"
    template = "product"

    def worth(self, layer: MacLayer, pe: int, steps: int) -> bool:
        return not fits_xnor(layer) and (steps == 1 or layer.weight_bits > NARROW)

    def live_term_bits(self, layer: MacLayer) -> int:
        return min(self.term_bits(layer), layer.product_bits)

    def multiply_ns(self, layer: MacLayer) -> float:
        return multiplier_ns(layer.operand_bits, layer.weight_bits)

    def unrolled(self, datapath: Datapath) -> Parts | None:
        """Products with constants, each a few adders that melt into the tree."""
        if self.name != Lut.name:
            return None
        layer = datapath.layer
        return (
            Part("constant_multiplier", 1, constant_sizes(layer.weight, layer.x.bits, layer.weight_bits)),
            Part("adder", int(np.count_nonzero(layer.bias)), {"bits": layer.out.bits}),
            Part("register", 1, {"bits": constant_tree_registers(*layer.products, datapath.kernel.stages)}),
        )

    def summed(self, datapath: Datapath, sums: int, terms: int, width: int, choice: dict[str, int]) -> Parts:
        layer = datapath.layer
        unsigned = int(layer.operand_bits > layer.x.bits)
        factors = {"a": layer.x.bits, "b": layer.weight_bits, "unsigned": unsigned}
        return (Part("product_sum", sums, {"terms": terms, **factors, "width": width, **choice}),)


NARROW = 3
"""Weights of up to so many bits are never cheaper with a multiplier than with Booth's digits."""
