"""frame: counts the beats of a port, for TLAST, rtl/lib/intaglio_frame.sv.j2; the top instantiates it per port."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...ir import Part, Parts
from ..hardware import counter


@dataclass(frozen=True, slots=True)
class Frame:
    """A port of `beats` beats a frame."""

    beats: int

    template: ClassVar[str] = "frame"

    def parts(self) -> Parts:
        if self.beats == 1:
            return ()
        return counter(self.beats), Part("control")
