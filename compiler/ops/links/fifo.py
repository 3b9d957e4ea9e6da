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
        count = Part("counter", 1, {"bits": self.depth.bit_length()})
        if self.depth == 1:
            return Part("ram_constant", 1, {"depth": 1, "width": self.width}), count, Part("fifo_control")
        sizes = {"depth": self.depth, "width": self.width}
        ends = Part("counter", 2, {"bits": (self.depth - 1).bit_length()})
        if not self.in_block:
            return Part("ram_lutram", 1, sizes), ends, count, Part("fifo_control")
        bypass = Part("register", 1, {"bits": self.width}), Part("mux", 1, {"inputs": 2, "bits": self.width})
        return Part("ram_bram", 1, sizes), ends, count, *bypass, Part("fifo_control")
