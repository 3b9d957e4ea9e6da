"""booth: no multiplier; a weight's digits choose among 0, x, 2x and their complements (radix-4 Booth recoding).

Two bits of a weight and the one below give a digit d = b[2j-1] + b[2j] - 2 b[2j+1], from -2 to 2; the product is the
sum of d * x * 4^j (A. D. Booth, 1951; radix 4: O. L. MacSorley, 1961). A negative digit takes the complement: -v is
~v + 1, and all these ones are constants of the weights, so they are part of the bias. A digit takes one LUT per bit,
with two inputs from x and at most three from the weight. Weights of -1 and +1 alone take one bit and one digit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ....ir import Int64, Part, Parts
from ...timing import LUT_NS, adder_ns
from ..layer import MacLayer
from .base import Form, Word
from .xnor import fits as fits_xnor

if TYPE_CHECKING:
    from ..datapath import Datapath


class Booth(Form):
    name = "booth"
    template = "booth"

    def refusal(self, datapath: Datapath) -> tuple[str, str] | None:
        if datapath.constant:
            return "with a weight of its own for every multiplier there is nothing to choose", "choose lut or adders"
        return None

    def worth(self, layer: MacLayer, pe: int, steps: int) -> bool:
        return steps > 1 and layer.weight_bits <= WIDEST and not fits_xnor(layer)

    def constants(self, layer: MacLayer) -> Int64:
        """The ones that complements lack, of all digits of each output's weights."""
        if layer.all_ones:
            return np.asarray((layer.rows < 0).sum(axis=1), np.int64)
        ones = np.zeros(len(layer.bias), np.int64)
        for j, digit in enumerate(digits(layer.rows, layer.weight_bits)):
            ones += (digit < 0).sum(axis=1) << (2 * j)
        return ones

    def word(self, layer: MacLayer) -> Word:
        return Word(1, signed=False) if layer.all_ones else Word(layer.weight_bits)

    def codes(self, layer: MacLayer, weights: Int64) -> Int64:
        return (weights < 0).astype(np.int64) if layer.all_ones else weights

    def term_bits(self, layer: MacLayer) -> int:
        return layer.operand_bits + (0 if layer.all_ones else layer.weight_bits)

    def multiply_ns(self, layer: MacLayer) -> float:
        return LUT_NS + (digit_count(layer) - 1) * adder_ns(self.term_bits(layer))

    def params(self, datapath: Datapath) -> dict[str, Any]:
        layer = datapath.layer
        count = digit_count(layer)
        return {
            "signs_only": layer.all_ones,
            "digits": count,
            "recoded_bits": 2 * count + 1,
            "fill_bits": 2 * count - layer.weight_bits,
            "select_bits": layer.operand_bits + 1,
        }

    def summed(self, datapath: Datapath, sums: int, terms: int, width: int) -> Parts:
        layer = datapath.layer
        if layer.all_ones:
            return (Part("sum", sums, {"terms": terms, "bits": layer.operand_bits, "width": width, "inputs": 2}),)
        unsigned = int(layer.operand_bits > layer.x.bits)
        digit = {"booth": 1, "a": layer.x.bits, "b": layer.weight_bits, "unsigned": unsigned}
        return (Part("sum", sums, {"terms": terms, "width": width, "product": self.term_bits(layer), **digit}),)


WIDEST = 6
"""Weights of more bits are left to multipliers: by then adders of digits cost more than they save."""


def digit_count(layer: MacLayer) -> int:
    return (layer.weight_bits + 1) // 2


def digits(weights: Int64, bits: int) -> list[Int64]:
    """Booth's digits in radix 4, the lowest first: sum(d * 4**j) is the weight."""
    shifted = weights << 1
    bit = [(shifted >> k) & 1 for k in range(bits + 2)]  # arithmetic shifts repeat the sign
    return [bit[2 * j] + bit[2 * j + 1] - 2 * bit[min(2 * j + 2, bits + 1)] for j in range((bits + 1) // 2)]
