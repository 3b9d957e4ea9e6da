"""How memories are cut into block RAMs and LUT RAMs: as Yosys does it (memory_libmap), whose rule this is exactly.

A primitive of 2^a words has words of one of several widths. A memory of `depth` words takes, at each width, `rows` of
addresses; the bits of all rows lie side by side, and as many primitives as hold them are taken. What chooses among the
rows is weighed against the primitives that they save: half a primitive's unit of cost per bit and row. Of a memory that
is written, a word begins anew with each group of bits that has a write enable of its own (9 in a block RAM).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from math import ceil

CHOICE = 0.5
"""What a bit of another row costs, and the decoder of its write enable."""


@dataclass(frozen=True, slots=True)
class Primitive:
    """One way to use a primitive: 2^`address_bits` words of the first of `widths`, half as many of each further one.

    cost: as Yosys's library has it, of which `scaled` is paid by bits and the rest by primitives. size: what one counts
    in a report: units of 36 Kb, or LUTs. lane: bits that have a write enable of their own; 0 for a whole word. single:
    its bits are primitives of their own, and those that nothing needs are left out.
    """

    address_bits: int
    widths: tuple[int, ...]
    cost: int
    size: float
    scaled: int = 0
    lane: int = 0
    single: bool = False


@dataclass(frozen=True, slots=True)
class Cut:
    """What a memory takes. size: of all its primitives. rows: of addresses, between which multiplexers choose."""

    size: float
    rows: int


_WIDTHS = 1, 2, 4, 9, 18, 36, 72

BLOCK_RAMS = (
    Primitive(14, _WIDTHS[:5], 129, 0.5, lane=9),  # two ports
    Primitive(15, _WIDTHS[:6], 257, 1.0, lane=9),
    Primitive(16, _WIDTHS[:4], 513, 2.0, lane=9),
    Primitive(14, _WIDTHS[:6], 129, 0.5, lane=9),  # one to write, one to read
    Primitive(15, _WIDTHS[:7], 257, 1.0, lane=9),
)
"""RAMB18 and RAMB36 (UG473), and two of the latter in a cascade. UltraScale+ has no cascades: from 7,000 words on, a
memory may take half a block less there.
"""

LUT_RAMS = {
    "xc7": (
        Primitive(5, (6,), 8, 4, scaled=7),  # RAM32M
        Primitive(6, (3,), 8, 4, scaled=7),  # RAM64M
        Primitive(7, (1,), 8, 4, scaled=8),  # RAM128X1D
    ),
    "xcup": (
        Primitive(5, (14,), 16, 8, scaled=16),  # RAM32M16
        Primitive(6, (7,), 16, 8, scaled=16),  # RAM64M8
        Primitive(7, (2,), 16, 8, scaled=16),  # RAM128X1D, twice
        Primitive(8, (1,), 16, 8, scaled=16),  # RAM256X1D
    ),
}
"""Those with a port to write and one to read (UG474, UG574), by family."""

LUT_RAMS_OF_ONE_ADDRESS = {
    "xc7": tuple(Primitive(5 + k, (8 >> k,), 8, 4, scaled=8, single=k > 0) for k in range(4)),
    "xcup": tuple(Primitive(5 + k, (16 >> k,), 16, 8, scaled=16, single=k > 0) for k in range(4)),
}
"""Those that are read where they are written, besides: RAM32M or RAM32M16, RAM64X1S, RAM128X1S, RAM256X1S."""


@cache
def block_ram(depth: int, width: int, *, written: bool) -> Cut:
    """Of a memory in block RAMs, of constants or `written`."""
    return _cheapest(BLOCK_RAMS, depth, width, written=written)


@cache
def lut_ram(depth: int, width: int, family: str, *, one_address: bool = False) -> Cut:
    """Of a memory in LUTs, read at its own address or where it is written."""
    primitives = (LUT_RAMS_OF_ONE_ADDRESS[family] if one_address else ()) + LUT_RAMS[family]
    return _cheapest(primitives, depth, width, written=True)


def _cheapest(primitives: Iterable[Primitive], depth: int, width: int, *, written: bool) -> Cut:
    ways = [way for primitive in primitives for way in [_best(primitive, depth, width, written=written)]]
    return min(ways, key=lambda way: way[0])[1]


def _best(primitive: Primitive, depth: int, width: int, *, written: bool) -> tuple[float, Cut]:
    """The cheapest width of a primitive, the narrowest of those that cost the same but for a fraction."""
    best: tuple[float, Cut] | None = None
    for level, unit in enumerate(primitive.widths):
        rows = ceil(depth / (1 << (primitive.address_bits - level)))
        lane = min(primitive.lane or unit, unit) if written else 1
        count = ceil(rows * ceil(width / lane) * lane / unit)
        cost = (primitive.cost - primitive.scaled) * count + primitive.scaled * rows * width / unit
        cost += CHOICE * ((rows - 1) * width + (rows if written and rows > 1 else 0))
        if best is None or cost < int(best[0]):
            used = rows * width / unit if primitive.single else count
            best = cost, Cut(primitive.size * used, rows)
    assert best is not None
    return best
