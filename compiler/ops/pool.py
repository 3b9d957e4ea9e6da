"""What the pools share: a value combined over every window, channel by channel, in two forms of hardware.

Kernel: `pe` = `simd` = lanes. A step is one position of the image (with the padding that windows reach) and one fold
of its channels.

- apart: windows neither overlap nor are padded. A window's partial result is kept until the position that completes
  it, which issues it. Positions of no window are read and dropped.
- sliding: every position ends a piece of a window's row, combined from the last positions; where that row is complete
  it is combined with those of the image rows above, which lie in delay lines of one entry per output column.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..ir import Int64, IntType, Kernel, Op, Part, Parts, Program, TensorType
from .accumulate import same_labels
from .elements import element_params, is_bipolar
from .hardware import (
    VERILOG_STYLE,
    buffer_parts,
    buffer_style,
    counter,
    distinct_lanes,
    folds,
    handshake,
    hex_literal,
    stream_params,
    width_of,
)
from .moving import moved_element
from .window import Window

LATENCY = 2
"""Cycles from a step to its output beat."""

ONE_CYCLE_TAPS = 9
"""Windows of more positions than this take one register more between their columns and their rows."""


@dataclass(frozen=True, slots=True)
class Axis:
    """Rows or columns: `size` positions, of which `image` from `before` on are the image's; `windows` along them.

    The conditions on the position are texts that Verilog and C++ read alike: "1", or over <name> and <name>_phase, the
    position modulo the stride.
    """

    name: str
    kernel: int
    stride: int
    before: int
    image: int
    windows: int

    @property
    def used(self) -> int:
        """Positions up to the end of the last window."""
        return (self.windows - 1) * self.stride + self.kernel

    @property
    def size(self) -> int:
        return max(self.before + self.image, self.used)

    @property
    def has_phase(self) -> bool:
        return self.windows > 1 and self.stride > 1

    @property
    def real(self) -> str:
        """Is this position the image's?"""
        after = self.before + self.image
        tests = [f"{self.name} >= {self.before}"] if self.before else []
        tests += [f"{self.name} < {after}"] if after < self.size else []
        return " && ".join(tests) or "1"

    @property
    def done(self) -> str:
        """Does this position complete a window?"""
        last = self.kernel - 1
        if self.size == 1 or (self.windows > 1 and self.stride == 1 and last == 0):
            return "1"
        if self.windows == 1:
            return f"{self.name} == {last}"
        if self.stride == 1:
            return f"{self.name} >= {last}"
        phase = f"{self.name}_phase == {last % self.stride}"
        return phase if last < self.stride else f"{self.name} >= {last} && {phase}"

    @property
    def first(self) -> str:
        """With windows apart: does this position start a window?"""
        if self.size == 1 or self.kernel == 1:
            return "1"
        return f"{self.name}_phase == 0" if self.has_phase else f"{self.name} == 0"

    @property
    def live(self) -> str:
        """With windows apart: does this position belong to a window?"""
        tests = [f"{self.name}_phase < {self.kernel}"] if self.has_phase and self.stride > self.kernel else []
        tests += [f"{self.name} < {self.used}"] if self.size > self.used else []
        return " && ".join(tests) or "1"

    @property
    def leaves(self) -> str:
        """With windows apart: does the next window start after this position?"""
        return f"{self.name}_phase == {self.stride - 1}" if self.has_phase else "1"


def both(*conditions: str) -> str:
    """The conjunction of conditions as texts."""
    return " && ".join(c for c in conditions if c != "1") or "1"


@dataclass(frozen=True, slots=True)
class Plan:
    """The geometry of a pool on `lanes` of an image: positions, folds, and what is kept between them."""

    rows: Axis
    columns: Axis
    folds: int

    @property
    def apart(self) -> bool:
        return all(a.before == 0 and a.size == a.image and a.stride >= a.kernel for a in (self.rows, self.columns))

    @property
    def steps(self) -> int:
        return self.rows.size * self.columns.size * self.folds

    @property
    def words(self) -> int:
        """With windows apart: partial results kept; one is the output register itself."""
        if self.rows.kernel == 1 or self.columns.windows == 1:
            return self.folds
        return self.columns.windows * self.folds

    @property
    def continues(self) -> bool:
        """With windows apart: do steps that follow each other complete the same word?"""
        return self.columns.kernel > 1 and self.folds == 1

    @property
    def reuse(self) -> int:
        """With windows apart: steps from a change of a word to when it is read again, those that continue left out."""
        if self.columns.kernel > 1 and not self.continues:
            return self.folds
        return (self.columns.size - self.columns.kernel + 1) * self.folds

    @property
    def line(self) -> int:
        """Sliding: words from one row of a window to the row above."""
        return self.columns.windows * self.folds

    @property
    def middle(self) -> bool:
        """Sliding: is there a register between columns and rows?"""
        return self.rows.kernel * self.columns.kernel > ONE_CYCLE_TAPS

    @property
    def latency(self) -> int:
        return LATENCY + (not self.apart and self.middle)


class Pool(Op):
    """A pool's hardware. Subclasses say what they compute, and `combine`: max or sum."""

    combine: ClassVar[str]

    @property
    def window(self) -> Window:
        raise NotImplementedError

    def couplings(self, x: TensorType) -> tuple[tuple[Int64, ...], Int64]:
        return same_labels(x.channels)

    def kernels(self, x: TensorType) -> Iterator[Kernel]:
        return (Kernel(pe=lanes, simd=lanes) for lanes in range(1, x.channels + 1))

    def choices(self, x: TensorType) -> Iterator[Kernel]:
        return (Kernel(pe=lanes, simd=lanes) for lanes in distinct_lanes(x.channels))

    def lanes(self, kernel: Kernel, x: TensorType) -> tuple[tuple[int, ...], int]:
        return (kernel.simd,), kernel.pe

    def plan(self, kernel: Kernel, x: TensorType) -> Plan:
        window, (rows, columns, _) = self.window, self.infer(x).shape
        return Plan(
            Axis("row", window.kernel[0], window.stride[0], window.padding[0], x.shape[0], rows),
            Axis("column", window.kernel[1], window.stride[1], window.padding[2], x.shape[1], columns),
            folds(x.channels, kernel.simd),
        )

    def steps(self, kernel: Kernel, x: TensorType) -> int:
        return self.plan(kernel, x).steps

    def program(self, kernel: Kernel, x: TensorType) -> Program:
        plan = self.plan(kernel, x)
        rows, columns = plan.rows, plan.columns
        steps = np.arange(plan.steps, dtype=np.int64).reshape(rows.size, columns.size, plan.folds)
        reads = steps[rows.before : rows.before + rows.image, columns.before : columns.before + columns.image]
        writes = steps[rows.kernel - 1 :: rows.stride, columns.kernel - 1 :: columns.stride]
        return Program(plan.steps, (reads.ravel(),), writes.ravel(), plan.latency)

    def _types(self, plan: Plan, x: TensorType) -> tuple[IntType, IntType, IntType]:
        """Of one position, of a row of a window, of the result. They agree in sign."""
        out = self.infer(x).dtype
        assert out is not None
        if self.combine == "max":
            kind = IntType(False, 1) if out.bipolar else out  # the bits 0 and 1 are in the order of -1 and +1
            return kind, kind, kind
        lo, hi = min(0, *x.lo), max(0, *x.hi)
        return IntType.holding(lo, hi), IntType.holding(lo * plan.columns.kernel, hi * plan.columns.kernel), out

    def params(self, kernel: Kernel, x: TensorType) -> dict[str, Any]:
        plan, out, lanes = self.plan(kernel, x), self.infer(x), kernel.simd
        context = stream_params(kernel, (x,), self.lanes(kernel, x), out)
        rows, columns = plan.rows, plan.columns
        tap, across, result = self._types(plan, x)
        same = self.combine == "max"  # bipolar elements stay the bits that they are
        padding = tap.lo if self.combine == "max" else 0
        counters = [
            {"name": name, "size": size, "bits": width_of(size)}
            for name, size in (("fold", plan.folds), ("column", columns.size), ("row", rows.size))
            if size > 1
        ]
        for position, entry in enumerate(counters):
            before = [f"last_{c['name']}" for c in counters[:position]]
            entry["advance"] = " && ".join(["step", *before])
        return context | {
            "combine": self.combine,
            "sums": int(self.combine == "sum"),
            "apart": plan.apart,
            "latency": plan.latency,
            "steps": plan.steps,
            "element": moved_element(x, "s0_data", "word") if same else element_params(x, "s0_data", "word"),
            "converts": (is_bipolar(x) and not same) or tap.bits != x.bits,
            "tap_bits": tap.bits,
            "tap_type": _cpp(tap),
            "padding": padding,
            "padding_word": hex_literal(padding & ((1 << tap.bits) - 1), tap.bits),
            "across_bits": across.bits,
            "across_type": _cpp(across),
            "result_type": _cpp(result),
            "sign": "signed " if result.signed else "",
            "signed": int(result.signed),
            "counters": counters,
            "phases": [
                {"name": f"{a.name}_phase", "of": a.name, "stride": a.stride, "bits": width_of(a.stride)}
                for a in (columns, rows)
                if a.has_phase
            ],
            "kernel_rows": rows.kernel,
            "kernel_columns": columns.kernel,
            "row_windows": rows.windows,
            "column_windows": columns.windows,
            "folds": plan.folds,
            "real": both(rows.real, columns.real),
            "done": both(rows.done, columns.done),
            "column_done": columns.done,
            "first": both(rows.first, columns.first),
            "continues": plan.continues,
            "column_first": columns.first,
            "live": columns.live,
            "leaves": columns.leaves if plan.apart else columns.done,
            "place": "fold" if plan.words == plan.folds else "window * FOLDS + fold",
            "columns": columns.size,
            "words": plan.words,
            "reuse": plan.reuse,
            "address_bits": width_of(plan.words),
            "address_is_fold": plan.words == plan.folds,
            "partials_style": VERILOG_STYLE[buffer_style(plan.words, lanes * result.bits, kernel)],
            "line": plan.line,
            "tap_block": int(buffer_style(plan.folds, lanes * tap.bits, kernel) == "bram"),
            "line_block": int(buffer_style(plan.line, lanes * across.bits, kernel) == "bram"),
            "middle": plan.middle,
        }

    def parts(self, kernel: Kernel, x: TensorType) -> Parts:
        plan, lanes = self.plan(kernel, x), kernel.simd
        types = self._types(plan, x)
        tap, _, result = types
        parts = [
            Part("register", 1, {"bits": lanes * (tap.bits + result.bits) + 3}),  # and 3 that say what these hold
            handshake(1),
        ]
        if spare := plan.folds * lanes - x.channels:
            parts.append(Part("mask", 1, {"bits": spare * tap.bits}))
        sizes = [plan.folds, plan.columns.size, plan.rows.size]
        sizes += [a.stride for a in (plan.rows, plan.columns) if a.has_phase]
        parts += [counter(size) for size in sizes if size > 1]
        body = self._apart_parts(plan, kernel, types) if plan.apart else self._sliding_parts(plan, kernel, types)
        return (*parts, *body)

    def _combiners(self, count: int, terms: int, bits: int, width: int, *, signed: bool) -> Parts:
        """`count` times the largest or the sum of `terms` words."""
        if terms < 2:
            return ()
        if self.combine == "sum":
            return (Part("word_sum", count, {"terms": terms, "bits": bits, "width": width, "signed": int(signed)}),)
        return (Part("choice", count * (terms - 1), {"bits": bits, "along": 0}),)

    def _apart_parts(self, plan: Plan, kernel: Kernel, types: tuple[IntType, IntType, IntType]) -> Parts:
        """What a window holds so far, or nothing in its first position, with the next one."""
        lanes, bits = kernel.simd, types[2].bits
        if both(plan.rows.first, plan.columns.first) == "1":
            return ()
        width = lanes * bits
        # of signed numbers, Yosys has what is held in front of the chain, and it takes LUTs of its own
        parts = [Part("adder", lanes, {"bits": bits * (1 + types[2].signed)})] if self.combine == "sum" else []
        late = buffer_style(plan.words, lanes * bits, kernel) == "bram"
        choice = Part("choice", lanes, {"bits": bits, "along": 0, "late": late, "first": 1})
        parts += [choice] if self.combine == "max" else []
        registers = 1 + (both(plan.rows.live, plan.columns.live) != "1")
        if plan.words > 1:
            address = width_of(plan.words)
            registers += address + plan.continues
            parts += buffer_parts(plan.words, width, kernel)
            if plan.words > plan.folds:
                registers += address * (1 + (plan.folds > 1))
                parts.append(Part("mux", 1, {"inputs": 2, "bits": address * (1 + (plan.folds > 1))}))
            if plan.continues and self.combine == "max" and bits > 1:  # the LUTs of a sum or of a bit choose, too
                parts.append(Part("mux", 1, {"inputs": 2, "bits": width}))
        return (*parts, Part("register", 1, {"bits": registers}))

    def _sliding_parts(self, plan: Plan, kernel: Kernel, types: tuple[IntType, IntType, IntType]) -> Parts:
        lanes, (tap, across, result) = kernel.simd, types
        rows, columns = plan.rows, plan.columns
        signed = result.signed
        parts = [*self._combiners(lanes, columns.kernel, tap.bits, across.bits, signed=signed)]
        parts += self._combiners(lanes, rows.kernel, across.bits, result.bits, signed=signed)
        parts += _lines(columns.kernel - 1, plan.folds, lanes * tap.bits, kernel)
        parts += _lines(rows.kernel - 1, plan.line, lanes * across.bits, kernel)
        registers = 2 * (plan.latency - 2) + (plan.latency - 1) * (rows.kernel > 1)
        parts.append(Part("register", 1, {"bits": registers + lanes * across.bits * plan.middle}))
        for axis in (rows, columns):
            if count := len(re.findall(r"[<>=]=?", both(axis.real, axis.done))):
                parts.append(Part("constant_comparator", count, {"bits": width_of(axis.size)}))
        return tuple(parts)


def _lines(count: int, depth: int, width: int, kernel: Kernel) -> list[Part]:
    """`count` delay lines, in LUTs or in a block RAM with its address."""
    if not count:
        return []
    if buffer_style(depth, width, kernel) == "bram" and depth > 2:
        sizes = {"depth": depth - 1, "width": width}
        return [Part("ram_bram", count, sizes), *[counter(depth - 1)] * count]
    return [Part("shift_line", count, {"depth": depth, "width": width})]


def _cpp(kind: IntType) -> str:
    return f"ap_{'' if kind.signed else 'u'}int<{kind.bits}>"
