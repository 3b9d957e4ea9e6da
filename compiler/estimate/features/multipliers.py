"""Products in DSP slices, and with constants."""

from __future__ import annotations

from math import ceil

from .common import Make

DSP_A, DSP_B = 25, 18
"""Signed operands of one DSP48E1 (a DSP48E2 has 27 x 18; our operands never need the difference)."""

DSP_PRODUCT = 9
"""Products narrower than this are built of LUTs by Yosys even where DSPs are allowed (mul2dsp's DSP_Y_MINWIDTH)."""


def dsp_slices(a: int, b: int) -> int:
    """DSP slices of a product of signed operands."""
    if a + b < DSP_PRODUCT:
        return 0
    return min(ceil(a / DSP_A) * ceil(b / DSP_B), ceil(a / DSP_B) * ceil(b / DSP_A))


FEATURES: dict[str, Make] = {
    "dsp_multiplier": lambda _: {"one": 1},
    "held_in_slices": lambda s: {"bits": s["bits"]},
    "packed_dsp": lambda _: {"one": 1},
    "constant_sums": dict,
    "graph_adders": lambda s: {"overlap": s["overlap"], "alone": s["alone"]},
}

SAVINGS = frozenset({"held_in_slices.bits"})
"""Features whose price may be negative: a DSP slice takes in registers that stand in front of it."""
