"""fork: one stream to several readers; each takes its copy of a beat when it can, the next comes when all have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...ir import Part, Parts, Program, TensorType
from ..hardware import beat_steps, folds
from .link import Link


@dataclass(frozen=True, slots=True)
class Fork(Link):
    """`copies` outputs. A bit per reader says that it has its copy of this beat, so no valid depends on a ready."""

    tensor: TensorType
    lanes: int
    copies: int

    template = "link_fork"

    @property
    def beats(self) -> int:
        """Beats per frame."""
        return self.tensor.pixels * folds(self.tensor.channels, self.lanes)

    def program(self) -> Program:
        steps = beat_steps(self.beats)
        return Program(self.beats, (steps,), steps, 0)

    def parts(self) -> Parts:
        return (Part("fork", 1, {"copies": self.copies}),)

    def params(self) -> dict[str, Any]:
        readers = [f"m{k}" for k in range(self.copies)]
        return {
            "width": self.lanes * self.tensor.bits,
            "beats": self.beats,
            "copies": self.copies,
            "readers": readers,
        }
