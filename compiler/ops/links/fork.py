"""fork: one stream to several readers, each beat to all of them in the same cycle; no registers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...ir import Part, Parts, Program, TensorType
from ..hardware import beat_steps, folds
from .link import Link


@dataclass(frozen=True, slots=True)
class Fork(Link):
    """`copies` outputs. An output is valid when all OTHER readers are ready, so no reader's ready may depend on its
    valid: FIFOs follow, whose ready depends on their state alone.
    """

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
        return (Part("control", self.copies),)

    def params(self) -> dict[str, Any]:
        readers = [f"m{k}" for k in range(self.copies)]
        return {
            "width": self.lanes * self.tensor.bits,
            "beats": self.beats,
            "copies": self.copies,
            "readers": readers,
            "conditions": {m: ["s0_valid", *(f"{other}_ready" for other in readers if other != m)] for m in readers},
        }
