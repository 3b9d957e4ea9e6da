"""mul_shift: clip((x * multiplier[c] + addend[c]) >> shift)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from operator import add
from typing import Any, Self

import numpy as np

from ..errors import IntaglioError
from ..ir import Array, Int64, Kernel, Part, Parts, TensorType, as_integers
from .exact import integers
from .executors import Executor
from .hardware import VERILOG_STYLE, weight_type
from .lanewise import (
    SHIFT_REGISTER,
    Field,
    Lanewise,
    constant_field,
    lane_layout,
    lane_params,
    lane_parts,
    split_by_lane,
    stored_bits,
)
from .multiply_accumulate import DSP_PRODUCT_BITS
from .multiply_accumulate.forms.base import DSP_WIDTH
from .shift_clip import (
    clip_pieces,
    clips_both,
    kept_bits,
    operand_params,
    products,
    shift_clip_params,
    shift_clip_parts,
)
from .staircase_executor import staircase_executor
from .timing import DSP_NS, Path, adder_ns, multiplier_ns
from .varying import Factors, addend_bits, trailing_zeros


@dataclass(frozen=True, eq=False, repr=False)
class MulShift(Lanewise, name="mul_shift"):
    """multiplier, addend: (channels,) integers. shift: one for all channels. lo, hi: the clip."""

    multiplier: Int64
    addend: Int64
    shift: int
    lo: int
    hi: int
    scale: Fraction | None = None

    def infer(self, x: TensorType) -> TensorType:
        if x.channels != len(self.addend):
            raise IntaglioError(f"mul_shift has {len(self.addend)} channels, its input {x.channels}")
        ends = [self.run(np.asarray(end)[None])[0] for end in (x.lo_array, x.hi_array)]
        return TensorType.integer(x.shape, np.minimum(*ends), np.maximum(*ends), self.scale)

    def run(self, x: Array) -> Array:
        return np.clip((integers(x) * self.multiplier + self.addend) >> self.shift, self.lo, self.hi)

    def executor(self, x: TensorType) -> Executor:
        return staircase_executor(self.run, x)

    def keep(self, ins: tuple[Int64, ...], out: Int64) -> Self:
        return type(self)(self.multiplier[out], self.addend[out], self.shift, self.lo, self.hi, self.scale)

    def finer_output(self, x: TensorType) -> Self:
        if not self.shift:
            multiplier, addend = as_integers(2 * self.multiplier), as_integers(2 * self.addend)
            return replace(self, multiplier=multiplier, addend=addend, lo=2 * self.lo, hi=2 * self.hi + 1)
        return replace(self, shift=self.shift - 1, lo=2 * self.lo, hi=2 * self.hi + 1)

    def taking_finer(self, x: TensorType) -> Self:
        return replace(self, addend=as_integers(2 * self.addend), shift=self.shift + 1)

    def choices(self, x: TensorType) -> Iterator[Kernel]:
        wide = (x.bits + (not x.signed)) * weight_type(self.multiplier).bits >= DSP_PRODUCT_BITS
        for kernel in super().choices(x):
            yield kernel
            if wide:
                yield replace(kernel, multiplier="dsp")

    def sums(self, x: TensorType) -> tuple[int, int]:
        """Proven bounds of x * multiplier + addend, over all channels."""
        low, high = products(self.multiplier, x)
        addend = self.addend.tolist()
        return min(map(add, low, addend)), max(map(add, high, addend))

    def path(self, kernel: Kernel, x: TensorType) -> Path:
        return self._layout(kernel, x)[1]

    def _path(self, kernel: Kernel, x: TensorType, layout: dict[str, Any]) -> Path:
        """A product of LUTs is the sum of two halves where a register goes between them."""
        pieces = [("operands", layout["constants_ns"])] if layout["constants_ns"] else []
        bits, factor = x.bits, layout["multiplier"]["bits"]
        if kernel.multiplier == "dsp":
            pieces.append(("product", DSP_NS))
        elif factor < LEAST_SPLIT:
            pieces.append(("product", multiplier_ns(bits, factor)))
        else:
            half = multiplier_ns(bits, -(-factor // 2))
            pieces += [("halves", half), ("product", max(adder_ns(bits + factor), multiplier_ns(bits, factor) - half))]
        return Path((*pieces, ("sum", adder_ns(layout["sum_bits"])), *clip_pieces(layout)), frozenset({"sum"}))

    def _fields(self) -> dict[str, Field]:
        return {"multiplier": constant_field(self.multiplier), "addend": constant_field(self.addend)}

    def _layout(self, kernel: Kernel, x: TensorType) -> tuple[dict[str, Any], Path]:
        self.lanes(kernel, x)
        if kernel.multiplier not in MULTIPLIERS:
            raise IntaglioError(
                f"mul_shift has no multiplier {kernel.multiplier!r}", hint=f"choose {' or '.join(MULTIPLIERS)}"
            )
        out = self.infer(x)
        context = lane_layout(kernel, x, out, self._fields())
        context |= shift_clip_params(self.sums(x), self.shift, (self.lo, self.hi), out, context["addend"]["bits"])
        return context, self._path(kernel, x, context)

    def _placed(self, kernel: Kernel, context: dict[str, Any], path: Path) -> None:
        """Says in the layout where registers are, and what they delay."""
        registers = context["registers"] = self.registers(kernel, path)
        context["twice"] = "operands" in registers
        if context["addend"]["varying"]:
            context["addend"]["delay"] = len(registers & {"halves", "product"})

    def params(self, kernel: Kernel, x: TensorType) -> dict[str, Any]:
        layout, path = self._layout(kernel, x)
        self._placed(kernel, layout, path)
        context = lane_params(layout, self._fields(), self.latency(kernel, path))
        low = context["multiplier"]["bits"] // 2
        return (
            context
            | operand_params(x)
            | {
                "use_dsp": "yes" if kernel.multiplier == "dsp" else "no",
                "low_bits": low,
                "high_bits": context["multiplier"]["bits"] - low,
            }
        )

    def parts(self, kernel: Kernel, x: TensorType) -> Parts:
        """Below the lowest 1 of an addend, a sum ends where its product does. Where x is multiplied by a power of two,
        its registers stand in a row, which LUTs take when it is long; where by 0, there is a constant.
        """
        context, path = self._layout(kernel, x)
        self._placed(kernel, context, path)
        addend, factor, kept = context["addend"], context["multiplier"], kept_bits(context)
        factors = Factors.of(split_by_lane(self.multiplier[:, None], kernel.pe), factor["bits"])
        addends = np.bitwise_or.reduce(split_by_lane(self.addend[:, None], kernel.pe))[:, 0]
        lowest = trailing_zeros(addends, self.shift)
        plain, products = factors.plain, (factors.ones != 0) & ~factors.plain
        product_bits = min(x.bits + factor["bits"], context["sum_bits"])  # Yosys drops what no sum reads
        slices = kernel.multiplier == "dsp" and product_bits >= DSP_WIDTH
        if slices:
            parts = self._slices(context, x, int(products.sum()))
            alone = addend["masks"][plain]  # addends of sums that are carry chains of their own
            held = kept * int((plain | (products & (addend["masks"][:, 0] == 0))).sum())
        else:
            between = context["registers"] & {"halves", "product"}
            added = 0 if between else addend["bits"] if addend["masks"].any() else -1
            several = factors.literal & (np.bitwise_count(addends) > 1)
            parts, held = self._logic(
                factors.of_lanes(products), lowest[products], several[products], context, added, x
            )
            alone = addend["masks"] if between else addend["masks"][plain]
            held += kept * int((plain | products).sum())
        read = x.bits - (lowest - trailing_zeros(factors.ones, factors.bits)).clip(0, x.bits)[plain]
        row, in_row = self._row(context, int(read.sum()))
        absent = kernel.pe - int((plain | products).sum())
        unread = int(plain.sum() + absent) * x.bits - in_row + absent * context["out"]["bits"]
        return (
            *lane_parts(kernel, context, self.latency(kernel, path), unread, masked=not clips_both(context)),
            *parts,
            *row,
            Part("register", 1, {"bits": held}),
            Part("adder", 1, {"bits": addend_bits(alone, addend["bits"], context["sum_bits"])}),
            *shift_clip_parts(kernel.pe - absent, context),
        )

    def _row(self, context: dict[str, Any], width: int) -> tuple[Parts, int]:
        """Registers of words on their way to a sum, and how many bits of them are the operands'."""
        between = len(context["registers"] & {"halves", "product"})
        rows = 1 + context["twice"] + between
        if rows < SHIFT_REGISTER:
            return (Part("register", between, {"bits": width}),), width
        return (Part("shift_line", 1, {"width": width, "depth": rows}),), 0

    def _slices(self, context: dict[str, Any], x: TensorType, lanes: int) -> Parts:
        """They have all registers inside, but for one of the two or more behind a memory of addends; and what adds,
        unless that is a constant.
        """
        factor, addend, rows = context["multiplier"], context["addend"], 1 + context["twice"]
        read = rows - (context["constant_style"] == VERILOG_STYLE["bram"])  # of factors, behind a block RAM
        stored = read * taken_in(factor, context) + taken_in(addend, context)
        return (
            Part("dsp_multiplier", lanes, {"a": x.bits + (not x.signed), "b": factor["bits"]}),
            Part("held_in_slices", 1, {"bits": lanes * x.bits * rows + stored}),
        )

    def _logic(
        self, factors: Factors, lowest: Int64, several: Array, context: dict[str, Any], added: int, x: TensorType
    ) -> tuple[Parts, int]:
        """Products of LUTs, and bits of registers in them. several: is a lane's addend a literal of several ones?"""
        low, held, registers, width = factors.bits // 2, 0, context["registers"], context["sum_bits"]
        if "product" in registers:
            held += int((np.minimum(factors.widths(x, factors.bits), width) - lowest).clip(min=0).sum())
        if "halves" not in registers:
            return factors.parts(x, added, width), held
        lower, upper = factors.split(low)
        first = lower.widths(x, low + 1)
        second = np.minimum(upper.widths(x, factors.bits - low - 1), width - low)
        held += int((first - np.minimum(lowest, low)).clip(min=0).sum() + second.sum())
        joined = np.where(first > 0, second if x.signed else np.minimum(second, x.bits), 0)
        if "product" not in registers:  # a literal addend is one of three summands, from its lowest 1 to the top
            joined = np.where(several, np.maximum(joined, width - lowest), joined)
        both = Part("adder", 1, {"bits": int(joined.sum())})
        return (*lower.parts(x, 0, width), *upper.parts(x, 0, width), both), held


def taken_in(field: dict[str, Any], context: dict[str, Any]) -> int:
    """Registers behind a memory of constants that slices take in: of LUTs, where no bit of a lane is constant."""
    stored, every = stored_bits(field, context), (1 << field["bits"]) - 1
    if context["constant_style"] == VERILOG_STYLE["bram"]:
        return stored
    return min(stored, field["bits"] * int((field["masks"] & every == every).sum()))


MULTIPLIERS = ("lut", "dsp")

LEAST_SPLIT = 4
"""Bits of a factor from which on its halves are multiplied apart."""
