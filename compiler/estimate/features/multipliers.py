"""Products: of LUTs, of DSP slices, of chosen digits, with constants."""

from __future__ import annotations

from math import ceil

from .common import Features, Make, Sizes, choice

DSP_A, DSP_B = 25, 18
"""Signed operands of one DSP48E1 (a DSP48E2 has 27 x 18; our operands never need the difference)."""

DSP_PRODUCT = 9
"""Products narrower than this are built of LUTs by Yosys even where DSPs are allowed (mul2dsp's DSP_Y_MINWIDTH)."""


def dsp_slices(a: int, b: int) -> int:
    """DSP slices of a product of signed operands."""
    if a + b < DSP_PRODUCT:
        return 0
    return min(ceil(a / DSP_A) * ceil(b / DSP_B), ceil(a / DSP_B) * ceil(b / DSP_A))


def _multiplier(s: Sizes) -> Features:
    """Rows of partial products: two of them take an adder, each further one a row of compressors.

    A factor that is one of few `words` of a memory is simpler: its bits are functions of the address.
    """
    long, short = max(s["a"], s["b"]), min(s["a"], s["b"])
    if short == 1:
        return {"gates": long}
    rows, free = long * (short - 2), choice(s)
    found = {"first": long, "rows": rows, "chosen_first": long * free, "chosen_rows": rows * free}
    return found | {"signed_rows": rows * s.get("signed", 0)}


def _dsp_multiplier(s: Sizes) -> Features:
    if dsp_slices(s["a"], s["b"]):
        return {"one": 1}
    return {"small_" + name: value for name, value in _multiplier(s).items()}


FEATURES: dict[str, Make] = {
    "dsp_multiplier": _dsp_multiplier,
    "held_in_slices": lambda s: {"bits": s["bits"]},
    "packed_dsp": lambda _: {"one": 1},
    "constant_sums": dict,
    "graph_adders": lambda s: {"overlap": s["overlap"], "alone": s["alone"]},
}

SAVINGS = frozenset({"held_in_slices.bits"})
"""Features whose price may be negative: a DSP slice takes in registers that stand in front of it."""
