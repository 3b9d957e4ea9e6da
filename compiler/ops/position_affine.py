"""position_affine: x * multiplier + addend, with constants that differ by position.

Kernel: `pe` = `simd` = lanes, one beat a step; `multiplier` is `lut` or `dsp`. A constant is stored as often as it
changes: once per beat, per pixel where the channels of a pixel share it, per fold where the pixels share it; one that
never changes is a literal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Self

import numpy as np

from ..errors import IntaglioError
from ..ir import Array, Int64, Kernel, Part, Parts, TensorType, Work, as_integers, bit_operations
from .contents import counted_parts
from .elements import element_params, is_bipolar
from .exact import integers
from .executors import Executor, float_carrier
from .hardware import (
    VERILOG_STYLE,
    braces,
    counter,
    folds,
    hex_literal,
    memory_style,
    pack,
    plain_integer,
    weight_type,
    width_of,
)
from .lanewise import Lanewise, lane_layout, lane_params, lane_parts
from .multiply_accumulate import DSP_PRODUCT_BITS
from .multiply_accumulate.few_words import VERY_FEW_WORDS, bit_states, known_sums
from .multiply_accumulate.forms.base import DSP_WIDTH
from .timing import DSP_NS, Path, adder_ns, multiplier_ns
from .varying import Factors, addend_bits, count_bits, trailing_zeros, varying
from .weighted import constant_bits, finer

BEAT, PIXEL, FOLD, NOWHERE = "beat", "pixel", "fold", ""
"""What addresses a constant."""

WIDEST = (1 << 63) - 1
"""The largest magnitude of a sum."""


@dataclass(frozen=True, eq=False, repr=False)
class PositionAffine(Lanewise, name="position_affine"):
    """multiplier, addend: integers of the tensor's shape, or with axes of size 1 for what all positions share."""

    multiplier: Int64
    addend: Int64
    scale: Fraction | None = None

    def infer(self, x: TensorType) -> TensorType:
        for name, constant in (("multiplier", self.multiplier), ("addend", self.addend)):
            axes = zip(constant.shape, x.shape, strict=False)
            if constant.ndim != len(x.shape) or any(size not in (1, whole) for size, whole in axes):
                raise IntaglioError(
                    f"position_affine: the {name} has shape {constant.shape}, its input {x.shape}",
                    hint="every axis has the input's size or 1",
                )
        if _reach(self.multiplier, self.addend, x) > WIDEST:
            raise IntaglioError(f"the sums of position_affine on {x} do not fit 64 bits")
        ends = [x.lo_array * self.multiplier + self.addend, x.hi_array * self.multiplier + self.addend]
        low, high = (pick(*ends).reshape(-1, ends[0].shape[-1]) for pick in (np.minimum, np.maximum))
        return TensorType.integer(x.shape, low.min(axis=0), high.max(axis=0), self.scale)

    def run(self, x: Array) -> Array:
        return np.asarray(integers(x) * self.multiplier + self.addend)

    def executor(self, x: TensorType) -> Executor:
        dtype = float_carrier(_reach(self.multiplier, self.addend, x), x.magnitude)
        if dtype is None:
            return self.run
        multiplier: Any = self.multiplier.astype(dtype)
        addend: Any = self.addend.astype(dtype)

        def execute(x: Any) -> Any:
            result = x.astype(dtype, copy=False) * multiplier
            result += addend
            return result

        return execute

    def keep(self, ins: tuple[Int64, ...], out: Int64) -> Self:
        multiplier, addend = (c if c.shape[-1] == 1 else c[..., out] for c in (self.multiplier, self.addend))
        return type(self)(multiplier, addend, self.scale)

    def work(self, x: TensorType) -> Work:
        """A sum of one product at each element; its weights are as many as differ by place."""
        weights, bits = int(self.multiplier.size), constant_bits(self.multiplier)
        zeros = weights - int(np.count_nonzero(self.multiplier))
        bops = bit_operations(x.size, 1, zeros / weights, x.bits, bits)
        return Work(x.size, 2 * x.size, bops, weights, zeros, bits)

    def finer_weights(self) -> Self:
        return replace(self, multiplier=finer(self.multiplier), addend=as_integers(2 * self.addend))

    def kernels(self, x: TensorType) -> Iterator[Kernel]:
        return self._built(super().kernels(x), x)

    def choices(self, x: TensorType) -> Iterator[Kernel]:
        return self._built(super().choices(x), x)

    def _built(self, kernels: Iterator[Kernel], x: TensorType) -> Iterator[Kernel]:
        """Each of LUTs, and where the products are wide, of DSP slices."""
        wide = _operand_bits(x) * weight_type(self.multiplier).bits >= DSP_PRODUCT_BITS
        for kernel in kernels:
            yield kernel
            if wide:
                yield replace(kernel, multiplier="dsp")

    def path(self, kernel: Kernel, x: TensorType) -> Path:
        factor = weight_type(self.multiplier).bits
        product = DSP_NS if kernel.multiplier == "dsp" else multiplier_ns(_operand_bits(x), factor)
        return Path((("product", product), ("sum", adder_ns(self.infer(x).bits))))

    def params(self, kernel: Kernel, x: TensorType) -> dict[str, Any]:
        self.lanes(kernel, x)
        out, count, path = self.infer(x), folds(x.channels, kernel.simd), self.path(kernel, x)
        tables = [_Table.of(c, x, kernel.simd) for c in (self.multiplier, self.addend)]
        used = {table.address for table in tables} - {NOWHERE}
        context = lane_params(lane_layout(kernel, x, out, {}), {}, self.latency(kernel, path))
        context["counts_folds"] |= FOLD in used or (PIXEL in used and count > 1)
        memories = []
        for address in sorted(used):
            depth = {BEAT: x.pixels * count, PIXEL: x.pixels, FOLD: count}[address]
            members = [table for table in tables if table.address == address]
            width = sum(table.width for table in members)
            words = [_join([(pack(t.values[k], t.bits), t.width) for t in members]) for k in range(depth)]
            starts = np.cumsum([0, *(table.width for table in members)]).tolist()
            for table, start in zip(members, starts, strict=False):
                table.slice = f"{address}_word[{start} +: {table.width}]"
            memories.append(
                {
                    "address": address,
                    "depth": depth,
                    "address_bits": width_of(depth),
                    "width": width,
                    "words": [hex_literal(word, width) for word in words],
                    "style": VERILOG_STYLE[memory_style(depth, width, kernel)],
                }
            )
        return context | {
            "element": element_params(x, "operands", "word"),
            "operand_bits": _operand_bits(x),
            "registers": self.registers(kernel, path),
            "memories": memories,
            "counters": sorted(used & {BEAT, PIXEL}),
            "beat_bits": width_of(x.pixels * count),
            "pixel_bits": width_of(x.pixels),
            "multiplier": tables[0].context(kernel.simd),
            "addend": tables[1].context(kernel.simd),
            "use_dsp": "yes" if kernel.multiplier == "dsp" else "no",
        }

    def parts(self, kernel: Kernel, x: TensorType) -> Parts:
        self.lanes(kernel, x)
        lanes, width, path = kernel.simd, self.infer(x).bits, self.path(kernel, x)
        count, pixels = folds(x.channels, lanes), x.pixels
        context = lane_layout(kernel, x, self.infer(x), {})
        factors, addends = (_Table.of(c, x, lanes) for c in (self.multiplier, self.addend))
        used = {table.address for table in (factors, addends)} - {NOWHERE}
        context["counts_folds"] |= FOLD in used or (PIXEL in used and count > 1)
        parts = [*lane_parts(kernel, context, self.latency(kernel, path))]
        for address in sorted(used):
            depth = {BEAT: pixels * count, PIXEL: pixels, FOLD: count}[address]
            members = [table for table in (factors, addends) if table.address == address]
            style = memory_style(depth, sum(table.width for table in members), kernel)
            sizes = {"depth": depth, "width": sum(table.varying for table in members)}
            if style == "lutram":
                columns = np.hstack([table.columns for table in members])
                parts.append(Part("rom_counted", 1, sizes | counted_parts(columns, 1)))
            else:
                parts.append(Part(f"rom_{style}", 1, sizes))
            if address != FOLD:
                parts.append(counter(depth))
        piped = "product" in self.registers(kernel, path)
        if kernel.multiplier == "dsp" and min(_operand_bits(x) + factors.bits, width) >= DSP_WIDTH:  # of what is read
            held = 0 if any(part.kind == "rom_bram" for part in parts) else addends.alone
            every = _slices(x, width, factors.spread(lanes), addends.spread(lanes), held, spare=context["spare"] > 0)
        else:
            every = _luts(x, width, factors.spread(lanes), addends.spread(lanes), piped=piped)
        return (*parts, *every, Part("register", 1, {"bits": addends.varying * piped}))


def _luts(x: TensorType, width: int, factors: _Table, addends: _Table, *, piped: bool) -> Parts:
    """Products and sums of lanes. The rows of a product are those of its shorter factor."""
    masks, several = varying(addends.values), Factors.of(factors.values[:, :, None], factors.bits)
    summed = Part("adder", 1, {"bits": addend_bits(masks, addends.bits, width)})
    held = int(np.minimum(several.widths(x, factors.bits), width).sum()) if piped else 0
    if 1 < len(factors.values) <= VERY_FEW_WORDS and not is_bipolar(x):
        sizes = {"terms": 1, "a": x.bits, "b": factors.bits, "unsigned": int(not x.signed), "width": width}
        products = Part("sum", len(masks), sizes)
        states = bit_states(factors.values & ((1 << factors.bits) - 1), factors.bits)[:, None]
        return (*known_sums(products, states), Part("register", 1, {"bits": held}), summed)
    addend = 0 if piped else addends.bits if masks.any() else -1
    parts = several.parts(x, addend, width)
    if factors.address and _operand_bits(x) < factors.bits:
        rows = {"rows": x.bits, "gated": x.bits, "negative": int(x.signed), "bits": factors.bits, "signed": 1}
        parts = (Part("rows", len(masks), {**rows, "addend": addend, "width": width}),)
    if not piped:
        steady = addends.bits - round(count_bits(masks, addends.bits) / len(masks))  # the same in all words
        return tuple(Part(part.kind, part.count, {**part.sizes, "steady": steady}) for part in parts)
    return (*parts, Part("register", 1, {"bits": held}), summed)


def _slices(x: TensorType, width: int, factors: _Table, addends: _Table, held: int, *, spare: bool) -> Parts:
    """The same with DSP slices. Yosys takes twos out of constants, and the sum then stays in LUTs, as do products by
    what is left if that is 1 or few bits. Slices have the registers of operands, of sums unless lanes are blanked, and
    so many `held` bits of addends.
    """
    lanes, masks = factors.values.shape[1], varying(addends.values)
    inside, sums, below = np.ones(lanes, bool), np.ones(lanes, bool), np.zeros(lanes, np.int64)
    if not factors.address:
        below = trailing_zeros(factors.values[0], factors.bits)
        odd = factors.values[0] >> below
        sizes = np.frexp(np.abs(odd).astype(np.float64))[1] + np.where((odd < 0) | x.signed, 1 + (not x.signed), 0)
        inside = (np.abs(odd) > 1) & (x.bits + sizes >= DSP_WIDTH)
        sums = inside & (below == 0)
    held += int(inside.sum()) * x.bits + (0 if spare else int(sums.sum()) * width)
    apart = ~sums & (masks != 0)
    high = x.bits + np.frexp(np.abs(factors.values).max(axis=0).astype(np.float64))[1] + 1
    added = int((np.minimum(high, width) - below)[apart].sum())
    return (
        Part("dsp_multiplier", int(inside.sum()), {"a": _operand_bits(x), "b": factors.bits}),
        Part("adder", 1, {"bits": added}),
        Part("held_in_slices", 1, {"bits": held}),
    )


@dataclass
class _Table:
    """A constant as stored: what addresses it, its words (depth, elements), bits of an element, the RTL of its word."""

    address: str
    values: Any
    bits: int
    slice: str = ""

    @staticmethod
    def of(constant: Int64, x: TensorType, lanes: int) -> _Table:
        whole, bits = _whole(constant, x), weight_type(constant).bits
        by_channel, by_pixel = bool((whole != whole[:, :1]).any()), bool((whole != whole[:1]).any())
        if not by_channel:
            return _Table(PIXEL, whole[:, :1], bits) if by_pixel else _Table(NOWHERE, whole[:1, :1], bits)
        count = folds(x.channels, lanes)
        padded = np.zeros((x.pixels, count * lanes), np.int64)
        padded[:, : x.channels] = whole
        if by_pixel:
            return _Table(BEAT, padded.reshape(-1, lanes), bits)
        return _Table(FOLD if count > 1 else NOWHERE, padded[0].reshape(-1, lanes), bits)

    @property
    def varying(self) -> int:
        """Bits of a word that are not the same in all."""
        return count_bits(varying(self.values), self.bits) if self.address else 0

    @property
    def columns(self) -> Any:
        """(depth, bits of a word)."""
        bits = (self.values[:, :, None] >> np.arange(self.bits) & 1).reshape(len(self.values), -1)
        return np.asarray(bits.astype(np.uint8))

    @property
    def alone(self) -> int:
        """Bits of a word that vary and are equal to no other of them."""
        counts = Counter(map(bytes, np.ascontiguousarray(self.columns.T)))
        return sum(n for column, n in counts.items() if n == 1 and len(set(column)) > 1) if self.address else 0

    def spread(self, lanes: int) -> _Table:
        """With a value for each lane."""
        return replace(self, values=np.repeat(self.values, lanes // self.values.shape[1], axis=1))

    @property
    def width(self) -> int:
        return self.bits * int(self.values.shape[1])

    def context(self, lanes: int) -> dict[str, Any]:
        shared = self.values.shape[1] < lanes
        word = self.slice or hex_literal(pack(self.values[0], self.bits), self.width)
        return {
            "address": self.address,
            "bits": self.bits,
            "plain": plain_integer(self.bits),
            "depth": len(self.values),
            "elements": self.values.shape[1],
            "table": braces(self.values.tolist()),
            "vector": f"{{{lanes}{{{word}}}}}" if shared else word,
            "index": self.address or "0",
            "lane": "0" if shared else "p",
        }


def _join(words: list[tuple[int, int]]) -> int:
    """Words of given widths side by side, the first in the low bits."""
    result = shift = 0
    for word, width in words:
        result |= word << shift
        shift += width
    return result


def _whole(constant: Int64, x: TensorType) -> Int64:
    """(pixels, channels)."""
    return np.broadcast_to(constant, x.shape).reshape(-1, x.channels)


def _operand_bits(x: TensorType) -> int:
    return x.bits + (not x.signed or is_bipolar(x))


def _reach(multiplier: Int64, addend: Int64, x: TensorType) -> int:
    """A bound of every product and sum."""
    widest, far = (max(int(c.max(initial=0)), -int(c.min(initial=0))) for c in (multiplier, addend))
    return widest * x.magnitude + far
