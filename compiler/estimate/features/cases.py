"""Memories of constants whose place is left to the tool: Yosys weighs LUTs against block RAMs by their bits."""

from __future__ import annotations

from math import ceil

from .common import Features, Make, Sizes
from .memories import block_rams

BITS_OF_A_LUT = 64

LUTS_OF_A_BLOCK = 258
"""What Yosys sets a block RAM of 36 Kb equal to (129 for half of one in brams_xc4v.txt)."""


def case_blocks(depth: int, columns: int) -> float:
    """Block RAMs of 36 Kb that take so many columns of bits; 0 where LUTs are cheaper."""
    words, blocks = 1 << (depth - 1).bit_length(), block_rams(depth, columns)
    return blocks if words * columns / BITS_OF_A_LUT > blocks * LUTS_OF_A_BLOCK else 0.0


def _rom_case(s: Sizes) -> Features:
    """columns: those that are neither constant nor equal to another. Their word is read into a register."""
    depth, columns = s["depth"], s["columns"]
    if case_blocks(depth, columns):
        return {}
    more = columns * (ceil(depth / BITS_OF_A_LUT) - 1)
    return {"luts": columns if depth > 2 else 0, "more_luts": more, "bits": columns}


FEATURES: dict[str, Make] = {"rom_case": _rom_case}
