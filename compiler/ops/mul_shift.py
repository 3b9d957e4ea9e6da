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
from .hardware import chosen_among, weight_type
from .lanewise import Field, Lanewise, constant_field, lane_layout, lane_params, lane_parts
from .multiply_accumulate import DSP_PRODUCT_BITS, constant_sizes
from .shift_clip import clip_pieces, operand_params, products, shift_clip_params, shift_clip_parts
from .staircase_executor import staircase_executor
from .timing import DSP_NS, Path, adder_ns, multiplier_ns


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
        context, path = self._layout(kernel, x)
        self._placed(kernel, context, path)
        lanes, bits, factor, registers = kernel.pe, x.bits, context["multiplier"]["bits"], context["registers"]
        parts = list(lane_parts(kernel, context))
        if context["multiplier"]["shared"] and kernel.multiplier == "lut":
            constants = self.multiplier[:lanes]
            parts.append(Part("constant_multiplier", 1, constant_sizes(constants, x.bits, factor)))
        else:
            positive = int(self.multiplier.min(initial=0) >= 0)  # a sign that is always 0
            sizes = {"a": bits, "b": factor - positive, "signed": int(x.signed)}
            parts.append(Part(f"{kernel.multiplier}_multiplier", lanes, sizes | chosen_among(parts)))
        if "halves" in registers:
            parts.append(Part("register", lanes, {"bits": 2 * bits + factor}))
        if "product" in registers and kernel.multiplier == "lut":  # a DSP slice has one inside
            parts.append(Part("register", lanes, {"bits": bits + factor}))
        parts.append(Part("adder", lanes, {"bits": context["sum_bits"], **chosen_among(parts)}))
        parts.append(Part("register", lanes, {"bits": context["sum_bits"] - context["shift"]}))  # what the shift keeps
        return (*parts, *shift_clip_parts(lanes, context))


MULTIPLIERS = ("lut", "dsp")

LEAST_SPLIT = 4
"""Bits of a factor from which on its halves are multiplied apart."""
