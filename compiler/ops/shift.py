"""shift: clip((x + addend[c]) >> shift): a requantiser whose slope is one power of two."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from operator import add
from typing import Any, Self

import numpy as np

from ..errors import IntaglioError
from ..ir import Array, Int64, Kernel, Part, Parts, TensorType, as_integers
from .exact import integers
from .executors import Executor
from .lanewise import Field, Lanewise, constant_field, lane_layout, lane_params, lane_parts, split_by_lane
from .shift_clip import clip_pieces, clips_both, kept_bits, operand_params, shift_clip_params, shift_clip_parts
from .staircase_executor import staircase_executor
from .timing import Path, adder_ns
from .varying import addend_bits, trailing_zeros


@dataclass(frozen=True, eq=False, repr=False)
class Shift(Lanewise, name="shift"):
    """addend: (channels,) integers. shift: one for all channels, to the right. lo, hi: the clip."""

    addend: Int64
    shift: int
    lo: int
    hi: int
    scale: Fraction | None = None

    def infer(self, x: TensorType) -> TensorType:
        if x.channels != len(self.addend):
            raise IntaglioError(f"shift has {len(self.addend)} channels, its input {x.channels}")
        low, high = (self.run(np.asarray(end)[None])[0] for end in (x.lo_array, x.hi_array))
        return TensorType.integer(x.shape, low, high, self.scale)

    def run(self, x: Array) -> Array:
        return np.clip((integers(x) + self.addend) >> self.shift, self.lo, self.hi)

    def executor(self, x: TensorType) -> Executor:
        return staircase_executor(self.run, x)

    def keep(self, ins: tuple[Int64, ...], out: Int64) -> Self:
        return type(self)(self.addend[out], self.shift, self.lo, self.hi, self.scale)

    def finer_output(self, x: TensorType) -> Self | None:
        if not self.shift:  # it takes all bits there are
            return None
        return replace(self, shift=self.shift - 1, lo=2 * self.lo, hi=2 * self.hi + 1)

    def taking_finer(self, x: TensorType) -> Self:
        return replace(self, addend=as_integers(2 * self.addend), shift=self.shift + 1)

    def sums(self, x: TensorType) -> tuple[int, int]:
        """Proven bounds of x + addend, over all channels."""
        addend = self.addend.tolist()
        return min(map(add, x.lo, addend)), max(map(add, x.hi, addend))

    def path(self, kernel: Kernel, x: TensorType) -> Path:
        return self._layout(kernel, x)[1]

    def _fields(self) -> dict[str, Field]:
        return {"addend": constant_field(self.addend)}

    def _layout(self, kernel: Kernel, x: TensorType) -> tuple[dict[str, Any], Path]:
        self.lanes(kernel, x)
        out = self.infer(x)
        context = lane_layout(kernel, x, out, self._fields())
        context |= shift_clip_params(self.sums(x), self.shift, (self.lo, self.hi), out, context["addend"]["bits"])
        adder = adder_ns(context["sum_bits"]) if self.addend.any() else 0.0
        return context, Path((("sum", context["constants_ns"] + adder), *clip_pieces(context)))

    def params(self, kernel: Kernel, x: TensorType) -> dict[str, Any]:
        layout, path = self._layout(kernel, x)
        context = lane_params(layout, self._fields(), self.latency(kernel, path))
        return context | operand_params(x) | {"registers": self.registers(kernel, path)}

    def parts(self, kernel: Kernel, x: TensorType) -> Parts:
        context, path = self._layout(kernel, x)
        context["registers"] = self.registers(kernel, path)
        addend = context["addend"]
        ones = np.bitwise_or.reduce(split_by_lane(self.addend[:, None], kernel.simd))
        unread = int(trailing_zeros(ones, self.shift).sum())  # no carry comes from below the lowest 1 of the addends
        return (
            *lane_parts(kernel, context, self.latency(kernel, path), unread, masked=not clips_both(context)),
            Part("adder", 1, {"bits": addend_bits(addend["masks"], addend["bits"], context["sum_bits"])}),
            Part("register", kernel.pe, {"bits": ("sum" in context["registers"]) * kept_bits(context)}),
            *shift_clip_parts(kernel.pe, context),
        )
