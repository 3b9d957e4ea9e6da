"""dsp2, dsp4: the products of one input with two or four weights in one DSP slice.

Weights lie in fields as wide as a product, side by side in one operand. Made unsigned by an offset, u = w + 2^(n-1)
(and v = x + 2^(b-1) where x is signed), a product is below 2^(n+b): fields neither borrow nor carry, so nothing is
lost and nothing needs correction field by field. What the offsets add goes at once,

    sum w x  =  sum u v  -  2^(n-1) sum v  -  2^(b-1) sum w,

the second sum once for all outputs, the third being a part of the bias. The operands are 25 and 18 bits signed, as a
DSP48E1 has them (a DSP48E2 has 27 and 18). The idea is that of Xilinx WP486, with offsets in place of corrections.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ....ir import Int64, Part, Parts
from ..layer import MacLayer
from ..trees import tree_adders, tree_registers
from .base import Form, Word
from .xnor import fits as fits_xnor

if TYPE_CHECKING:
    from ..datapath import Datapath

PORT_A, PORT_B = 24, 17
"""Unsigned operands of a DSP slice."""


class PackedDsp(Form):
    template = "packed_dsp"
    delay = 1  # the slice's own product register
    total = "SUM_BITS'(count) - offsets[(p*SIDE/PE)*SUM_BITS +: SUM_BITS]"

    def __init__(self, name: str, pack: int) -> None:
        self.name, self.pack = name, pack

    def fits(self, layer: MacLayer) -> bool:
        """Do the fields of so many weights fit a slice?"""
        field = layer.weight_bits + layer.x.bits
        return (self.pack - 1) * field + layer.weight_bits <= PORT_A and layer.x.bits <= PORT_B and not layer.bipolar

    def refusal(self, datapath: Datapath) -> tuple[str, str] | None:
        layer, each = datapath.layer, datapath.kernel.pe // datapath.side
        if not self.fits(layer):
            wrong = f"{self.pack} products of {layer.x.bits} by {layer.weight_bits} bits do not fit a DSP slice"
            return wrong, "choose dsp or booth as multiplier"
        if datapath.side > 1 and each % self.pack:
            return (
                f"{each} outputs of a group do not fill DSP slices of {self.pack}",
                "choose dsp or booth as multiplier",
            )
        return None

    def worth(self, layer: MacLayer, pe: int, steps: int) -> bool:
        return steps > 1 and pe > self.pack // 2 and self.fits(layer) and not fits_xnor(layer)

    def constants(self, layer: MacLayer) -> Int64:
        if not layer.x.signed:
            return np.zeros(len(layer.bias), np.int64)
        return np.asarray(-layer.rows.sum(axis=1) << (layer.x.bits - 1), np.int64)

    def word(self, layer: MacLayer) -> Word:
        return Word(layer.weight_bits, signed=False)

    def codes(self, layer: MacLayer, weights: Int64) -> Int64:
        return weights + (1 << (layer.weight_bits - 1))

    def term_bits(self, layer: MacLayer) -> int:
        return layer.weight_bits + layer.x.bits + 1

    def extra_sum_bits(self, layer: MacLayer) -> int:
        return 1

    def multiply_ns(self, layer: MacLayer) -> float:
        return 0.0  # the slice has a register behind it

    def params(self, datapath: Datapath) -> dict[str, Any]:
        layer = datapath.layer
        field = layer.weight_bits + layer.x.bits
        return {
            "pack": self.pack,
            "groups_of_outputs": -(-datapath.kernel.pe // self.pack),
            "field_bits": field,
            "packed_bits": (self.pack - 1) * field + layer.weight_bits,
            "offset_shift": layer.weight_bits - 1,
            "top_bit": layer.x.bits - 1,
        }

    def parts(self, datapath: Datapath, choice: dict[str, int]) -> Parts:
        layer, kernel = datapath.layer, datapath.kernel
        field, slices = layer.weight_bits + layer.x.bits, -(-kernel.pe // self.pack) * kernel.simd
        side, values, stages = datapath.side, layer.x.bits + 1, kernel.stages
        return (
            Part("packed_dsp", slices, {"a": (self.pack - 1) * field + layer.weight_bits, "b": layer.x.bits}),
            Part("register", 1, {"bits": kernel.simd * layer.x.bits * side}),
            *(Part("register", side * n, {"bits": b}) for n, b in tree_registers(kernel.simd, values, stages)),
            *(Part("tree_adder", side * n, {"bits": b}) for n, b in tree_adders(kernel.simd, values)),
            Part("adder", kernel.pe, {"bits": min(datapath.sum_bits, layer.out.bits)}),
        )
