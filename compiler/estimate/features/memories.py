"""Memories and shift lines: in LUTs, block RAMs and UltraRAMs."""

from __future__ import annotations

from functools import cache
from math import ceil

from .common import Features, Make, Sizes
from .cuts import block_ram, lut_ram

URAM_SHAPE = 4096, 72
"""Words and bits of an UltraRAM."""

SHIFT_REGISTER = 32
"""Bits of a LUT as a shift register (SRLC32E)."""


def block_rams(depth: int, width: int, *, written: bool = True) -> float:
    """Block RAMs of 36 Kb for a memory with a read port, and unless it holds constants a write port."""
    return block_ram(depth, width, written=written).size


def _choice(width: int, rows: int) -> dict[str, float]:
    """Choosing a word out of so many rows of a memory: three of them more in each LUT."""
    return {"choices": width * ceil((rows - 1) / 3)}


def _lutram(s: Sizes) -> Features:
    """LUTs of the primitives of 7-series and of UltraScale+, of which one has a price in either family; the word out of
    its rows, and a write enable for each of them.
    """
    one_address = bool(s.get("one_address"))
    cut, wide = (lut_ram(s["depth"], s["width"], family, one_address=one_address) for family in ("xc7", "xcup"))
    found = {"luts": cut.size, "wide_luts": wide.size, **_choice(s["width"], cut.rows)}
    return found | {"rows": cut.rows if cut.rows > 1 else 0}


def _rom_columns(s: Sizes) -> Features:
    """A column of bits is a function of the address, and the word is read into a register (block RAMs have theirs
    inside). Of contents that are not known (ops/contents.py says what to know of them), the expected numbers count.
    """
    depth = s["depth"]
    columns = s.get("columns", different_columns(depth, s["width"]))
    blocks, choices = (columns * each for each in blocks_of(depth))
    blocks, choices = s.get("blocks", blocks), s.get("choices", choices)
    return {"luts": blocks * LITERALS.get(depth, 1.0), "choices": choices, "bits": columns}


LITERALS = {2: 0.0, 3: 0.33, 4: 0.3, 5: 0.5, 6: 0.83, 7: 0.85, 8: 0.86}
"""How many columns of so few words take a LUT. The others are a bit of the address, which may reset or enable their
register besides.
"""


def blocks_of(depth: int) -> tuple[float, float]:
    """LUTs of a column of any bits, and LUTs that choose between them. One holds 64 words; two or four are joined by
    the multiplexers of a slice, which take no fewer. A last block of few words may well be constant.
    """
    blocks, last = divmod(depth - 1, 64)
    if blocks < 1:
        return 1, 0
    some = 1 - 2.0**-last
    if blocks in (1, 2):
        return blocks * (1 + some), 0
    return blocks + some + (blocks == 2), ceil(blocks / 3) if blocks > 3 else 0


@cache
def different_columns(depth: int, width: int) -> float:
    """How many columns of a random memory are neither constant nor equal to another: the expected number."""
    if depth > 20:
        return width
    kinds = 2.0**depth
    return (kinds - 2) * (1 - (1 - 1 / kinds) ** width)


def _rom_block(s: Sizes) -> Features:
    rows = block_ram(s["depth"], s["width"], written=False).rows
    return _choice(s["width"], rows) | {"place": (rows - 1).bit_length()}


def _ram_block(s: Sizes) -> Features:
    """What chooses between rows takes one of them into the LUT behind it."""
    rows = block_ram(s["depth"], s["width"], written=True).rows
    return {"choices": s["width"] * ceil((rows - 1) / 4), "place": (rows - 1).bit_length()}


def _shift_line(s: Sizes) -> Features:
    """A line of each bit."""
    luts, bits = shift_registers(s["depth"])
    return {"luts": s["width"] * luts, "bits": s["width"] * bits}


def shift_registers(depth: int) -> tuple[int, int]:
    """LUTs and flip-flops of a line of one bit: SRLC32E or SRL16E, and a flip-flop for one more. Yosys leaves lines of
    two bits to flip-flops.
    """
    if depth < 3:
        return 0, depth
    luts, rest = divmod(depth, SHIFT_REGISTER)
    return luts + (rest > 1), int(rest in (1, 17))


def _fifo_control(s: Sizes) -> Features:
    """Of a FIFO: addresses to write and to read, which start again after the last word, and how many words there are.

    The address of a word that LUTs hold is kept twice; a block RAM is one cycle late, and a word that is wanted at once
    comes past it.
    """
    depth = s["depth"]
    address = (depth - 1).bit_length()
    found = {"one": 1, "count": depth.bit_length(), "address": address, "wraps": address * (depth & (depth - 1) > 0)}
    return found | ({"past": 1, "past_bits": s["width"]} if s["block"] else {"copy": address})


FEATURES: dict[str, Make] = {
    "rom_constant": lambda _: {},
    "rom_lutram": _rom_columns,
    "rom_bram": _rom_block,
    "ram_constant": lambda s: {"bits": s["depth"] * s["width"]},
    "ram_lutram": _lutram,
    "ram_bram": _ram_block,
    "ram_uram": lambda _: {"one": 1},
    "shift_line": _shift_line,
    "fifo_control": _fifo_control,
}
