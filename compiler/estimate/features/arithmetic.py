"""Adders, products, registers, counters, multiplexers, and what is made of them."""

from __future__ import annotations

from math import ceil

from .common import Features, Make, Sizes
from .sums import Row, compress


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
    width, bits = s["width"], s["bits"]
    return compress([number(bits, width, signed=bool(s["signed"]))] * s["terms"], width)._asdict()


def _product(s: Sizes) -> Features:
    """Of two numbers; where one is a bit, gates."""
    a, b, width = s["a"], s["b"], s["width"]
    long, short = max((a, s["a_signed"]), (b, s["b_signed"])), min((a, s["a_signed"]), (b, s["b_signed"]))
    if short == (1, 0):
        return {"gates": min(long[0], width)}
    return _rows(long[0], bool(long[1]), short[0], bool(short[1]), width, 0)


def _factor_rows(s: Sizes) -> Features:
    """Multiples of a number by a power of two each, added, and one more number: of `addend` bits, or -1: a constant."""
    if not s["rows"]:
        return {}
    found = _rows(s["bits"], bool(s["signed"]), s["rows"], bool(s["negative"]), s["width"], s["addend"])
    return found if s["gated"] or "gates" not in found else {**found, "gates": 0}


def _rows(bits: int, signed: bool, rows: int, negative: bool, width: int, addend: int) -> dict[str, float]:
    """negative: the last row is complemented. In a chain of two, what is not a register's takes a LUT more."""
    table = [number(bits, width, at, signed=signed) for at in range(rows)]
    if addend > 0:
        table.append(number(addend, width))
    found: dict[str, float] = compress(table, width, int(negative), rows - 1)._asdict()
    return found | ({"gates": min(bits, width)} if rows < 3 and (rows + (addend > 0) == 2 or rows == 1) else {})


FEATURES: dict[str, Make] = {
    "register": lambda s: {"bits": s["bits"]},
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
