"""Memories of constants in LUTs whose address counts beside them, and those whose place is left to the tool."""

from __future__ import annotations

from .common import Features, Make, Sizes
from .memories import FEATURES as MEMORIES
from .memories import LITERALS, block_rams, different_columns

ONE_LUT = 32
"""Words of a column that one LUT holds."""

BITS_OF_A_LUT = 64

LUTS_OF_A_BLOCK = 258
"""What Yosys sets a block RAM of 36 Kb equal to (129 for half of one in brams_xc4v.txt)."""


def _rom_counted(s: Sizes) -> Features:
    """Where bits of the address go into a carry chain, too, Yosys (abc9) does not read 64 words with a LUT6, as it does
    otherwise, but with LUT5, and one more for each choice between two of these.

    columns: those that are neither constant nor equal to another; pieces: LUTs of these and of choices, where they are
    known (ops/contents.py). The word is read into a register.
    """
    depth = s["depth"]
    columns = s.get("columns", different_columns(depth, s["width"]))
    if depth > ONE_LUT:
        return {"pieces": s.get("pieces", columns * 2 * depth / ONE_LUT), "bits": columns}
    return {"luts": columns * LITERALS.get(depth, 1.0), "bits": columns}


def case_blocks(depth: int, columns: int) -> float:
    """Block RAMs of 36 Kb that take so many columns of bits, where no place is asked for; 0 where LUTs are cheaper."""
    blocks = block_rams(depth, columns, written=False)
    return blocks if depth * columns / BITS_OF_A_LUT > blocks * LUTS_OF_A_BLOCK else 0.0


def _rom_case(s: Sizes) -> Features:
    if case_blocks(s["depth"], s["columns"]):
        return {}
    found = MEMORIES["rom_lutram"](s)
    return {"luts" if s["depth"] <= ONE_LUT else "more_luts": found["luts"], "choices": found["choices"]}


FEATURES: dict[str, Make] = {
    "rom_counted": _rom_counted,
    "rom_case": _rom_case,
    "case_register": lambda s: {"bits": 0 if case_blocks(s["depth"], s["columns"]) else s["columns"]},
}
