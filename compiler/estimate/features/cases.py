"""Memories of constants in LUTs whose address counts beside them, and those whose place is left to the tool."""

from __future__ import annotations

from .common import Features, Make, Sizes
from .memories import FEATURES as MEMORIES
from .memories import LITERALS, block_rams, blocks_of, different_columns

ONE_LUT, BLOCK = 32, 16
"""Words of a column that one LUT holds; of longer columns, words that a LUT holds."""

MANY_BITS = 880
"""Bits of a memory from which on columns have so much in common: in a small one most LUTs stay large."""

BITS_OF_A_LUT = 64

LUTS_OF_A_BLOCK = 258
"""What Yosys sets a block RAM of 36 Kb equal to (129 for half of one in brams_xc4v.txt)."""


def _rom_counted(s: Sizes) -> Features:
    """Where bits of the address go into a carry chain, too, Yosys (abc9) does not read 64 words with a LUT6, as it does
    otherwise, but builds columns of smaller LUTs and shares these: about one for every 16 words.

    columns: those that are neither constant nor equal to another, if known; pieces: LUTs, if what they hold is known.
    Their word is read into a register.
    """
    depth = s["depth"]
    columns = s.get("columns", different_columns(depth, s["width"]))
    if depth > ONE_LUT:
        shared = min(1.0, depth * columns / MANY_BITS)
        small, large = columns * depth / BLOCK, columns * sum(blocks_of(depth))
        return {"blocks": s.get("pieces", shared * small + (1 - shared) * large), "bits": columns}
    return {"luts": columns * LITERALS.get(depth, 1.0), "bits": columns}


def case_blocks(depth: int, columns: int) -> float:
    """Block RAMs of 36 Kb that take so many columns of bits, where no place is asked for; 0 where LUTs are cheaper."""
    blocks = block_rams(depth, columns, written=False)
    return blocks if depth * columns / BITS_OF_A_LUT > blocks * LUTS_OF_A_BLOCK else 0.0


def _rom_case(s: Sizes) -> Features:
    return {} if case_blocks(s["depth"], s["columns"]) else MEMORIES["rom_lutram"](s)


FEATURES: dict[str, Make] = {"rom_counted": _rom_counted, "rom_case": _rom_case}
