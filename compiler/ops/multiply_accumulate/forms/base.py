"""What a way to multiply says of itself. Its templates are rtl/ and hls/multiply_accumulate/<template>.

RTL: from `operands` and `weights` it makes `terms`, SIMD signed words of TERM_BITS for each of PE outputs, `delay`
cycles later. HLS: from `word` and `weights[...]` it makes `totals[PE]`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ....ir import Int64, Part, Parts
from ...timing import LUT_NS, registers, tree_ns
from ..layer import MacLayer
from ..trees import Row, tree_registers

if TYPE_CHECKING:
    from ..datapath import Datapath

DSP_WIDTH = 9
"""Products of fewer bits are built of LUTs by Yosys even where DSPs are allowed (mul2dsp's DSP_Y_MINWIDTH)."""


@dataclass(frozen=True, slots=True)
class Word:
    """How a weight lies in memory: its bits, and whether the tables of HLS hold it as a signed number."""

    bits: int
    signed: bool = True


class Form:
    """One way to multiply. A form has no state: `layer` and `datapath` say what is multiplied."""

    name: str
    template: str
    delay = 0
    """Registers between the operands and the terms."""

    total = "SUM_BITS'(count)"
    """RTL: the sum from `count`, what the tree gives."""

    flags_spare = False
    """A weight that is not there needs a bit of its own in memory to say so, having no code for 0."""

    def refusal(self, datapath: Datapath) -> tuple[str, str] | None:
        """Why it cannot be built so, and what to choose instead; None where it can."""
        return None

    def worth(self, layer: MacLayer, pe: int, steps: int) -> bool:
        """Should a solver consider it, for so many outputs side by side and weight words in memory?"""
        raise NotImplementedError

    def constants(self, layer: MacLayer) -> Int64:
        """What each output's sum starts from besides its bias."""
        return np.zeros(len(layer.bias), np.int64)

    def word(self, layer: MacLayer) -> Word:
        return Word(layer.weight_bits)

    def codes(self, layer: MacLayer, weights: Int64) -> Int64:
        """The weights as they lie in memory, before they are cut to the word's bits."""
        return weights

    def term_bits(self, layer: MacLayer) -> int:
        """Bits of a term's wire."""
        return layer.operand_bits + layer.weight_bits

    def live_term_bits(self, layer: MacLayer) -> int:
        """Bits of a term that are not known to be 0 or copies of its sign."""
        return self.term_bits(layer)

    def extra_sum_bits(self, layer: MacLayer) -> int:
        """Bits of the sum of terms besides those of a tree."""
        return 0

    def multiply_ns(self, layer: MacLayer) -> float:
        """From the operands' registers to the terms, if no register is between (ops/timing.py)."""
        return LUT_NS

    def params(self, datapath: Datapath) -> dict[str, Any]:
        """What its templates need besides `Datapath.params`."""
        return {}

    def unrolled(self, datapath: Datapath) -> Parts | None:
        """Where every weight has a place of its own: what is behind the operands, up to the registers of the results,
        if that is known as a whole.
        """
        return None

    def idle(self, datapath: Datapath) -> int:
        """Then, bits of the word of operands that take no flip-flop: nothing reads them, or they are the first of a
        shift register that is counted in `unrolled`.
        """
        return 0

    def stages(self, layer: MacLayer, terms: int, clock_mhz: float) -> int:
        """Registers that `terms` products and their adder tree need at a clock (ops/timing.py)."""
        return registers(self.multiply_ns(layer) + tree_ns(terms, self.term_bits(layer)), clock_mhz)

    def summed(self, datapath: Datapath, sums: int, terms: int, width: int) -> Parts:
        """So many sums of `terms` products each, of `width` bits, without a register between factors and sums."""
        raise NotImplementedError

    def beside(self, datapath: Datapath) -> Parts:
        """What it needs besides products and their sums."""
        return ()

    def registers(self, datapath: Datapath) -> Parts:
        """Those of the adder trees of all outputs."""
        pe = datapath.kernel.pe
        return tuple(Part("register", pe * count, {"bits": bits}) for row in self.rows(datapath) for count, bits in row)

    def rows(self, datapath: Datapath) -> list[Row]:
        """Of the registers in the adder tree of an output."""
        layer, kernel = datapath.layer, datapath.kernel
        return list(tree_registers(kernel.simd, self.live_term_bits(layer), kernel.stages, layer.out.bits))

    def accumulator(self, datapath: Datapath) -> Parts:
        """What adds sums, or a sum and a start that is read from a memory, for each output."""
        layer, pe = datapath.layer, datapath.kernel.pe
        if datapath.beats > 1:
            return (Part("accumulator", pe, {"bits": layer.out.bits}),)
        return (Part("adder", 1, {"bits": datapath.added_bits}),)
