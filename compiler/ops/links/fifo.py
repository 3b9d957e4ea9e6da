"""fifo: a queue of whole beats, rtl/lib/intaglio_fifo.sv.j2; no template of its own, the top instantiates it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...ir import Part, Parts

BLOCK_DEPTH = 64
BLOCK_BITS = 4096
"""A FIFO deeper than this, and with more bits, is a block RAM; intaglio_fifo decides by the same numbers."""


@dataclass(frozen=True, slots=True)
class Fifo:
    """`depth` words of `width` bits; depth 0 is a wire. A word written in cycle t can be read from t + 1 on."""

    width: int
    depth: int

    template: ClassVar[str] = "fifo"

    @property
    def in_block(self) -> bool:
        return self.depth > BLOCK_DEPTH and self.depth * self.width > BLOCK_BITS

    def parts(self) -> Parts:
        if self.depth == 0:
            return ()
        sizes = {"depth": self.depth, "width": self.width}
        kind = "ram_bram" if self.in_block else "ram_lutram" if self.depth > 1 else "ram_constant"
        return Part(kind, 1, sizes), Part("fifo_control", 1, sizes | {"block": int(self.in_block)})
