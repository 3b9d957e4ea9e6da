"""What of a part costs something: its features, which prices multiply, and what a device's rules fix exactly.

`features` gives, for a part, numbers by "kind.feature": LUTs and flip-flops are linear in them, with prices fitted to
Yosys runs. They follow how a LUT6 device builds the part (a ROM column takes a LUT per 64 words, a multiplier an adder
cell per partial-product bit). `fixed` gives DSP slices, block RAMs and UltraRAMs, which are rules and not fits.

A new kind of part needs one line in `_FEATURES`; kinds that are not there raise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from math import ceil, log2

from ..errors import IntaglioError
from ..ir import Part
from .resources import Resources

Sizes = dict[str, int]
Features = Mapping[str, float]

DSP_A, DSP_B = 25, 18
"""Signed operands of one DSP48E1 (a DSP48E2 has 27 x 18; our operands never need the difference)."""

DSP_PRODUCT = 9
"""Products narrower than this are built of LUTs by Yosys even where DSPs are allowed (mul2dsp's DSP_Y_MINWIDTH)."""


def features(part: Part) -> dict[str, float]:
    """Numbers by "kind.feature". Raises IntaglioError for an unknown kind of part."""
    make = _FEATURES.get(part.kind)
    if make is None:
        raise IntaglioError(f"no price for a part {part.kind!r}", hint="add its features to estimate/features.py")
    return {f"{part.kind}.{name}": float(value) for name, value in make(part.sizes).items() if value}


def fixed(part: Part) -> Resources:
    """DSP slices and block RAMs of ONE piece."""
    if part.kind in {"rom_bram", "ram_bram"}:
        return Resources(bram36=block_rams(part["depth"], part["width"]))
    if part.kind == "ram_uram":
        return Resources(uram=ceil(part["depth"] / URAM_SHAPE[0]) * ceil(part["width"] / URAM_SHAPE[1]))
    if part.kind == "dsp_multiplier":
        return Resources(dsp=dsp_slices(part["a"], part["b"]))
    if part.kind == "packed_dsp":
        return Resources(dsp=1)
    return Resources()


# ---- rules of the device -------------------------------------------------------------------------------------------


@cache
def block_rams(depth: int, width: int) -> float:
    """Block RAMs of 36 Kb for a memory with one write and one read port, an 18 Kb one being a half.

    A memory is cut into columns of equal words and rows of equal depth, of either size; the cheapest cut counts.
    """
    return min(
        cost * ceil(depth / words) * ceil(width / bits)
        for cost, shapes in ((0.5, _RAMB18), (1.0, _RAMB36))
        for words, bits in shapes
    )


URAM_SHAPE = 4096, 72
"""Words and bits of an UltraRAM."""


_RAMB18 = ((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1))
_RAMB36 = ((512, 72), (1024, 36), (2048, 18), (4096, 9), (8192, 4), (16384, 2), (32768, 1))


def dsp_slices(a: int, b: int) -> int:
    """DSP slices of a product of signed operands."""
    if a + b < DSP_PRODUCT:
        return 0
    return min(ceil(a / DSP_A) * ceil(b / DSP_B), ceil(a / DSP_B) * ceil(b / DSP_A))


def _lutram(s: Sizes) -> Sizes:
    """RAM32M (32 x 6) and RAM64M (64 x 3) take four LUTs; deeper ones are several, with a multiplexer behind."""
    depth, width = s["depth"], s["width"]
    if depth <= 32:
        return {"luts": 4 * ceil(width / 6)}
    blocks = ceil(depth / 64)
    return {"luts": 4 * ceil(width / 3) * blocks, "mux": width * (blocks - 1)}


# ---- features ------------------------------------------------------------------------------------------------------


def _multiplier(s: Sizes) -> Features:
    """Rows of partial products: two of them take an adder, each further one a row of compressors.

    A factor that is one of few `words` of a memory is simpler: its bits are functions of the address.
    """
    long, short = max(s["a"], s["b"]), min(s["a"], s["b"])
    if short == 1:
        return {"gates": long}
    rows, choice = long * (short - 2), _choice(s)
    found = {"first": long, "rows": rows, "chosen_first": long * choice, "chosen_rows": rows * choice}
    return found | {"signed_rows": rows * s.get("signed", 0)}


def _digit_select(s: Sizes) -> Features:
    """A LUT per bit; with one weight bit and one of x it is part of the adder behind it."""
    if s["inputs"] == SIGN_INPUTS:
        return {"sign_bits": s["bits"]}
    return {"bits": s["bits"], "chosen_bits": s["bits"] * _choice(s)}


SIGN_INPUTS = 2
"""Inputs of a bit that is only complemented or not."""


def _comparator(s: Sizes) -> Features:
    return {"bits": s["bits"], "chosen_bits": s["bits"] * _choice(s)}


def _adder(s: Sizes) -> Features:
    """A bit whose addend is constant needs no LUT before its carry; of few `words`, some bits are equal in all."""
    return {"bits": s["bits"], "free_bits": s["bits"] * (1 - 2.0 ** (1 - s["words"]) if "words" in s else 1.0)}


def _choice(s: Sizes) -> float:
    """0 for a constant, 1 for any value: how much of a free variable one of `words` constants is."""
    return min(1.0, log2(s["words"]) / CHOICE_BITS) if "words" in s else 1.0


CHOICE_BITS = 4.5
"""Address bits from which on constants read from a memory are as good as any value: a LUT takes six inputs."""


def _dsp_multiplier(s: Sizes) -> Features:
    if s["a"] + s["b"] >= DSP_PRODUCT:
        return {"one": 1, "b": s["b"]}
    return {"small_" + name: value for name, value in _multiplier(s).items()}


def _rom_columns(s: Sizes) -> Features:
    """A LUT per column and 64 words, and the register that its word is read into (block RAMs have theirs inside).

    Few words make few different columns: of the 2**depth that there are, two are constant, and equal ones are built
    once. Contents count as random.
    """
    columns, rows = different_columns(s["depth"], s["width"]), ceil(s["depth"] / 64)
    return {"luts": columns if s["depth"] > 2 else 0, "more_luts": columns * (rows - 1), "bits": columns}


@cache
def different_columns(depth: int, width: int) -> float:
    """How many columns of a random memory are neither constant nor equal to another: the expected number."""
    if depth > 20:
        return width
    kinds = 2.0**depth
    return (kinds - 2) * (1 - (1 - 1 / kinds) ** width)


def _block(s: Sizes) -> Sizes:
    return {"rows": s["width"] * (ceil(s["depth"] / 4096) - 1)}


_FEATURES: dict[str, Callable[[Sizes], Features]] = {
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
    "fifo_control": lambda _: {"one": 1},
    "lut_multiplier": _multiplier,
    "dsp_multiplier": _dsp_multiplier,
    "packed_dsp": lambda s: {"one": 1, "bits": s["a"] + s["b"]},
    "digit_select": _digit_select,
    "constant_multiplier": lambda s: {
        "digits": s["bits"] * (s["digits"] - s["more_digits"]),
        "more_digits": s["bits"] * s["more_digits"],
        "more_digit_ends": s["more_digits"],
        "more_ones": s["bits"] * s["more_ones"],
        "more_one_ends": s["more_ones"],
    },
    "graph_adders": lambda s: {"overlap": s["overlap"], "alone": s["alone"]},
    "mux": lambda s: {"cells": s["bits"] * max(1, ceil((s["inputs"] - 1) / 3)) if s["inputs"] > 1 else 0},
    "rom_constant": lambda _: {},
    "rom_lutram": _rom_columns,
    "rom_bram": _block,
    "ram_constant": lambda s: {"bits": s["depth"] * s["width"]},
    "ram_lutram": _lutram,
    "ram_bram": _block,
    "ram_uram": lambda _: {"one": 1},
    "shift_line": lambda s: {"luts": s["width"] * ceil(s["depth"] / 32), "ends": s["width"]},
}

SAVINGS = frozenset({"dsp_multiplier.one", "dsp_multiplier.b", "packed_dsp.one", "packed_dsp.bits"})
"""Features whose price may be negative: a DSP slice takes in registers and adders that stand around it."""

KINDS = tuple(_FEATURES)
"""Every kind of part that has a price."""
