"""What the operators of two tensors share, element by element: add, subtract, multiply, maximum, minimum.

The second input has the shape of the first, or is a gate: one pixel (C,) or (1, 1, C) for all pixels (H, W, C), or one
channel (H, W, 1) for all channels.

Kernel: `pe` = `simd` = lanes. A step takes a beat of the first input and issues a result. It takes a beat of the second
too, but of a gate only what is new: in the first pixel, whose beats are kept, or in the first fold of each pixel.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any, ClassVar

import numpy as np

from ..errors import IntaglioError
from ..ir import PINNED, Array, Int64, Kernel, Op, Part, Parts, Program, TensorType
from .accumulate import same_labels
from .constant_comparisons import PIECE
from .elements import element_params, value_bits
from .exact import integers
from .executors import Executor, float_carrier
from .hardware import (
    VERILOG_STYLE,
    beat_steps,
    buffer_parts,
    buffer_style,
    counter,
    distinct_lanes,
    folds,
    handshake,
    stream_params,
    width_of,
)

EQUAL, PIXEL, CHANNEL = "equal", "pixel", "channel"
"""The forms of the second input: as the first, one pixel for all, one channel for all."""


class Pairwise(Op):
    """A subclass gives `function`, `limits`, `operand_bits`, `operators`, and the block `lane` of its templates."""

    inputs = 2
    function: ClassVar[np.ufunc]
    registered: ClassVar[bool] = False
    """Do operands get a register of their own, before the one of the results? Those of gates do in any case."""
    takes_choice: ClassVar[bool] = False
    """Does a lane choose between a gate that arrives and one that was kept in LUTs that it has anyway?"""

    # -- of each operator ------------------------------------------------------------------------------------------
    def limits(self, a: TensorType, b: TensorType) -> tuple[Int64, Int64]:
        """Proven bounds of the result, per channel."""
        raise NotImplementedError

    def operand_bits(self, a: TensorType, b: TensorType) -> tuple[int, int]:
        """Bits of the signed operands that its templates' `lane` sees: `a` and `b`."""
        raise NotImplementedError

    def operators(self, kernel: Kernel, a: TensorType, b: TensorType) -> Parts:
        """What the lanes compute with."""
        raise NotImplementedError

    def unblanked_bits(self, a: TensorType, b: TensorType) -> int:
        """Bits of a result that no LUT makes which could blank it, too, in a lane without a channel."""
        return self.infer(a, b).bits

    def reset_bits(self, a: TensorType, b: TensorType) -> int:
        """Resets of a lane's result, which take the operands, too."""
        return 0

    # -- of all ----------------------------------------------------------------------------------------------------
    def infer(self, a: TensorType, b: TensorType) -> TensorType:
        self.form(a, b)
        low, high = self.limits(a, b)
        return TensorType.integer(a.shape, low, high, self.scale_of(a, b))

    def scale_of(self, a: TensorType, b: TensorType) -> Any:
        """The scale of the result, where both inputs have it; `lower` aligns them and knows what each channel means."""
        return a.scale if a.scale == b.scale else None

    def form(self, a: TensorType, b: TensorType) -> str:
        """`equal`, `pixel` or `channel`. Raises IntaglioError where the second input does not fit the first."""
        if a.channels == b.channels and (a.shape == b.shape or a.pixels == b.pixels == 1):
            return EQUAL
        if a.channels == b.channels and b.pixels == 1:
            return PIXEL
        if b.shape == (*a.shape[:-1], 1):
            return CHANNEL
        raise IntaglioError(
            f"{self.name} needs two equal shapes, not {a.shape} and {b.shape}",
            hint="the second may also be one pixel of all channels, or one channel of all pixels",
        )

    def run(self, a: Array, b: Array) -> Array:
        return np.asarray(self.function(integers(a), _beside(a, integers(b))))

    def executor(self, a: TensorType, b: TensorType) -> Executor:
        out = self.infer(a, b)
        dtype = float_carrier(a.magnitude, b.magnitude, out.magnitude)
        if dtype is None:
            return self.run
        function = self.function
        return lambda left, right: function(
            left.astype(dtype, copy=False), _beside(left, right.astype(dtype, copy=False))
        )

    def couplings(self, a: TensorType, b: TensorType) -> tuple[tuple[Int64, ...], Int64]:
        if self.form(a, b) == CHANNEL:
            (own,), out = same_labels(a.channels)
            return (own, np.array([PINNED])), out
        return same_labels(a.channels, 2)

    def kernels(self, a: TensorType, b: TensorType) -> Iterator[Kernel]:
        return (Kernel(pe=lanes, simd=lanes) for lanes in range(1, a.channels + 1))

    def choices(self, a: TensorType, b: TensorType) -> Iterator[Kernel]:
        return (Kernel(pe=lanes, simd=lanes) for lanes in distinct_lanes(a.channels))

    def lanes(self, kernel: Kernel, a: TensorType, b: TensorType) -> tuple[tuple[int, ...], int]:
        return (kernel.simd, 1 if self.form(a, b) == CHANNEL else kernel.simd), kernel.pe

    def steps(self, kernel: Kernel, a: TensorType, b: TensorType) -> int:
        return a.pixels * folds(a.channels, kernel.simd)

    def latency(self, a: TensorType, b: TensorType) -> int:
        """Cycles from a step to its output beat: the register of the results, and one of the operands."""
        return 2 if self.registered or self.form(a, b) != EQUAL else 1

    def program(self, kernel: Kernel, a: TensorType, b: TensorType) -> Program:
        count = folds(a.channels, kernel.simd)
        beats = beat_steps(a.pixels * count)
        gate = {EQUAL: beats, PIXEL: beat_steps(count), CHANNEL: beat_steps(a.pixels, count)}[self.form(a, b)]
        return Program(len(beats), (beats, gate), beats, self.latency(a, b))

    def parts(self, kernel: Kernel, a: TensorType, b: TensorType) -> Parts:
        bits, count, form = self.infer(a, b).bits, folds(a.channels, kernel.simd), self.form(a, b)
        spare, latency = count * kernel.simd - a.channels, self.latency(a, b)
        width = kernel.simd * b.bits if form != CHANNEL else b.bits
        kept = form == PIXEL and count > 1
        parts = [
            *self.operators(kernel, a, b),
            Part("register", 1, {"bits": kernel.pe * bits + latency}),  # results, and which cycles have one
            handshake(2),
        ]
        if latency == 2:
            parts.append(Part("register", 1, {"bits": kernel.simd * a.bits + width + (spare > 0) + kept}))
            if kept:
                melts = (
                    self.takes_choice or value_bits(a) + 2 * value_bits(b) + self.reset_bits(a, b) < PIECE
                )  # into LUTs that are there anyway
                choice = 0 if melts else width
                parts += buffer_parts(count, width, kernel, one_address=True)
                parts.append(Part("mux", 1, {"inputs": 2, "bits": choice}))
        if form == PIXEL:
            parts.append(counter(a.pixels))
        if _counts_folds(form, count, spare):
            parts.append(counter(count))
        if spare:
            parts.append(Part("mask", 1, {"bits": spare * self.unblanked_bits(a, b)}))
        return tuple(parts)

    def params(self, kernel: Kernel, a: TensorType, b: TensorType) -> dict[str, Any]:
        out, form, count = self.infer(a, b), self.form(a, b), folds(a.channels, kernel.simd)
        context = stream_params(kernel, (a, b), self.lanes(kernel, a, b), out)
        spare, width = context["out"]["spare"], context["ins"][1]["width"]
        return context | {
            "title": self.name,
            "form": form,
            "latency": self.latency(a, b),
            "elements": [element_params(kind, f"operand{k}", f"word{k}") for k, kind in enumerate((a, b))],
            "operand_bits": self.operand_bits(a, b),
            "operand_width": b.bits * kernel.simd,
            "folds": count,
            "fold_bits": width_of(count),
            "counts_folds": _counts_folds(form, count, spare),
            "pixel_bits": width_of(a.pixels),
            "gate_style": VERILOG_STYLE[buffer_style(count, width, kernel)],
            "use_dsp": "yes" if kernel.multiplier == "dsp" else "no",
            "spare": spare,
            "steps": self.steps(kernel, a, b),
        }


def chain(kernel: Kernel, form: str, a: TensorType, b: TensorType, bits: int, *, difference: bool = False) -> Parts:
    """The carry chains of sums or differences of `bits` bits.

    A LUT for each bit in which both vary and not as in the bit before (signs are repeated), or where a bit of b is
    chosen; a difference takes one more, for its lowest bit. The narrower summand enters the chain beside the LUTs, and
    of equal ones b does: where it is chosen, that takes LUTs of its own.
    """
    ends = [bits if x.signed else min(value_bits(x), bits) for x in (a, b)]
    both = min(*ends, max(value_bits(a), value_bits(b)))
    if form != PIXEL or folds(a.channels, kernel.simd) == 1:
        return (Part("adder", kernel.simd, {"bits": both + difference}),)
    chosen = value_bits(b)
    if not difference and chosen + (not b.signed) <= value_bits(a) + (not a.signed):
        return (Part("adder", kernel.simd, {"bits": both + chosen}),)
    sign_alone = b.signed and not a.signed and value_bits(a) >= chosen  # above a
    return (Part("adder", kernel.simd, {"bits": max(both, chosen) + sign_alone + difference}),)


def _counts_folds(form: str, count: int, spare: int) -> bool:
    return bool(spare) or (form != EQUAL and count > 1)


def _beside(a: Array, b: Array) -> Array:
    """b with as many axes as a, where b is a pixel; both with their batch axis."""
    if a.ndim == b.ndim or prod(b.shape[1:-1]) != 1:
        return b
    return b.reshape(len(b), *(1,) * (a.ndim - 2), b.shape[-1])
