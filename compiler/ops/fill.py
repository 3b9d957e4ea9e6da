"""What pad and zero_stuff share: an image whose pixels lie in a larger one, the rest of which is constant.

Kernel: `pe` = `simd` = lanes. A step is one position of the larger image and one fold of its channels; it issues a
beat, and takes one where the position is the image's. Where the larger image starts with constants, the first beat is
taken in step 0 already and kept until its place has come: so nothing goes out before anything has come in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..ir import Int64, Kernel, Op, Part, Parts, Program, TensorType
from .accumulate import same_labels
from .contents import different_parts
from .elements import is_bipolar
from .executors import Executor, float_carrier
from .hardware import beat_steps, braces, distinct_lanes, folds, hex_literal, pack, stream_params, width_of
from .moving import Stretch, counter_params, counter_parts, moved_element

LATENCY = 1
"""Cycles from a step to its output beat."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Where the image's rows and columns lie in the larger image."""

    rows: Stretch
    columns: Stretch

    @property
    def real(self) -> str:
        """Is this position the image's?"""
        conditions = [s.condition for s in (self.rows, self.columns) if s.condition != "1"]
        return " && ".join(conditions) or "1"


class Fill(Op):
    """Subclasses say where the image lies, and what surrounds it: one integer per channel."""

    def frame(self, x: TensorType) -> Frame:
        raise NotImplementedError

    def fill(self, x: TensorType) -> Int64:
        raise NotImplementedError

    def couplings(self, x: TensorType) -> tuple[tuple[Int64, ...], Int64]:
        return same_labels(x.channels)

    def executor(self, x: TensorType) -> Executor:
        out = self.infer(x)
        dtype = float_carrier(out.magnitude)
        if dtype is None:
            return self.run
        frame, fill = self.frame(x), self.fill(x).astype(dtype)
        rows, columns = (slice(s.start, s.stop, s.step) for s in (frame.rows, frame.columns))

        def execute(image: Any) -> Any:
            result = np.empty((len(image), *out.shape), dtype)
            result[:] = fill
            result[:, rows, columns] = image
            return result

        return execute

    def kernels(self, x: TensorType) -> Iterator[Kernel]:
        return (Kernel(pe=lanes, simd=lanes) for lanes in range(1, x.channels + 1))

    def choices(self, x: TensorType) -> Iterator[Kernel]:
        return (Kernel(pe=lanes, simd=lanes) for lanes in distinct_lanes(x.channels))

    def lanes(self, kernel: Kernel, x: TensorType) -> tuple[tuple[int, ...], int]:
        return (kernel.simd,), kernel.pe

    def steps(self, kernel: Kernel, x: TensorType) -> int:
        return self.infer(x).pixels * folds(x.channels, kernel.simd)

    def program(self, kernel: Kernel, x: TensorType) -> Program:
        frame, count = self.frame(x), self.steps(kernel, x)
        steps = beat_steps(count).reshape(frame.rows.size, frame.columns.size, -1)
        reads = steps[np.ix_(frame.rows.positions, frame.columns.positions)].ravel()
        reads[0] = 0
        return Program(count, (reads,), beat_steps(count), LATENCY)

    def params(self, kernel: Kernel, x: TensorType) -> dict[str, Any]:
        out, lanes, frame = self.infer(x), kernel.simd, self.frame(x)
        context = stream_params(kernel, (x,), self.lanes(kernel, x), out)
        count = folds(x.channels, lanes)
        sizes = [("fold", count), ("column", frame.columns.size), ("row", frame.rows.size)]
        values = self.fill(x)
        codes = (values + 1) >> 1 if is_bipolar(x) else values & ((1 << out.bits) - 1)
        shared = bool((codes == codes[0]).all())
        padded = np.zeros(count * lanes, np.int64)
        padded[: x.channels] = codes
        if shared:
            padded[:] = codes[0]  # lanes without a channel are zeroed behind
        table = padded.reshape(count, lanes)
        words = [hex_literal(pack(row.tolist(), out.bits), out.bits * lanes) for row in table[: 1 if shared else count]]
        return (
            context
            | counter_params(sizes, (frame.rows, frame.columns))
            | {
                "steps": self.steps(kernel, x),
                "latency": LATENCY,
                "folds": count,
                "fold_bits": width_of(count),
                "real": frame.real,
                "ahead": bool(frame.rows.start or frame.columns.start),
                "element": moved_element(x, "incoming", "word"),
                "fill_words": words,
                "fill_shared": len(words) == 1,
                "fill": table[: len(words)],
                "fill_table": braces(table[: len(words)].tolist()),
            }
        )

    def parts(self, kernel: Kernel, x: TensorType) -> Parts:
        context = self.params(kernel, x)
        width, element = context["out"]["width"], context["out"]["bits"]
        masked = context["out"]["spare"] * element
        parts = [Part("register", 1, {"bits": width}), Part("control")]
        places = ["row"] if context["ahead"] else ["fold"] if masked or not context["fill_shared"] else []
        parts += counter_parts(context, context["real"], *places)
        inputs = 1
        if context["ahead"]:
            parts.append(Part("register", 1, {"bits": context["ins"][0]["width"] + 2}))
            inputs += 2  # the beat that is held
        if not context["fill_shared"]:  # constants that all folds share set or reset the register
            sizes = {"depth": context["folds"], "width": width}
            parts.append(Part("rom_lutram", 1, sizes | different_parts(context["fill"], element)))
            inputs += 2
        if inputs > 1:
            parts.append(Part("gate", 1, {"inputs": inputs, "bits": width - masked}))
        if masked:
            parts.append(Part("gate", 1, {"inputs": inputs + 1, "bits": masked}))
        return tuple(parts)
