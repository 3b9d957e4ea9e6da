"""frame: counts the beats of a port, for TLAST, rtl/lib/intaglio_frame.sv.j2; the top instantiates it per port."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...ir import Part, Parts


@dataclass(frozen=True, slots=True)
class Frame:
    """A port of `beats` beats a frame."""

    beats: int

    template: ClassVar[str] = "frame"

    def parts(self) -> Parts:
        if self.beats == 1:
            return ()
        bits = (self.beats - 1).bit_length()
        return Part("counter", 1, {"bits": bits}), Part("control")
