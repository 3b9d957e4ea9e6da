"""fork: one stream to several readers, without a register; a beat goes to all of them in one cycle.

Each copy is valid only while all the others are ready, so a FIFO follows each one directly: its ready depends on its
state alone, and no combinational loop closes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from ...ir import Kernel, Part, Parts, Program, TensorType
from ..hardware import beat_steps, folds, stream_params


@dataclass(frozen=True)
class Fork:
    """A tensor's stream of `lanes` elements a beat, `copies` times."""

    tensor: TensorType
    lanes: int
    copies: int
    template: ClassVar[str] = "link_fork"

    def program(self) -> Program:
        beats = self.tensor.pixels * folds(self.tensor.channels, self.lanes)
        return Program(beats, (beat_steps(beats),), beat_steps(beats), 0)

    def parts(self) -> Parts:
        return (Part("control", self.copies),)

    def params(self) -> dict[str, Any]:
        kernel = Kernel(pe=self.lanes, simd=self.lanes)
        context = stream_params(kernel, (self.tensor,), ((self.lanes,), self.lanes), self.tensor)
        others = [[j for j in range(self.copies) if j != i] for i in range(self.copies)]
        return context | {"copies": self.copies, "others": others, "beats": context["ins"][0]["beats"]}
