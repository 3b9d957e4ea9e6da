"""width: repacks every pixel's beats of `take` lanes into beats of `give` lanes; neither need divide the other.

One step a cycle. A step takes a beat if fewer than `give` elements are held and the pixel has beats left, and gives
one if `give` elements are there or the pixel is all in. A pixel takes max(beats in, beats out) steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ...ir import Kernel, Part, Parts, Program, TensorType
from ..hardware import folds, stream_params, width_of


@dataclass(frozen=True)
class Width:
    """tensor: what flows. take, give: lanes before and after."""

    tensor: TensorType
    take: int
    give: int
    template: ClassVar[str] = "link_width"

    def schedule(self) -> list[tuple[int, bool, bool]]:
        """For each step of one pixel: elements held before it, does it take a beat, does it give one."""
        beats_in, beats_out = folds(self.tensor.channels, self.take), folds(self.tensor.channels, self.give)
        steps, held, taken, given = [], 0, 0, 0
        while given < beats_out:
            takes = held < self.give and taken < beats_in
            taken += takes
            have = held + takes * self.take
            gives = have >= self.give or taken == beats_in
            steps.append((held, takes, gives))
            held = max(0, have - self.give) if gives else have
            given += gives
        return steps

    def program(self) -> Program:
        steps = self.schedule()
        pixel = np.arange(self.tensor.pixels, dtype=np.int64)[:, None] * len(steps)
        reads = (pixel + [i for i, (_, takes, _) in enumerate(steps) if takes]).ravel()
        writes = (pixel + [i for i, (_, _, gives) in enumerate(steps) if gives]).ravel()
        return Program(self.tensor.pixels * len(steps), (reads,), writes, 1)

    def parts(self) -> Parts:
        context = self.params()
        fills, bits = len(context["fills"]), self.tensor.bits
        return (
            Part("register", 1, {"bits": context["held_lanes"] * bits + self.give * bits}),
            Part("mux", self.take * bits, {"inputs": fills, "bits": 1}),
            Part("counter", 1, {"bits": context["in_beat_bits"]}),
            Part("counter", 1, {"bits": context["out_beat_bits"]}),
            Part("counter", 1, {"bits": context["fill_bits"]}),
            Part("control"),
        )

    def params(self) -> dict[str, Any]:
        kernel = Kernel(pe=self.give, simd=self.take)
        context = stream_params(kernel, (self.tensor,), ((self.take,), self.give), self.tensor)
        steps = self.schedule()
        fills = sorted({held for held, takes, _ in steps if takes})
        most = max(held + takes * self.take for held, takes, _ in steps)
        beats_in, beats_out = folds(self.tensor.channels, self.take), folds(self.tensor.channels, self.give)
        return context | {
            "fills": fills,
            "held_lanes": max([1, *(held for held, _, _ in steps)]),
            "window_lanes": max(most, self.give),
            "fill_bits": width_of(most + 1),
            "in_beats": beats_in,
            "out_beats": beats_out,
            "in_beat_bits": width_of(beats_in + 1),
            "out_beat_bits": width_of(beats_out),
            "last_lanes": self.tensor.channels - (beats_out - 1) * self.give,
            "steps": self.tensor.pixels * len(steps),
        }
