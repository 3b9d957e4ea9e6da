"""Adders, comparators, registers, counters and multiplexers."""

from __future__ import annotations

from math import ceil

from .common import Features, Make, Sizes, choice


def _comparator(s: Sizes) -> Features:
    return {"bits": s["bits"], "chosen_bits": s["bits"] * choice(s)}


def _adder(s: Sizes) -> Features:
    """A bit whose addend is constant needs no LUT before its carry; of few `words`, some bits are equal in all."""
    return {"bits": s["bits"], "free_bits": s["bits"] * (1 - 2.0 ** (1 - s["words"]) if "words" in s else 1.0)}


FEATURES: dict[str, Make] = {
    "register": lambda s: {"bits": s["bits"]},
    "counter": lambda s: {"bits": s["bits"], "one": 1},
    "control": lambda _: {"one": 1},
    "adder": _adder,
    "tree_adder": lambda s: {"bits": s["bits"]},
    "accumulator": lambda s: {"bits": s["bits"]},
    "mask": lambda s: {"bits": s["bits"]},
    "comparator": _comparator,
    "constant_comparator": lambda s: {"bits": s["bits"]},
    "thermometer": lambda s: {"levels": s["levels"]},
    "mux": lambda s: {"cells": s["bits"] * max(1, ceil((s["inputs"] - 1) / 3)) if s["inputs"] > 1 else 0},
}
