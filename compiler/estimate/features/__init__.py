"""What of a part costs something: its features, which prices multiply, and what a device's rules fix exactly.

`features` gives, for a part, numbers by "kind.feature": LUTs and flip-flops are linear in them, with prices fitted to
Yosys runs. They follow how a LUT6 device builds the part (a ROM column takes a LUT per 64 words, a multiplier an adder
cell per partial-product bit). `fixed` gives DSP slices, block RAMs and UltraRAMs, which are rules and not fits.

A new kind of part needs one line in the `FEATURES` of one file here; kinds that are not there raise.
"""

from __future__ import annotations

from math import ceil

from ...errors import IntaglioError
from ...ir import Part
from ..resources import Resources
from . import arithmetic, cases, choices, comparisons, few_words, memories, multipliers
from .cases import case_blocks
from .memories import URAM_SHAPE, block_rams, different_columns
from .multipliers import SAVINGS, dsp_slices

__all__ = [
    "KINDS",
    "SAVINGS",
    "STORING",
    "block_rams",
    "different_columns",
    "dsp_slices",
    "features",
    "fixed",
    "may_cost",
]

_FEATURES = (
    arithmetic.FEATURES
    | cases.FEATURES
    | choices.FEATURES
    | comparisons.FEATURES
    | few_words.FEATURES
    | memories.FEATURES
    | multipliers.FEATURES
)

STORING = frozenset(
    {
        "register", "counter", "control", "handshake", "accumulator", "fifo_control", "shift_line",
        "insertion", "rom_lutram", "case_register", "rom_counted", "rom_bram", "ram_bram", "ram_uram", "ram_constant",
        "held_in_slices", "dsp_multiplier", "packed_dsp", "fork",
    }
)  # fmt: skip
"""Kinds of parts that hold flip-flops (a slice may take some in); of all others the price in flip-flops is 0."""

WIRED = frozenset(
    {"register", "case_register", "ram_constant", "dsp_multiplier", "packed_dsp", "held_in_slices", "counter.bits"}
)
"""Kinds of parts, and features of others, that take no LUTs."""

KINDS = tuple(_FEATURES)
"""Every kind of part that has a price."""


def features(part: Part) -> dict[str, float]:
    """Numbers by "kind.feature". Raises IntaglioError for an unknown kind of part."""
    make = _FEATURES.get(part.kind)
    if make is None:
        raise IntaglioError(
            f"no price for a part {part.kind!r}", hint="add its features to a file of estimate/features"
        )
    return {f"{part.kind}.{name}": float(value) for name, value in make(part.sizes).items() if value}


def may_cost(feature: str, resource: str) -> bool:
    """Whether "kind.feature" may have a price in "lut" or "ff" at all."""
    kind = feature.partition(".")[0]
    return kind in STORING if resource == "ff" else kind not in WIRED and feature not in WIRED


def fixed(part: Part) -> Resources:
    """DSP slices and block RAMs of ONE piece."""
    if part.kind in {"rom_bram", "ram_bram"}:
        return Resources(bram36=block_rams(part["depth"], part["width"], written=part.kind == "ram_bram"))
    if part.kind == "rom_case":
        return Resources(bram36=case_blocks(part["depth"], part["columns"]))
    if part.kind == "ram_uram":
        return Resources(uram=ceil(part["depth"] / URAM_SHAPE[0]) * ceil(part["width"] / URAM_SHAPE[1]))
    if part.kind == "dsp_multiplier":
        return Resources(dsp=dsp_slices(part["a"], part["b"]))
    if part.kind == "packed_dsp":
        return Resources(dsp=1)
    return Resources()
