"""fifo: a queue of words (templates/rtl/lib/intaglio_fifo.sv.j2); depth 0 is a wire."""

from __future__ import annotations

from dataclasses import dataclass

from ...ir import Part, Parts
from ..hardware import width_of


@dataclass(frozen=True)
class Fifo:
    """width: bits of a word. depth: words."""

    width: int
    depth: int

    def parts(self) -> Parts:
        if self.depth == 0:
            return ()
        return (
            Part("ram_lutram", 1, {"depth": self.depth, "width": self.width}),
            Part("counter", 2, {"bits": width_of(self.depth)}),
            Part("counter", 1, {"bits": width_of(self.depth + 1)}),
            Part("fifo_control"),
        )
