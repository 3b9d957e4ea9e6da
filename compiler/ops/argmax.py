"""argmax: the index of the largest element of a vector, the lowest on a tie.

Kernel: `simd` elements per step; `pe` is 1. The largest of a beat comes from a tree of comparisons and meets the
largest of the beats before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Self

import numpy as np

from ..errors import IntaglioError
from ..ir import Array, Kernel, Op, Part, Parts, Program, TensorType
from .elements import element_params, is_bipolar
from .hardware import beat_steps, counter, distinct_lanes, folds, handshake, stream_params, width_of

LATENCY = 2
"""Cycles from a step to its output beat, besides the registers in the tree."""

LEVELS_PER_STAGE = 4
"""Levels of the tree that one cycle has time for."""


@dataclass(frozen=True, eq=False, repr=False)
class Argmax(Op, name="argmax"):
    def infer(self, x: TensorType) -> TensorType:
        if len(x.shape) != 1:
            raise IntaglioError(f"argmax needs a vector, not {x.shape}", hint="flatten first")
        return TensorType.integer((1,), 0, x.channels - 1, Fraction(1))

    def run(self, x: Array) -> Array:
        return np.asarray(np.argmax(x, axis=-1)[:, None])

    def taking_finer(self, x: TensorType) -> Self:
        return self

    def kernels(self, x: TensorType) -> Iterator[Kernel]:
        return (Kernel(simd=lanes) for lanes in range(1, x.channels + 1))

    def choices(self, x: TensorType) -> Iterator[Kernel]:
        return (Kernel(simd=lanes) for lanes in distinct_lanes(x.channels))

    def lanes(self, kernel: Kernel, x: TensorType) -> tuple[tuple[int, ...], int]:
        return (kernel.simd,), 1

    def steps(self, kernel: Kernel, x: TensorType) -> int:
        return folds(x.channels, kernel.simd)

    def program(self, kernel: Kernel, x: TensorType) -> Program:
        beats = self.steps(kernel, x)
        return Program(beats, (beat_steps(beats),), np.array([beats - 1], np.int64), LATENCY + _stages(kernel))

    def parts(self, kernel: Kernel, x: TensorType) -> Parts:
        beats, index, lanes = self.steps(kernel, x), width_of(x.channels), kernel.simd
        stages, levels = _stages(kernel), (lanes - 1).bit_length()
        registers = lanes * x.bits + index + stages + 2
        parts = [handshake(1)]
        for level in range(levels):  # of each pair the larger, with its place among the elements below
            pairs = folds(lanes, 1 << level) // 2
            if level == levels - 1 and beats == 1:  # of the last only the place
                parts += [Part("comparator", pairs, {"bits": x.bits}), Part("mux", pairs, {"inputs": 2, "bits": level})]
            else:
                parts.append(Part("choice", pairs, {"bits": x.bits, "along": level}))
            if _piped(level, levels, stages):
                registers += sum(x.bits + places for places in _place_bits(lanes, level + 1))
        if beats > 1:
            first = index - ((lanes & -lanes).bit_length() - 1)  # bits of the place of a beat's first element
            registers += x.bits + 2 * (stages + 1) + first
            parts += [
                Part("comparator", 1, {"bits": x.bits}),
                Part("adder", 1, {"bits": max(0, levels + first - index)}),
                Part("mux", 1, {"inputs": 2, "bits": first}),
                counter(beats),
            ]
        return (*parts, Part("register", 1, {"bits": registers}))

    def params(self, kernel: Kernel, x: TensorType) -> dict[str, Any]:
        beats = self.steps(kernel, x)
        context = stream_params(kernel, (x,), self.lanes(kernel, x), self.infer(x))
        least = 0 if x.dtype is None or is_bipolar(x) else x.dtype.lo
        return context | {
            "element": element_params(x, "s0_data", "word"),
            "stages": _stages(kernel),
            "beats": beats,
            "beat_bits": width_of(beats),
            "index_bits": width_of(x.channels),
            "lane_bits": (kernel.simd - 1).bit_length(),
            # bipolar codes are ordered as unsigned numbers are
            "signed": int(x.signed and not is_bipolar(x)),
            "sign": "signed " if x.signed and not is_bipolar(x) else "",
            "least": f"{x.bits}'h{least & ((1 << x.bits) - 1):x}",
            "spare": context["ins"][0]["spare"],
        }


def _place_bits(lanes: int, level: int) -> list[int]:
    """Bits of a place below every node that is so many levels up in the tree."""
    whole, rest = divmod(lanes, 1 << level)
    return [level] * whole + ([(rest - 1).bit_length()] if rest else [])


def _stages(kernel: Kernel) -> int:
    """Registers in the tree: none while one cycle has time for it and for the comparison that follows."""
    return (kernel.simd - 1).bit_length() // LEVELS_PER_STAGE


def _piped(level: int, levels: int, stages: int) -> bool:
    """Does lib/intaglio_combine.sv.j2 put a register after this level?"""
    return (level + 1) * (stages + 1) // (levels + 1) != level * (stages + 1) // (levels + 1)
