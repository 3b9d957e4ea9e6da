"""The binary search of `threshold`: a row of comparisons, each with one threshold that the bits found so far pick.

Stage k has a memory of 2^k thresholds for each lane, times the channel folds where these differ: it reads the one in
the middle of what is left, compares, and appends a bit to the count. Levels are filled up to 2^n - 1 with thresholds
that are never reached. A beat enters every cycle; a threshold is in its register when its beat comes to its stage.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..ir import Int64, Kernel, Part, Parts, TensorType
from .constant_comparisons import PIECE, SHORT, alike_chains, compared, constant_pieces
from .contents import different_parts
from .hardware import VERILOG_STYLE, braces, hex_literal, memory_style, plain_integer, rom_part
from .lanewise import by_lane
from .timing import BLOCK_RAM_NS, LUT_NS, choice_ns, comparator_ns
from .varying import varying

LUT_WORDS = 64
"""Words of a column that one LUT holds."""

SHALLOW = 256
"""Words of a memory that is always made of LUTs: a block RAM would be nearly empty."""


@dataclass(frozen=True, eq=False)
class Search:
    """table: (folds or 1, lanes, 2^bits - 1), ascending. shared: all lanes have the same thresholds."""

    kernel: Kernel
    table: Int64
    bits: int
    compare_bits: int
    shared: bool

    @staticmethod
    def of(kernel: Kernel, thresholds: Int64, compare_bits: int) -> Search:
        """thresholds: (channels, 2^bits - 1)."""
        table, same = by_lane(thresholds, kernel.simd)
        table = table[:1] if all(same) else table
        shared = bool((table == table[:, :1]).all())
        return Search(kernel, table, thresholds.shape[1].bit_length(), compare_bits, shared)

    @property
    def by_fold(self) -> bool:
        return len(self.table) > 1

    def depth(self, stage: int) -> int:
        return len(self.table) << stage

    def memory(self, stage: int) -> Kernel:
        """The kernel that says where a stage's thresholds lie."""
        return replace(self.kernel, memory="lutram") if self.depth(stage) <= SHALLOW else self.kernel

    def rom(self, stage: int) -> Part:
        memory_style(self.depth(stage), self.compare_bits, self.kernel)  # refuses what is no memory for parameters
        return rom_part(self.depth(stage), self.compare_bits, self.memory(stage))

    def words(self, stage: int) -> Int64:
        """(lanes or 1, depth): by fold, then by the bits found."""
        places = ((2 * np.arange(1 << stage) + 1) << (self.bits - 1 - stage)) - 1
        words = self.table[:, : 1 if self.shared else None, places]
        return words.swapaxes(0, 1).reshape(words.shape[1], -1)

    def pieces(self) -> list[tuple[str, float]]:
        """Its way from the operands' register; the pieces that read end in a register."""
        pieces = []
        for stage in range(self.bits):
            block = self.rom(stage).kind == "rom_bram"
            if stage:
                blocks = -(-self.depth(stage) // LUT_WORDS)
                pieces.append((read(stage), 0.0 if block else LUT_NS + choice_ns(blocks)))
            pieces.append((compare(stage), BLOCK_RAM_NS * block + comparator_ns(self.compare_bits)))
        return pieces

    @property
    def fixed(self) -> frozenset[str]:
        return frozenset(read(stage) for stage in range(1, self.bits))

    def fold_delay(self, stage: int, registers: frozenset[str]) -> int:
        """Cycles from a step to the reading of a stage's threshold."""
        return stage + sum(compare(before) in registers for before in range(stage))

    def parts(self, x: TensorType, registers: frozenset[str]) -> Parts:
        """Of all lanes, without operands and results."""
        parts: list[Part] = []
        held, lanes = 0, self.kernel.pe
        for stage in range(self.bits):
            last, rom = stage == self.bits - 1, self.rom(stage)
            parts += [*self._stored(rom, self.words(stage), by_lane=stage > 0), *self._compared(stage, x)]
            rows = (not last) + (compare(stage) in registers)  # of the bits found, and unless it is the last, of x
            held += rows * (stage + 1 + (0 if last else x.bits))
        return (*parts, Part("register", lanes, {"bits": held}))

    def _compared(self, stage: int, x: TensorType) -> Parts:
        """A stage's comparisons."""
        bits, lanes = self.compare_bits, (self.depth(stage), self.kernel.pe)
        words = np.broadcast_to(self.words(stage).T, lanes)[:, :, None] + (1 << (bits - 1)) * x.signed
        if len(words) == 1 and bits > PIECE:
            kind = "chain_comparators" if bits > SHORT * PIECE else "constant_comparators"
            return (Part(kind, 1, constant_pieces(words[0], bits)),)
        if self.rom(stage).kind == "rom_bram" or 2 * bits <= SHORT * PIECE:
            return compared(words, bits, 0 if x.signed else bits - x.bits)
        return (Part("chain_comparators", 1, {"luts": alike_chains(words, bits)}),)

    def _stored(self, rom: Part, words: Int64, *, by_lane: bool) -> Parts:
        """A stage's memories of words (lanes or 1, depth); all lanes read at one place unless `by_lane`."""
        lanes = np.broadcast_to(words, (self.kernel.pe, words.shape[1]))
        if rom.kind == "rom_lutram":
            found = different_parts(lanes.T, self.compare_bits, apart=by_lane)
            return (Part(rom.kind, 1, {**rom.sizes, "width": found["columns"], **found}),)
        widths = Counter(np.bitwise_count(varying(lanes.T) & ((1 << self.compare_bits) - 1)).tolist())
        return tuple(Part(rom.kind, count, {**rom.sizes, "width": width}) for width, count in widths.items() if width)

    def params(self, signed: bool, folds_at: list[str], registers: frozenset[str]) -> dict[str, Any]:
        """folds_at: the fold, in SystemVerilog, of the beat whose threshold a stage reads."""
        bits, threshold_bits = self.compare_bits, self.compare_bits + (not signed)
        stages: list[dict[str, Any]] = []
        lanes: list[list[list[str]]] = [[] for _ in range(1 if self.shared else self.kernel.simd)]
        for stage in range(self.bits):
            words, rom = self.words(stage), self.rom(stage)
            for lane, row in zip(lanes, words.tolist(), strict=True):
                lane.append([hex_literal(word & ((1 << bits) - 1), bits) for word in row])
            found = f"(fold << {stage}) + found.to_int()" if self.by_fold else "found.to_int()"
            address = [folds_at[stage]] if self.by_fold else []
            address += [f"found_{stage}"] if stage else []
            stages.append(
                {
                    "depth": self.depth(stage),
                    "constant": rom.kind == "rom_constant",
                    "rom_style": VERILOG_STYLE[memory_style(self.depth(stage), bits, self.memory(stage))],
                    "address": f"{{{', '.join(address)}}}",
                    "registered": compare(stage) in registers,
                    "index": found if stage else "fold" if self.by_fold else "0",
                    "table": braces(words[0].tolist() if self.shared else words.tolist()),
                }
            )
        return {
            "shared": self.shared,
            "stages": stages,
            "lanes": lanes,
            "threshold_plain": plain_integer(threshold_bits),
        }


def compare(stage: int) -> str:
    return f"compare {stage}"


def read(stage: int) -> str:
    return f"read {stage}"
