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
from ..few_words import different_gates
from ..layer import MacLayer
from ..trees import segments, tree_registers
from .base import DSP_WIDTH, Form, Word
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

    def live_term_bits(self, layer: MacLayer) -> int:
        """Products are not negative."""
        return layer.weight_bits + layer.x.bits

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

    def in_slices(self, layer: MacLayer, fields: int) -> bool:
        """Are so many products of one input worth a slice to Yosys?"""
        return layer.x.bits > 1 and fields * (layer.weight_bits + layer.x.bits) >= DSP_WIDTH

    def summed(self, datapath: Datapath, sums: int, terms: int, width: int) -> Parts:
        """Of products that are in registers, those of slices or others."""
        if terms == 1:
            return ()
        pe, bits = datapath.kernel.pe, self.live_term_bits(datapath.layer)
        sizes = {"terms": terms, "bits": bits, "width": width, "signed": 0}
        return (Part("sum", sums // pe * (pe - self._alone(datapath)), sizes),)

    def registers(self, datapath: Datapath) -> Parts:
        pe = datapath.kernel.pe
        outputs = [pe - self._alone(datapath)] + [pe] * datapath.kernel.stages
        rows = zip(outputs, self.rows(datapath), strict=False)
        return tuple(Part("register", each * count, {"bits": bits}) for each, row in rows for count, bits in row)

    def _alone(self, datapath: Datapath) -> int:
        """Outputs that have slices of their own: these add, too, up to the first registers."""
        return int(datapath.kernel.pe % self.pack == 1 and self.in_slices(datapath.layer, 1))

    def beside(self, datapath: Datapath) -> Parts:
        """The products, and the sums of the values."""
        layer, kernel, side = datapath.layer, datapath.kernel, datapath.side
        whole, rest = divmod(kernel.pe, self.pack)
        if layer.x.bits == 1 and (known := datapath.known_bits()) is not None:
            parts = self._gates(different_gates(known, side))
        else:
            parts = [*self._products(layer, whole * kernel.simd, self.pack), *self._products(layer, kernel.simd, rest)]
        parts.append(Part("register", 1, {"bits": kernel.simd * layer.x.bits * side}))
        for row in tree_registers(kernel.simd, layer.x.bits, kernel.stages):
            parts += [Part("register", side * count, {"bits": bits}) for count, bits in row]
        for sums, terms, bottom, top in segments(kernel.simd, kernel.stages):
            if terms > 1:
                sizes = {"terms": terms, "bits": layer.x.bits + bottom, "width": layer.x.bits + top, "signed": 0}
                parts.append(Part("sum", side * sums, sizes))
        return tuple(parts)

    def _gates(self, count: int) -> list[Part]:
        """So many products of one bit, with their registers."""
        gate = Part("sum", count, {"terms": 1, "a": 1, "b": 1, "unsigned": 2, "width": 1})
        return [gate, Part("register", count, {"bits": 1})]

    def _products(self, layer: MacLayer, count: int, fields: int) -> Parts:
        """So many times the products of one input and so many weights, with their register."""
        if not count or not fields:
            return ()
        if self.in_slices(layer, fields):
            packed = (fields - 1) * self.live_term_bits(layer) + layer.weight_bits
            return (Part("packed_dsp", count, {"a": packed, "b": layer.x.bits}),)
        width = layer.weight_bits + (layer.x.bits if layer.x.bits > 1 else 0)
        sizes = {"terms": 1, "a": layer.weight_bits, "b": layer.x.bits, "unsigned": 2, "width": width}
        return Part("sum", fields * count, sizes), Part("register", fields * count, {"bits": width})

    def accumulator(self, datapath: Datapath) -> Parts:
        """Where the bits of the output allow, the sum of the values is taken off in the same go."""
        layer, kernel = datapath.layer, datapath.kernel
        out, bits = layer.out.bits, datapath.sum_bits
        if out <= bits:
            held = Part("register", kernel.pe * (datapath.beats > 1), {"bits": out})
            return Part("sum", kernel.pe, {"terms": 3, "bits": out, "width": out}), held
        difference = Part("sum", kernel.pe, {"terms": 2, "bits": bits, "width": bits})
        if datapath.beats == 1:
            return difference, Part("sum", kernel.pe, {"terms": 2, "bits": bits, "width": out})
        return difference, Part("accumulator", kernel.pe, {"bits": out})
