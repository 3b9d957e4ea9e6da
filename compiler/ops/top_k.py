"""top_k: the k largest (or smallest) elements of a vector, the lowest index first on a tie.

Kernel: `simd` elements per step; `pe` is 1. A chain of k registers holds the best so far in their order; an element
goes in before the first that it beats. The step that takes the last beat gives the first result, k - 1 steps more the
others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Self

import numpy as np

from ..errors import IntaglioError
from ..ir import Array, Kernel, Op, Part, Parts, Program, TensorType
from .elements import bipolar_tensor, is_bipolar
from .exact import integers
from .hardware import beat_steps, counter, distinct_lanes, folds, handshake, stream_params, width_of

LATENCY = 2
"""Cycles from a step to its output beat: the operands' register and the chain."""

MOST_LANES = 4
"""Elements that one cycle has time to insert, one after the other."""


@dataclass(frozen=True, eq=False, repr=False)
class TopK(Op, name="top_k"):
    """values: the elements themselves; else their indices. largest: descending; else the smallest, ascending."""

    k: int
    largest: bool = True
    values: bool = False

    def infer(self, x: TensorType) -> TensorType:
        if len(x.shape) != 1:
            raise IntaglioError(f"top_k needs a vector, not {x.shape}", hint="flatten first")
        if not 1 <= self.k <= x.channels:
            raise IntaglioError(f"there is no top {self.k} of {x.channels} elements")
        if not self.values:
            return TensorType.integer((self.k,), 0, x.channels - 1, Fraction(1))
        # the j-th largest of numbers lies between the j-th largest of their lower bounds and of their upper ones
        lo, hi = (sorted(ends, reverse=self.largest)[: self.k] for ends in (x.lo, x.hi))
        return (bipolar_tensor if is_bipolar(x) else TensorType.integer)((self.k,), lo, hi, x.scale)

    def run(self, x: Array) -> Array:
        x = integers(x)
        order = np.argsort(-x if self.largest else x, axis=-1, kind="stable")[:, : self.k]
        return np.take_along_axis(x, order, axis=-1) if self.values else order

    def taking_finer(self, x: TensorType) -> Self | None:
        return None if self.values else self

    def kernels(self, x: TensorType) -> Iterator[Kernel]:
        return (Kernel(simd=lanes) for lanes in range(1, min(x.channels, MOST_LANES) + 1))

    def choices(self, x: TensorType) -> Iterator[Kernel]:
        return (Kernel(simd=lanes) for lanes in distinct_lanes(x.channels) if lanes <= MOST_LANES)

    def lanes(self, kernel: Kernel, x: TensorType) -> tuple[tuple[int, ...], int]:
        return (kernel.simd,), 1

    def steps(self, kernel: Kernel, x: TensorType) -> int:
        return folds(x.channels, kernel.simd) + self.k - 1

    def program(self, kernel: Kernel, x: TensorType) -> Program:
        beats = folds(x.channels, kernel.simd)
        return Program(beats + self.k - 1, (beat_steps(beats),), beat_steps(self.k, start=beats - 1), LATENCY)

    def parts(self, kernel: Kernel, x: TensorType) -> Parts:
        index = 0 if self.values else width_of(x.channels)
        lanes, word, beats = kernel.simd, x.bits + index, folds(x.channels, kernel.simd)
        steps = beats + self.k - 1
        registers = lanes * x.bits + self.k * word + 3 + (steps > 1)
        parts = [
            handshake(1),
            Part("comparator", self.k * lanes, {"bits": x.bits}),
            Part("insertion", self.k * lanes, {"bits": word, "ordered": int(self.k > 1)}),
            # and all one place up; with a single element, where it goes and this are one choice
            Part("mux", self.k - 1, {"inputs": 2, "bits": word * (lanes > 1)}),
        ]
        if beats > 1:
            registers += self.k + 1  # which are filled, and whether this is the first beat
            if index:
                first = index - ((lanes & -lanes).bit_length() - 1)  # bits of the place of a beat's first element
                registers += first
                parts.append(Part("mux", 1, {"inputs": 2, "bits": first}))
        if steps > 1:
            parts.append(counter(steps))
            parts.append(Part("constant_comparator", (beats > 1) + (self.k > 1), {"bits": width_of(steps)}))
        return (*parts, Part("register", 1, {"bits": registers}))

    def params(self, kernel: Kernel, x: TensorType) -> dict[str, Any]:
        if kernel.simd > MOST_LANES:
            raise IntaglioError(f"top_k takes {MOST_LANES} elements in a step at most, not {kernel.simd}")
        out = self.infer(x)
        steps, beats = self.steps(kernel, x), folds(x.channels, kernel.simd)
        context = stream_params(kernel, (x,), self.lanes(kernel, x), out)
        # bipolar codes are ordered as unsigned numbers are
        signed = x.signed and not is_bipolar(x)
        return context | {
            "k": self.k,
            "values": self.values,
            "beats": beats,
            "steps": steps,
            "step_bits": width_of(steps),
            "index_bits": width_of(x.channels),
            "sign": "signed " if signed else "",
            "type": f"ap_{'' if signed else 'u'}int<{x.bits}>",
            "beats_it": ">" if self.largest else "<",
            "spare": context["ins"][0]["spare"],
        }
