"""xnor: weights of -1 and +1 and inputs of one bit, -1 and +1 or 0 and 1.

It counts the bits in which weights and inputs differ: with inputs of -1 and +1 a product is 1 less 2 for a difference,
with 0 and 1 it is 1 (a weight of +1) or 0 (of -1) less 1 for a difference. The constants are part of the bias, the
count comes negative out of a tree of signed terms of one bit, and 0 as padding needs nothing special.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ....ir import Int64, Part, Parts
from ..constant_sums import ConstantLayer, constant_layer
from ..layer import MacLayer
from .base import Form, Word

if TYPE_CHECKING:
    from ..datapath import Datapath


class Xnor(Form):
    name = "xnor"
    template = "xnor"
    flags_spare = True

    def refusal(self, datapath: Datapath) -> tuple[str, str] | None:
        if fits(datapath.layer):
            return None
        return "xnor multiplies weights of -1 and +1 with inputs of one bit only", "choose lut or dsp as multiplier"

    def worth(self, layer: MacLayer, pe: int, steps: int) -> bool:
        return fits(layer)

    def constants(self, layer: MacLayer) -> Int64:
        """The sum of the products if no bit were different."""
        ones = np.ones_like(layer.rows) if layer.bipolar else np.maximum(layer.rows, 0)
        return np.asarray(ones.sum(axis=1), np.int64)

    def word(self, layer: MacLayer) -> Word:
        return Word(1, signed=False)

    def codes(self, layer: MacLayer, weights: Int64) -> Int64:
        return (weights > 0).astype(np.int64)

    def term_bits(self, layer: MacLayer) -> int:
        return 1

    def extra_sum_bits(self, layer: MacLayer) -> int:
        return int(layer.bipolar)  # a difference counts twice

    def params(self, datapath: Datapath) -> dict[str, Any]:
        return {"total": "{count, 1'b0}"} if datapath.layer.bipolar else {}

    def unrolled(self, datapath: Datapath) -> Parts | None:
        return self._constants(datapath).parts

    def idle(self, datapath: Datapath) -> int:
        return self._constants(datapath).idle

    def _constants(self, datapath: Datapath) -> ConstantLayer:
        return constant_layer(datapath.layer, datapath.kernel.stages, 1, datapath.start, differences=True)

    def summed(self, datapath: Datapath, sums: int, terms: int, width: int) -> Parts:
        return (Part("sum", sums, {"terms": terms, "bits": 1, "width": width, "inputs": 2}),)


def fits(layer: MacLayer) -> bool:
    """Weights of -1 and +1 that meet inputs of one bit."""
    return layer.x.bits == 1 and layer.all_ones
