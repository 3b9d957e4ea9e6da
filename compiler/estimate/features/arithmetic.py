"""Adders, products, registers, counters, multiplexers, and what is made of them."""

from __future__ import annotations

from math import ceil

from .common import Features, Make, Sizes
from .memories import FEATURES as MEMORIES
from .memories import different_columns
from .sums import Adders, Row, compress

LUT_INPUTS = 6


def number(bits: int, width: int, shift: int = 0, *, signed: bool = True) -> Row:
    """A number of so many bits: its sign is repeated to the width of the sum, or zeros are."""
    end = min(shift + bits, width)
    return Row(((1 << (width if signed else end)) - 1) >> shift << shift, end)


def _adder(s: Sizes) -> Features:
    """A bit whose addend is constant needs no LUT before its carry; of few `words`, some bits are equal in all."""
    return {"bits": s["bits"] * (1 - 2.0 ** (1 - s["words"]) if "words" in s else 1.0)}


def _clip(s: Sizes) -> Features:
    """One bound sets or resets the result's register; at two, each bit is chosen, too."""
    return {"one": 1, "sides": s["sides"], "bits": s["bits"]}


def _word_sum(s: Sizes) -> Features:
    """The sum of words from registers, signed or not."""
    return _of_registers(compress([number(s["bits"], s["width"], signed=bool(s["signed"]))] * s["terms"], s["width"]))


def _of_registers(cells: Adders) -> dict[str, float]:
    """A bit of the last chain adds two full adders' outputs in one LUT, and needs one of them besides: no more LUTs
    than those full adders have.
    """
    return {"full": cells.first + cells.full, "half": cells.half, "chain": cells.chain}


def _product(s: Sizes) -> Features:
    """Of two numbers; where one is a bit, gates."""
    a, b, width = s["a"], s["b"], s["width"]
    long, short = max((a, s["a_signed"]), (b, s["b_signed"])), min((a, s["a_signed"]), (b, s["b_signed"]))
    if short == (1, 0):
        return {"gates": min(long[0], width)}
    found = _rows(long[0], bool(long[1]), short[0], bool(short[1]), width, 0)
    return found._asdict() | {"gates": min(long[0], width) * (short[0] == 2)}


def _factor_rows(s: Sizes) -> Features:
    """Multiples of a number by a power of two each, added, and one more number: of `addend` bits, or -1: a constant."""
    if not s["rows"]:
        return {}
    found = _rows(s["bits"], bool(s["signed"]), s["rows"], bool(s["negative"]), s["width"], s["addend"])
    added = s["addend"] > 0
    inputs = s["rows"] + 1 + s["gated"] + 2 * added  # of a bit of the last chain, where it comes after one full adder
    if not s["gated"] or (s["rows"] + added == 3 and inputs <= LUT_INPUTS):
        return _of_registers(found)
    lone = s["rows"] == 1 or s["rows"] + added == 2  # a chain of two, where a gate is no part of it
    return found._asdict() | {"gates": min(s["bits"], s["width"]) * lone}


def _rows(bits: int, signed: bool, rows: int, negative: bool, width: int, addend: int) -> Adders:
    """negative: the last row is complemented."""
    table = [number(bits, width, at, signed=signed) for at in range(rows)]
    if addend > 0:
        table.append(number(addend, width))
    return compress(table, width, int(negative), rows - 1)


FEATURES: dict[str, Make] = {
    "register": lambda s: {"bits": s["bits"]},
    "stored_bits": lambda s: {"bits": different_columns(s["words"], s["width"])},
    "rom_wires": lambda s: {"luts": MEMORIES["rom_lutram"](s)["luts"]},
    "counter": lambda s: {"bits": s["bits"], "one": 1, "wraps": s.get("wraps", 0)},
    "control": lambda _: {"one": 1},
    "handshake": lambda s: {"one": 1, "inputs": s["inputs"]},
    "adder": _adder,
    "tree_adder": lambda s: {"bits": s["bits"]},
    "accumulator": lambda s: {"bits": s["bits"]},
    "mask": lambda s: {"bits": s["bits"]},
    "mux": lambda s: {"cells": s["bits"] * max(1, ceil((s["inputs"] - 1) / 3)) if s["inputs"] > 1 else 0},
    "clip": _clip,
    "insertion": lambda s: {"bits": s["bits"], "one": 1, "ordered": s["ordered"]},
    "rounding": lambda s: {"bits": s["bits"]},
    "word_sum": _word_sum,
    "product": _product,
    "rows": _factor_rows,
}
