"""threshold: base[c] + step[c] * (how many of the channel's thresholds x reaches).

One threshold per channel that leads from -1 to +1, or back, makes a bipolar tensor.

Kernel: `compare` = `parallel`: all thresholds of a channel are compared at once, on each lane; `search`: one after the
other, by bisection, as threshold_search says. Only the thresholds that the input's proven bounds leave open are built:
one that is always reached moves the base, one that never is goes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Self

import numpy as np

from ..errors import IntaglioError
from ..ir import Array, Int64, Kernel, Part, Parts, TensorType, as_integers
from .constant_comparisons import PIECE, SHORT, alike_chains, compared, constant_pieces, parities
from .elements import bipolar_tensor, element_params, value_bits
from .exact import integers
from .executors import Executor
from .hardware import VERILOG_STYLE, folds
from .lanewise import Field, Lanewise, fold_at, lane_layout, lane_params, lane_parts
from .staircase_executor import staircase_executor
from .threshold_search import SHALLOW, Search
from .timing import LUT_NS, Path, adder_ns, comparator_ns, logic_ns
from .varying import addend_bits, trailing_zeros


@dataclass(frozen=True, eq=False, repr=False)
class Threshold(Lanewise, name="threshold"):
    """thresholds: (channels, levels), ascending along levels. base: (channels,). step: (channels,)."""

    thresholds: Int64
    base: Int64
    step: Int64
    scale: Fraction | None = None

    def infer(self, x: TensorType) -> TensorType:
        if x.channels != len(self.base):
            raise IntaglioError(f"threshold has {len(self.base)} channels, its input {x.channels}")
        low, high = (
            (self.thresholds <= end[:, None]).sum(axis=1) * self.step + self.base for end in (x.lo_array, x.hi_array)
        )
        make = bipolar_tensor if self.bipolar else TensorType.integer
        return make(x.shape, np.minimum(low, high), np.maximum(low, high), self.scale)

    @property
    def bipolar(self) -> bool:
        """Does every channel, whatever x is, give -1 or +1 and nothing in between?"""
        one = self.thresholds.shape[1] == 1
        return one and bool((np.abs(self.step) == 2).all()) and bool((self.base * 2 == -self.step).all())

    def run(self, x: Array) -> Array:
        return self.base + self.step * self._count(integers(x))

    def _count(self, x: Array) -> Int64:
        result = np.empty(x.shape, np.int64)
        for channel, row in enumerate(self.thresholds):
            result[..., channel] = np.searchsorted(row, x[..., channel], side="right")
        return result

    def executor(self, x: TensorType) -> Executor:
        return staircase_executor(self.run, x)

    def keep(self, ins: tuple[Int64, ...], out: Int64) -> Self:
        return type(self)(self.thresholds[out], self.base[out], self.step[out], self.scale)

    def finer_output(self, x: TensorType) -> Self:
        """Thresholds half way between those there are, and half a step below and above them; a single one is as far
        from its new neighbours as a quarter of the input's range.
        """
        old, levels = self.thresholds, self.thresholds.shape[1]
        if levels > 1:
            first, last = old[:, 1] - old[:, 0], old[:, -1] - old[:, -2]
        else:
            first = last = (x.hi_array - x.lo_array) // 2
        new = np.empty((len(old), 2 * levels + 1), np.int64)
        new[:, 1::2] = old
        new[:, 2:-1:2] = (old[:, :-1] + old[:, 1:]) >> 1
        new[:, 0], new[:, -1] = old[:, 0] - (first >> 1), old[:, -1] + (last >> 1)
        sign = np.sign(self.step)
        base = np.where(sign > 0, -2, 1) if self.bipolar else 2 * self.base + (sign < 0)
        return replace(self, thresholds=as_integers(new), base=as_integers(base), step=as_integers(sign))

    def taking_finer(self, x: TensorType) -> Self:
        return replace(self, thresholds=as_integers(2 * self.thresholds))

    def open_levels(self, x: TensorType) -> tuple[Int64, Int64]:
        """The thresholds that x may reach or not, padded with one it never reaches, and the bases to match."""
        low, high = x.lo_array[:, None], x.hi_array[:, None]
        always = (self.thresholds <= low).sum(axis=1, keepdims=True)
        reached = (self.thresholds <= high).sum(axis=1, keepdims=True)
        place = always + np.arange(max(1, int((reached - always).max())))
        found = np.take_along_axis(self.thresholds, np.minimum(place, self.thresholds.shape[1] - 1), axis=1)
        return np.where(place < reached, found, high + 1), self.base + self.step * always[:, 0]

    def kernels(self, x: TensorType) -> Iterator[Kernel]:
        for kernel in super().kernels(x):
            yield kernel
            if self._searches(x):
                yield replace(kernel, compare="search")

    def choices(self, x: TensorType) -> Iterator[Kernel]:
        searches, deepest = self._searches(x), self.open_levels(x)[0].shape[1] // 2 + 1
        for kernel in super().choices(x):
            yield kernel
            if searches:
                deep = deepest * folds(x.channels, kernel.simd) > SHALLOW
                for memory in ("lutram", "bram") if deep else ("auto",):
                    yield replace(kernel, compare="search", memory=memory)

    def _searches(self, x: TensorType) -> bool:
        """Is a search of fewer comparisons?"""
        return self.open_levels(x)[0].shape[1] >= LEAST_SEARCHED

    def path(self, kernel: Kernel, x: TensorType) -> Path:
        return self._plan(kernel, x).path

    def _plan(self, kernel: Kernel, x: TensorType) -> _Plan:
        """Raises IntaglioError for what cannot be built."""
        self.lanes(kernel, x)
        if kernel.compare not in COMPARISONS:
            raise IntaglioError(
                f"threshold has no comparison {kernel.compare!r}", hint=f"choose {' or '.join(COMPARISONS)}"
            )
        out = self.infer(x)
        thresholds, base = self.open_levels(x)
        step = self.step
        if self.bipolar:  # what travels is (value + 1) / 2
            base, step = (base + 1) >> 1, step >> 1
        if (np.abs(step) != 1).any():
            raise IntaglioError(
                "thresholds are counted by ones in hardware, up or down",
                hint="a lookup gives any integer; steps of 2 between -1 and +1 are bipolar",
            )
        levels = thresholds.shape[1]
        count_bits, result_bits = levels.bit_length(), max(out.bits, levels.bit_length())
        searches = kernel.compare == "search"
        if searches and levels < (full := (1 << count_bits) - 1):
            thresholds = np.pad(thresholds, ((0, 0), (0, full - levels)), constant_values=max(x.hi) + 1)
        top = int(thresholds.max())  # thresholds lie above x's lower bound, so only the upper end may need a wider type
        compare_bits = max(value_bits(x), top.bit_length() + 1 if x.signed else top.bit_length())
        # A falling channel adds ~count to base + 1, modulo 2^result_bits: one adder for either direction.
        flip = (step < 0).astype(np.int64)
        start = (base + flip) & ((1 << result_bits) - 1)
        fields = {"start": Field(start[:, None], result_bits), "flip": Field(flip[:, None], 1)}
        if not searches:
            fields = {"thresholds": Field(thresholds, compare_bits)} | fields
        context = lane_layout(kernel, x, out, fields) | {
            "levels": levels,
            "compare_bits": compare_bits,
            "count_bits": count_bits,
            "result_bits": result_bits,
            "starts": bool(start.any()),
            "flips": bool(flip.any()),
        }
        add = [("add", adder_ns(result_bits) if context["starts"] else LUT_NS)] if start.any() or flip.any() else []
        if searches:
            search = Search.of(kernel, thresholds, compare_bits)
            path = Path((*search.pieces(), *add), search.fixed)
            registers = self.registers(kernel, path)
            context |= _late_folds(context, search, registers)
            return _Plan(context, fields, path, registers, search)
        pieces = [("compare", context["constants_ns"] + comparator_ns(compare_bits))]
        if levels > 1:
            pieces.append(("count", logic_ns(levels)))
        path = Path((*pieces, *add))
        registers = self.registers(kernel, path)
        for name in ("start", "flip"):
            context[name]["delay"] = len(registers) if context[name]["varying"] else 0
        return _Plan(context, fields, path, registers, None)

    def params(self, kernel: Kernel, x: TensorType) -> dict[str, Any]:
        plan = self._plan(kernel, x)
        context = lane_params(plan.layout, plan.fields, self.latency(kernel, plan.path))
        element, search = element_params(x, "operands", "word"), None
        if plan.search:
            delays = [plan.search.fold_delay(stage, plan.registers) for stage in range(plan.search.bits)]
            search = plan.search.params(x.signed, [fold_at(context, delay) for delay in delays], plan.registers)
        return context | {
            "element": element,
            "sign": "signed " if x.signed else "",
            "extend": f"COMPARE_BITS'({element['rtl']})",
            "threshold_bits": context["compare_bits"] + (0 if x.signed else 1),
            "registers": plan.registers,
            "search": search,
        }

    def parts(self, kernel: Kernel, x: TensorType) -> Parts:
        plan = self._plan(kernel, x)
        context, registers = plan.layout, plan.registers
        lanes, width = kernel.pe, context["result_bits"]
        shared = context["thresholds"]["shared"] if plan.search is None else False
        logic = shared and context["compare_bits"] <= SHORT * PIECE  # which Yosys simplifies; it takes a chain as it is
        unused = _unread(plan.fields["thresholds"].values[:lanes], x.bits) if logic else 0
        parts = [*lane_parts(kernel, context, self.latency(kernel, plan.path), unused)]
        if plan.search:
            parts += plan.search.parts(x, registers)
        else:
            parts += self._comparisons(plan, lanes, x)
        parts.append(Part("inversion", 1, {"bits": self._inverted(plan, logic)}))
        parts.append(Part("adder", 1, {"bits": addend_bits(context["start"]["masks"], width, width)}))
        return (*parts, Part("adder", 1, {"bits": width * context["flip"]["varying"]}))

    def _inverted(self, plan: _Plan, logic: bool) -> int:
        """Bits of results that are bits of a count inverted that no logic takes in: no adder and, of a count
        that no register holds, neither comparisons nor a parity.
        """
        layout, bits = plan.layout, plan.layout["count_bits"]
        counts = np.arange(1 << bits if plan.search else layout["levels"] + 1)
        lone = np.arange(bits)
        if plan.search is None and "count" not in plan.registers:
            melts = logic and "compare" not in plan.registers
            lone = lone[(layout["levels"] >> lone == 1) & (not melts)]
        ones = counts >> lone[:, None] & 1
        found = 0
        words = [layout[name]["words"].reshape(-1, layout["lanes"]) for name in ("start", "flip")]
        for start, flip in zip(*(word.T for word in words), strict=True):
            if np.ptp(start) == 0 and np.ptp(flip) == 0:
                level = start[0] + (counts ^ -flip[0])
                results = level >> np.arange(layout["result_bits"])[:, None] & 1
                found += len(np.unique(results[(results[:, None] != ones).all(axis=2).any(axis=1)], axis=0))
        return found

    def _comparisons(self, plan: _Plan, lanes: int, x: TensorType) -> Parts:
        """All at once, and their count."""
        context, registers = plan.layout, plan.registers
        bits, levels, first = context["compare_bits"], context["levels"], plan.fields["thresholds"].values[:lanes]
        held = Part("register", lanes, {"bits": ("count" in registers) * context["count_bits"]})
        reached = Part("register", lanes, {"bits": ("compare" in registers) * levels})
        counts = Part("parity", lanes, {"luts": parities(levels)})
        masks = context["thresholds"]["masks"]
        if masks.any():
            words = context["thresholds"]["words"] + (1 << (bits - 1)) * x.signed
            known, block = 0 if x.signed else bits - x.bits, context["constant_style"] == VERILOG_STYLE["bram"]
            if not block and 2 * bits > SHORT * PIECE:
                return held, reached, counts, Part("chain_comparators", 1, {"luts": alike_chains(words, bits)})
            return held, reached, counts, *compared(words, bits, known)
        if bits > PIECE:
            found = constant_pieces(first + (1 << (bits - 1)) * x.signed, bits)
            if bits > SHORT * PIECE:
                return held, reached, Part("chain_comparators", 1, found), counts
            logic = Part("constant_comparators", 1, found)  # counts melt into it where they can
            return held, reached, logic, *((counts,) if "compare" in registers else ())
        if "compare" in registers:  # a LUT each
            return held, reached, counts, Part("constant_comparator", lanes * levels, {"bits": bits})
        return held, Part("constant_comparator", lanes * context["count_bits"], {"bits": bits})


def _unread(thresholds: Int64, bits: int) -> int:
    """Bits of the lanes' operands below the lowest one of every threshold."""
    return int(trailing_zeros(thresholds, bits).min(axis=1).sum())


@dataclass(frozen=True, eq=False)
class _Plan:
    """A threshold with a kernel."""

    layout: dict[str, Any]
    fields: dict[str, Field]
    path: Path
    registers: frozenset[str]
    search: Search | None


def _late_folds(layout: dict[str, Any], search: Search, registers: frozenset[str]) -> dict[str, Any]:
    """The constants of a search are wanted by its last adder, its thresholds on the way."""
    last = search.bits - 1 + len(registers)
    reads = [search.fold_delay(stage, registers) for stage in range(search.bits)] if search.by_fold else [0]
    kept = max(last if layout["constant_width"] else 0, *reads)
    counts = layout["counts_folds"] or search.by_fold
    return {"fold_registers": kept, "constants_fold": fold_at(layout, last), "counts_folds": counts}


COMPARISONS = ("parallel", "search")

LEAST_SEARCHED = 3
"""Thresholds from which on a search takes fewer comparisons than there are."""
