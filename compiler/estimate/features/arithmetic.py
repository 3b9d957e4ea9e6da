"""Adders, products, registers, counters, multiplexers, and what is made of them."""

from __future__ import annotations

from math import ceil

from .addends import FULL_ADDER
from .cases import FEATURES as CASES
from .common import Features, Make, Sizes
from .comparisons import constant_luts
from .products import product_luts, rows_alone
from .sums import compress, number


def _clip(s: Sizes) -> Features:
    """One bound sets or resets the result's register; at two, each bit is chosen, too. A side compares the bits above
    those of the result.
    """
    return {"one": 1, "compared": s["sides"] * constant_luts(s["upper"]), "bits": s["bits"]}


def _word_sum(s: Sizes) -> Features:
    """The sum of words from registers, signed or not. A bit of the last chain adds two full adders' outputs in one LUT,
    and needs one of them besides: no more LUTs than those full adders have.
    """
    found = compress([number(s["bits"], s["width"], signed=bool(s["signed"]))] * s["terms"], s["width"])
    return {"luts": 2 * (found.first + found.full) + found.chain, "half": found.half}


def _rows(s: Sizes) -> Features:
    """Multiples of a number by powers of two, added, and one more number: of `addend` bits, `steady` ones of which are
    always the same; or -1: a constant.

    gated: how many of them are there or not, by a bit of a factor. negative: the last is complemented.
    """
    rows, gated, added, bits, width = s["rows"], s["gated"], s["addend"] > 0, min(s["bits"], s["width"]), s["width"]
    if not rows:
        return {}
    if not added or gated == rows:
        alone = rows_alone(rows, gated, bits, width, s["negative"], s["signed"])
        whole = product_luts(rows, s["negative"], bits, s["signed"], added=True) if added else alone
        if alone is not None and whole is not None:
            return {"luts": whole - (whole - alone) * (s.get("steady", 0) / s["addend"] if added else 0)}
    table = [number(s["bits"], width, at, signed=bool(s["signed"])) for at in range(rows)]
    if added:
        table.append(number(s["addend"], width))
    found = compress(table, width, s["negative"], rows - 1)
    full = found.first + found.full
    if not gated:
        return {"luts": 2 * full + found.chain, "half": found.half}
    if rows == 1:  # a sum of two; the chain takes the row from gates of its own
        return {"luts": bits + found.chain}
    last, levels, ungated = found.chain + found.last, len(table) - FULL_ADDER, rows - gated + added
    if levels <= 1 and ungated > 1:  # few inputs: the chain's LUTs have room for the last full adder's sum
        return {"luts": 2 * full + 2 * GATED_ENDS, "half": found.half}
    both = abs(levels) == 1 or not ungated  # are both summands LUTs of their own, but for the carries at the top
    chain = last + min(last, bits) * both
    if not levels:
        return {"luts": 2 * full + chain + found.half * both, "half": found.half}
    return {"luts": 2 * full + chain + GATED_ENDS * (not added), "half": found.half}


GATED_ENDS = 2
"""Gates that are no part of an adder: the lowest bit of a product, and its highest."""


FEATURES: dict[str, Make] = {
    "register": lambda s: {"bits": s["bits"]},
    "rom_wires": lambda s: {name: value for name, value in CASES["rom_counted"](s).items() if name != "bits"},
    "counter": lambda s: {"bits": s["bits"], "one": 1, "wraps": s.get("wraps", 0)},
    "control": lambda _: {"one": 1},
    "handshake": lambda s: {"one": 1, "inputs": s["inputs"]},
    "adder": lambda s: {"bits": s["bits"]},
    "accumulator": lambda s: {"bits": s["bits"]},
    "inversion": lambda s: {"bits": s["bits"]},
    "mask": lambda s: {"bits": s["bits"]},
    "mux": lambda s: {"cells": s["bits"] * max(1, ceil((s["inputs"] - 1) / 3)) if s["inputs"] > 1 else 0},
    "clip": _clip,
    "insertion": lambda s: {"luts": s["bits"] + 1 + 2 * s["ordered"]},
    "rounding": lambda s: {"bits": s["bits"]},
    "word_sum": _word_sum,
    "rows": _rows,
}
