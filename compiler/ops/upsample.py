"""upsample: nearest neighbours; every pixel becomes a block of `down` x `right` equal ones.

Kernel: `pe` = `simd` = lanes. A step issues a beat. The first copy of a pixel takes its beats and keeps them in a
buffer for the others: a pixel where rows are not repeated, else a row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import IntaglioError
from ..ir import Array, Int64, Kernel, Op, Part, Parts, Program, TensorType
from .accumulate import same_labels
from .hardware import (
    VERILOG_STYLE,
    beat_steps,
    buffer_parts,
    buffer_style,
    counter,
    distinct_lanes,
    folds,
    stream_params,
    width_of,
)
from .moving import counter_params, counter_parts, image_shape, moved, moved_element
from .window import Pair

LATENCY = 2
"""Cycles from a step to its output beat: the buffer's word, and the result."""


@dataclass(frozen=True, eq=False, repr=False)
class Upsample(Op, name="upsample"):
    """factors: down, right."""

    factors: Pair

    def infer(self, x: TensorType) -> TensorType:
        height, width, channels = image_shape(x, "upsample")
        down, right = self.factors
        if min(self.factors) < 1:
            raise IntaglioError(f"upsample needs factors of at least 1, not {self.factors}")
        return moved(x, (height * down, width * right, channels), x.lo_array, x.hi_array)

    def run(self, x: Array) -> Array:
        down, right = self.factors
        frames, height, width, channels = x.shape
        shape = (frames, height, down, width, right, channels)
        copies = np.broadcast_to(x[:, :, None, :, None], shape)
        return copies.reshape(frames, height * down, width * right, channels)

    def couplings(self, x: TensorType) -> tuple[tuple[Int64, ...], Int64]:
        return same_labels(x.channels)

    def kernels(self, x: TensorType) -> Iterator[Kernel]:
        return (Kernel(pe=lanes, simd=lanes) for lanes in range(1, x.channels + 1))

    def choices(self, x: TensorType) -> Iterator[Kernel]:
        return (Kernel(pe=lanes, simd=lanes) for lanes in distinct_lanes(x.channels))

    def lanes(self, kernel: Kernel, x: TensorType) -> tuple[tuple[int, ...], int]:
        return (kernel.simd,), kernel.pe

    def steps(self, kernel: Kernel, x: TensorType) -> int:
        return self.infer(x).pixels * folds(x.channels, kernel.simd)

    def program(self, kernel: Kernel, x: TensorType) -> Program:
        steps = self.steps(kernel, x)
        height, width, _ = x.shape
        reads = beat_steps(steps).reshape(height, self.factors[0], width, self.factors[1], -1)[:, 0, :, 0]
        return Program(steps, (reads.ravel(),), beat_steps(steps), LATENCY)

    def _words(self, kernel: Kernel, x: TensorType) -> int:
        """Beats to be kept; one is the register of what came in."""
        down, right = self.factors
        count = folds(x.channels, kernel.simd)
        return x.shape[1] * count if down > 1 else count if right > 1 else 1

    def params(self, kernel: Kernel, x: TensorType) -> dict[str, Any]:
        out, words = self.infer(x), self._words(kernel, x)
        down, right = self.factors
        count = folds(x.channels, kernel.simd)
        width = x.shape[1]
        sizes = [("fold", count), ("copy", right), ("column", width), ("turn", down)]
        context = stream_params(kernel, (x,), self.lanes(kernel, x), out)
        context |= counter_params(sizes)
        leaves = "last_copy" if right > 1 else "1'b1"
        by_column = down > 1 and width > 1
        reads = [f"{name} == 0" for name, size in (("copy", right), ("turn", down)) if size > 1]
        return context | {
            "steps": self.steps(kernel, x),
            "latency": LATENCY,
            "folds": count,
            "reads": " && ".join(reads) or "1",
            "words": words,
            "by_column": by_column,
            "place": ("column * FOLDS + fold" if count > 1 else "column") if by_column else "fold",
            "again": right > 1 and count == 1,
            "leaves": leaves,
            "address_bits": width_of(words),
            "memory_style": VERILOG_STYLE[buffer_style(words, context["out"]["width"], kernel)],
            "element": moved_element(x, "s0_data", "beat"),
        }

    def parts(self, kernel: Kernel, x: TensorType) -> Parts:
        context = self.params(kernel, x)
        width, words = context["out"]["width"], context["words"]
        flags = 1 + (words > 1)  # is there a word, is it one of the buffer's
        parts = [Part("register", 1, {"bits": 2 * width + flags}), Part("control")]
        parts += counter_parts(context, context["reads"], *(["column"] if context["by_column"] else ["fold"]))
        if words > 1:
            parts += buffer_parts(words, width, kernel, one_address=True)
            parts.append(Part("gate", 1, {"inputs": 3, "bits": width}))
            if context["by_column"]:
                parts.append(counter(words))
                if context["folds"] > 1:  # back to where the column began
                    bits = {"bits": context["address_bits"]}
                    parts += [Part("register", 1, bits), Part("mux", 1, {"inputs": 2, **bits})]
        if spare := context["out"]["spare"]:
            parts.append(Part("mask", 1, {"bits": spare * context["out"]["bits"]}))
        return tuple(parts)
