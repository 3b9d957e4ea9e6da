"""width: repacks each pixel's beats of `from_lanes` elements into beats of `to_lanes`, any numbers of both.

Each step reads a beat if less is held than the next output beat takes, and issues that beat if it is there then:

    a = from_lanes, b = to_lanes, C channels, R = ceil(C / a), W = ceil(C / b)
    steps per pixel = W                                       where a >= b: every step issues
                    = R - 1 + W - floor((R - 1) * a / b)      where a < b: every step reads, and then the rest is issued
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ...ir import Int64, Part, Parts, Program, TensorType
from ..hardware import braces, counter, folds, width_of
from ..timing import LUT_INPUTS
from .link import Link

LATENCY = 1
"""Cycles from a step to its output beat."""


class Step(NamedTuple):
    """reads, issues: does it? fill: elements held before. left: elements held afterwards."""

    reads: bool
    issues: bool
    fill: int
    left: int


@lru_cache(maxsize=4096)
def _pixel(channels: int, from_lanes: int, to_lanes: int) -> tuple[Step, ...]:
    unread = unissued = channels
    held, steps = 0, []
    while unissued:
        wanted, fill = min(to_lanes, unissued), held
        reads = held < wanted
        if reads:
            held += min(from_lanes, unread)
            unread -= held - fill
        issues = held >= wanted
        if issues:
            held -= wanted
            unissued -= wanted
        steps.append(Step(reads, issues, fill, held))
    return tuple(steps)


@dataclass(frozen=True, slots=True)
class Width(Link):
    """Three forms: `narrow` shifts a beat out in pieces, `widen` collects beats in the output register, `any` holds
    what is left over in a buffer, behind a multiplexer of the places where a beat may go.
    """

    tensor: TensorType
    from_lanes: int
    to_lanes: int

    template = "link_width"

    @property
    def form(self) -> str:
        if self.to_lanes % self.from_lanes == 0:
            return "widen"
        return "narrow" if self.from_lanes % self.to_lanes == 0 else "any"

    def pixel(self) -> tuple[Step, ...]:
        """The steps of one pixel."""
        return _pixel(self.tensor.channels, self.from_lanes, self.to_lanes)

    @property
    def steps(self) -> int:
        return self.tensor.pixels * len(self.pixel())

    def program(self) -> Program:
        pixel = self.pixel()
        starts = np.arange(self.tensor.pixels, dtype=np.int64)[:, None] * len(pixel)

        def every(flags: list[bool]) -> Int64:
            return (starts + np.flatnonzero(flags)).ravel()

        return Program(
            self.tensor.pixels * len(pixel),
            (every([s.reads for s in pixel]),),
            every([s.issues for s in pixel]),
            LATENCY,
        )

    def params(self) -> dict[str, Any]:
        pixel, bits = self.pixel(), self.tensor.bits
        last_read = max(k for k, step in enumerate(pixel) if step.reads)
        spare = folds(self.tensor.channels, self.from_lanes) * self.from_lanes - self.tensor.channels
        fills = sorted({step.fill for step in pixel if step.reads})
        slots = max(self.from_lanes, self.to_lanes) // min(self.from_lanes, self.to_lanes)
        return {
            "form": self.form,
            "channels": self.tensor.channels,
            "pixels": self.tensor.pixels,
            "bits": bits,
            "from_lanes": self.from_lanes,
            "to_lanes": self.to_lanes,
            "in_width": self.from_lanes * bits,
            "out_width": self.to_lanes * bits,
            "steps": len(pixel),
            "step_bits": width_of(len(pixel)),
            "last_read": last_read,
            "spare": spare,
            "last_used": self.from_lanes - spare,
            "slots": slots,
            "slot_bits": width_of(slots),
            "counts_steps": self._counts_steps(),
            "buffer": max(1, *(step.left for step in pixel)),
            "hold": max(self.to_lanes, *(step.fill + self.from_lanes for step in pixel if step.reads)),
            "always_reads": all(step.reads for step in pixel),
            "always_issues": all(step.issues for step in pixel),
            "read_mask": _mask([step.reads for step in pixel]),
            "issue_mask": _mask([step.issues for step in pixel]),
            "fills": [(fill, _mask([step.reads and step.fill == fill for step in pixel])) for fill in fills],
            "reads": braces([int(step.reads) for step in pixel]),
            "issues": braces([int(step.issues) for step in pixel]),
            "places": braces([step.fill if step.reads else 0 for step in pixel]),
        }

    def _counts_steps(self) -> bool:
        """Does a pixel's end matter? Not where the wider beats of a narrow or widen form are all full."""
        whole = max(self.from_lanes, self.to_lanes)
        return self.form == "any" or self.tensor.channels % whole != 0

    def parts(self) -> Parts:
        pixel, bits = self.pixel(), self.tensor.bits
        wide, narrow = max(self.from_lanes, self.to_lanes), min(self.from_lanes, self.to_lanes)
        slots = wide // narrow
        spare = folds(self.tensor.channels, self.from_lanes) * self.from_lanes - self.tensor.channels
        parts = [Part("control")]
        if self._counts_steps() and len(pixel) > 1:
            parts.append(counter(len(pixel)))
        if self.form == "any":
            held, selections = _selections(self.tensor.channels, self.from_lanes, self.to_lanes)
            place, fills = width_of(len(pixel)), len({step.fill for step in pixel if step.reads})
            parts.append(Part("register", 1, {"bits": (self.to_lanes + held) * bits}))
            if any(inputs + beside + place > LUT_INPUTS for inputs, beside, _ in selections):  # is it this one's turn?
                parts.append(Part("gate", 1, {"inputs": place, "bits": fills}))
            for inputs, beside, count in selections:
                sizes = {"inputs": inputs, "beside": beside, "place": place, "bits": count * bits}
                parts.append(Part("selection", 1, sizes))
            return tuple(parts)
        parts.append(Part("register", 1, {"bits": wide * bits}))
        if slots > 1:
            parts.append(counter(slots))
        if self.form == "narrow":  # the word that comes, or what is left of one; its spare lanes are zero
            parts.append(Part("gate", 1, {"inputs": 3, "bits": (wide - narrow + min(spare, narrow)) * bits}))
        elif slots > 1:
            parts.append(Part("gate", 1, {"inputs": 3, "bits": slots}))  # is it this slot's turn?
        if self.form == "widen" and spare:
            parts.append(Part("mask", 1, {"bits": spare * bits}))
        return tuple(parts)


@lru_cache(maxsize=4096)
def _selections(channels: int, from_lanes: int, to_lanes: int) -> tuple[int, tuple[tuple[int, int, int], ...]]:
    """Of the form `any`: elements held; and registers, as (inputs at some steps, inputs at all of them, how many).

    A register takes what is held at its place, or behind it if a beat goes out, and what comes in at one of the fills;
    in a pixel's last beat, lanes without a channel do not come.
    """
    pixel = _pixel(channels, from_lanes, to_lanes)
    held = max(1, *(step.left for step in pixel))
    always = all(step.issues for step in pixel)
    unread, reads = channels, []
    for step in pixel:
        if step.reads:
            reads.append((step.fill, step.fill + min(from_lanes, unread), step.issues))
            unread -= min(from_lanes, unread)

    def coming(place: int, *issues: bool) -> int:
        """Fills with which something comes to a place, in steps that issue or do not."""
        return len({start for start, end, issued in reads if start <= place < end and issued in issues})

    sizes = [(coming(place, True, False), int(place < held)) for place in range(to_lanes)]
    for place in range(held):
        behind = place + to_lanes
        if always:
            sizes.append((coming(behind, True), int(behind < held)))
        else:  # what is held stays only sometimes
            sizes.append((1 + coming(place, False) + (behind < held) + coming(behind, True), 0))
    return held, tuple((*size, count) for size, count in sorted(Counter(sizes).items()))


def _mask(flags: list[bool]) -> str:
    """A binary constant of SystemVerilog, bit k for step k."""
    return f"{len(flags)}'b{''.join('01'[flag] for flag in reversed(flags))}"
