"""lookup: table[c][x - first], any integer function of one element on its reachable range.

Kernel: `pe` = `simd` = lanes, each with a ROM of its own. A range of at most 2^n values is told apart by its n low
bits, whatever it starts from, so these are the address and nothing is subtracted; with a table per channel the fold
goes before them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Self

import numpy as np

from ..errors import IntaglioError
from ..ir import Array, Int64, Kernel, Parts, TensorType, as_integers
from .elements import bipolar_tensor, is_bipolar
from .exact import FLOAT32_EXACT, integers
from .executors import Executor
from .hardware import VERILOG_STYLE, braces, folds, hex_literal, memory_style, plain_integer, rom_part, width_of
from .lanewise import Lanewise, fold_at, lane_layout, lane_params, lane_parts
from .tables import table_parts
from .timing import BLOCK_RAM_NS, LUT_NS, Path, choice_ns


@dataclass(frozen=True, eq=False, repr=False)
class Lookup(Lanewise, name="lookup"):
    """table: (channels or 1, entries). first: the x of its first entry. bipolar: all entries are -1 or +1."""

    registers_operands = 0  # tables are read by what arrives

    table: Int64
    first: int
    scale: Fraction | None = None
    bipolar: bool = False

    def infer(self, x: TensorType) -> TensorType:
        rows, entries = self.table.shape
        if rows not in {1, x.channels}:
            raise IntaglioError(f"lookup has tables for {rows} channels, its input {x.channels} channels")
        last = self.first + entries - 1
        if min(x.lo) < self.first or max(x.hi) > last:
            raise IntaglioError(f"lookup knows {self.first}..{last}, its input is {min(x.lo)}..{max(x.hi)}")
        if self.bipolar and not np.isin(self.table, (-1, 1)).all():
            raise IntaglioError("a bipolar lookup holds nothing but -1 and +1")
        ends: dict[
            tuple[int, int, int], tuple[int, int]
        ] = {}  # by what tells a channel's reach: channels are often alike
        keys = [(c if rows > 1 else 0, x.lo[c], x.hi[c]) for c in range(x.channels)]
        for c, key in enumerate(keys):
            if key not in ends:
                reached = self.reachable(x, c)
                ends[key] = int(reached.min()), int(reached.max())
        make = bipolar_tensor if self.bipolar else TensorType.integer
        return make(x.shape, [ends[key][0] for key in keys], [ends[key][1] for key in keys], self.scale)

    def reachable(self, x: TensorType, channel: int) -> Int64:
        """What the channel makes of each integer that it may be; of -1 and +1 where x is bipolar."""
        row = self.table[channel if len(self.table) > 1 else 0]
        return row[x.lo[channel] - self.first : x.hi[channel] - self.first + 1 : 2 if is_bipolar(x) else 1]

    def run(self, x: Array) -> Array:
        index = integers(x) - self.first
        return self.table[0][index] if len(self.table) == 1 else self.table[np.arange(len(self.table)), index]

    def executor(self, x: TensorType) -> Executor:
        rows, entries = self.table.shape
        narrow = int(np.abs(self.table).max()) <= FLOAT32_EXACT
        flat = self.table.ravel().astype(np.float32 if narrow else np.int64)
        if rows == 1 and self.first <= 0 < self.first + entries:
            wrapped = np.roll(
                flat, self.first
            )  # entry x at index x, from the end where x is negative: nothing to subtract
            return lambda x: wrapped.take(x.astype(np.int64, copy=False))
        starts = np.arange(rows) * entries - self.first

        def execute(x: Array) -> Array:
            return flat.take(x.astype(np.int64) + starts)

        return execute

    def keep(self, ins: tuple[Int64, ...], out: Int64) -> Self:
        return self if len(self.table) == 1 else replace(self, table=self.table[out])

    def finer_output(self, x: TensorType) -> Self:
        """Twice the entries plus 0 or 1; of -1 and +1, the integers of two bits."""
        half = np.random.default_rng(0).integers(0, 2, self.table.shape)
        even = np.where(self.table < 0, -2, 0) if self.bipolar else 2 * self.table
        return replace(self, table=as_integers(even + half), bipolar=False)

    def taking_finer(self, x: TensorType) -> Self:
        """Each entry twice; of an input of -1 and +1, for the integers of two bits."""
        if is_bipolar(x):
            table = self.table[:, np.array((-1, -1, 1, 1)) - self.first]
            return replace(self, table=as_integers(table), first=-2)
        return replace(self, table=as_integers(np.repeat(self.table, 2, axis=1)), first=2 * self.first)

    def memories(self, lanes: int, x: TensorType) -> tuple[Int64, int]:
        """(memories, words): one memory for all lanes if one table serves all channels, else one per lane; and the bits
        of the address that x gives. Words that no x reaches are zero.
        """
        bipolar = is_bipolar(x)
        least, most = min(x.lo), max(x.hi)
        bits = 1 if bipolar else width_of(most - least + 1)
        channels = 1 if len(self.table) == 1 else x.channels
        words = np.zeros((channels, 1 << bits), np.int64)
        for c in range(channels):
            values = np.arange(least, most + 1) if channels == 1 else np.arange(x.lo[c], x.hi[c] + 1)
            if bipolar:
                values = values[values != 0]
            codes = (values + 1) >> 1 if bipolar else values & ((1 << bits) - 1)
            words[c, codes] = self.table[c, values - self.first]
        if (words == words[0]).all():
            return words[:1], bits
        count = folds(channels, lanes)
        padded = np.zeros((count * lanes, 1 << bits), np.int64)
        padded[:channels] = words
        return padded.reshape(count, lanes, 1 << bits).swapaxes(0, 1).reshape(lanes, -1), bits

    def _memories(self, kernel: Kernel, x: TensorType) -> tuple[Int64, int]:
        """Raises IntaglioError for illegal lanes."""
        self.lanes(kernel, x)
        return self.memories(kernel.simd, x)

    def path(self, kernel: Kernel, x: TensorType) -> Path:
        return self._path(kernel, x, self._memories(kernel, x)[0].shape[1])

    def _path(self, kernel: Kernel, x: TensorType, depth: int) -> Path:
        if memory_style(depth, self.infer(x).bits, kernel) == "bram":
            read, word = 0.0, BLOCK_RAM_NS + choice_ns(-(-depth // BLOCK_RAM_WORDS))
        else:
            read, word = LUT_NS + choice_ns(-(-depth // 64)), 0.0
        return Path((("arrive", LUT_NS), ("read", read), ("mask", word)), frozenset({"read"}))

    def _layout(self, kernel: Kernel, x: TensorType, depth: int, bits: int) -> tuple[dict[str, Any], Path]:
        path = self._path(kernel, x, depth)
        context = lane_layout(kernel, x, self.infer(x), {})
        context["registers_operands"] = "arrive" in self.registers(kernel, path)
        by_fold = depth > 1 << bits
        context["fold_registers"] = int(by_fold and context["registers_operands"])
        context["counts_folds"] = bool(context["spare"]) or by_fold
        return context, path

    def params(self, kernel: Kernel, x: TensorType) -> dict[str, Any]:
        memories, bits = self._memories(kernel, x)
        shared, depth = len(memories) == 1, memories.shape[1]
        layout, path = self._layout(kernel, x, depth, bits)
        context = lane_params(layout, {}, self.latency(kernel, path))
        out_bits = context["out"]["bits"]
        codes = (memories + 1) >> 1 if self.bipolar else memories & ((1 << out_bits) - 1)
        return context | {
            "shared": shared,
            "memories": [[hex_literal(word, out_bits) for word in memory] for memory in codes.tolist()],
            "depth": depth,
            "address_bits": width_of(depth),
            "offset_bits": bits,
            "by_fold": depth > 1 << bits,
            "beat": "operands" if context["registers_operands"] else "s0_data",
            "fold": fold_at(context, context["fold_registers"]),
            "index": "(fold << OFFSET_BITS) + offset.to_int()" if depth > 1 << bits else "offset",
            "table": braces(codes[0].tolist() if shared else codes.tolist()),
            "plain": plain_integer(out_bits + 1),
            "rom_style": VERILOG_STYLE[memory_style(depth, out_bits, kernel)],
        }

    def parts(self, kernel: Kernel, x: TensorType) -> Parts:
        memories, bits = self._memories(kernel, x)
        context, path = self._layout(kernel, x, memories.shape[1], bits)
        width = context["out"]["bits"]
        table = replace(rom_part(memories.shape[1], width, kernel), count=kernel.pe)
        if table.kind == "rom_lutram":  # all memories of their own, as often as lanes share them
            counted = width_of(memories.shape[1]) - bits
            found = table_parts(memories + 1 >> 1 if self.bipolar else memories, width, counted)
            table = replace(table, count=kernel.pe // len(memories), sizes=table.sizes | found)
            context["out"]["width"] = table.count * found["columns"]  # bits of the result that are alike are built once
        return (*lane_parts(kernel, context, self.latency(kernel, path)), table)


BLOCK_RAM_WORDS = 1 << 15
"""Words of the deepest block RAM: deeper memories choose among several."""
