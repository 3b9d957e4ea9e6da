"""Memories and shift lines: in LUTs, block RAMs and UltraRAMs."""

from __future__ import annotations

from functools import cache
from math import ceil

from .common import Features, Make, Sizes


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


def _lutram(s: Sizes) -> Sizes:
    """RAM32M (32 x 6) and RAM64M (64 x 3) take four LUTs; deeper ones are several, with a multiplexer behind."""
    depth, width = s["depth"], s["width"]
    if depth <= 32:
        return {"luts": 4 * ceil(width / 6)}
    blocks = ceil(depth / 64)
    return {"luts": 4 * ceil(width / 3) * blocks, "mux": width * (blocks - 1)}


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


FEATURES: dict[str, Make] = {
    "rom_constant": lambda _: {},
    "rom_lutram": _rom_columns,
    "rom_bram": _block,
    "ram_constant": lambda s: {"bits": s["depth"] * s["width"]},
    "ram_lutram": _lutram,
    "ram_bram": _block,
    "ram_uram": lambda _: {"one": 1},
    "shift_line": lambda s: {"luts": s["width"] * ceil(s["depth"] / 32), "ends": s["width"]},
}
