"""What the operators share that work channel by channel on one stream, with constants per channel: the requantisers.

Kernel: `pe` = `simd` = lanes, one beat a step. The constants of a beat's channels come from one memory that the channel
fold addresses; a constant that all channels of a lane share is a literal instead and takes no room in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from ..errors import IntaglioError
from ..ir import Int64, Kernel, Op, Part, Parts, Program, TensorType
from .accumulate import same_labels
from .contents import counted_parts
from .hardware import (
    VERILOG_STYLE,
    beat_steps,
    braces,
    counter,
    distinct_lanes,
    folds,
    handshake,
    hex_literal,
    memory_style,
    pack,
    stream_params,
    weight_type,
    width_of,
)
from .timing import BLOCK_RAM_NS, Path
from .varying import count_bits, varying


@dataclass(frozen=True, slots=True)
class Field:
    """One constant per channel: values (channels, elements), each element of `bits` bits."""

    values: Int64
    bits: int


def constant_field(values: Int64) -> Field:
    """One signed constant per channel, in the narrowest type that holds them all."""
    return Field(values[:, None], weight_type(values).bits)


class Lanewise(Op):
    """An operator on one stream that takes a beat and issues one in every step, each channel for itself."""

    registers_operands: ClassVar[int] = 1
    """Registers between the step and the path."""

    def path(self, kernel: Kernel, x: TensorType) -> Path:
        """What happens from the operands' register to the result's, and where more registers may go."""
        raise NotImplementedError

    def couplings(self, x: TensorType) -> tuple[tuple[Int64, ...], Int64]:
        return same_labels(x.channels)

    def kernels(self, x: TensorType) -> Iterator[Kernel]:
        return (Kernel(pe=lanes, simd=lanes) for lanes in range(1, x.channels + 1))

    def choices(self, x: TensorType) -> Iterator[Kernel]:
        return (Kernel(pe=lanes, simd=lanes) for lanes in distinct_lanes(x.channels))

    def pipelined(self, kernel: Kernel, clock_mhz: float, x: TensorType) -> Kernel:
        return replace(kernel, stages=self.path(kernel, x).stages(clock_mhz))

    def steps(self, kernel: Kernel, x: TensorType) -> int:
        return x.pixels * folds(x.channels, kernel.simd)

    def lanes(self, kernel: Kernel, x: TensorType) -> tuple[tuple[int, ...], int]:
        if not 1 <= kernel.simd <= x.channels:
            raise IntaglioError(
                f"{self.name} cannot put {x.channels} channels on {kernel.simd} lanes",
                hint=f"choose 1 to {x.channels}",
            )
        if kernel.pe != kernel.simd:
            raise IntaglioError(
                f"{self.name} issues as many channels as it takes, not {kernel.pe} of {kernel.simd}",
                hint="choose pe = simd",
            )
        return (kernel.simd,), kernel.pe

    def registers(self, kernel: Kernel, path: Path) -> frozenset[str]:
        """The pieces of the path that `stages` gives a register. Raises IntaglioError where there are not so many."""
        if not 1 <= kernel.stages <= path.most:
            raise IntaglioError(
                f"{self.name} has no place for {kernel.stages} stages", hint=f"choose 1 to {path.most} for this kernel"
            )
        return path.registers(kernel.stages)

    def latency(self, kernel: Kernel, path: Path) -> int:
        """Cycles from a step to its output beat."""
        return self.registers_operands + path.rows + len(self.registers(kernel, path))

    def program(self, kernel: Kernel, x: TensorType) -> Program:
        self.lanes(kernel, x)
        beats = beat_steps(self.steps(kernel, x))
        return Program(len(beats), (beats,), beats, self.latency(kernel, self.path(kernel, x)))


def lane_layout(kernel: Kernel, x: TensorType, out: TensorType, fields: Mapping[str, Field]) -> dict[str, Any]:
    """Streams, folds and the sizes of the memory of constants and of each field: all that `parts` wants to know.

    An operator may change these: registers_operands: its beat is read from a register, a cycle after the step; twice:
    from two, and the constants, too; fold_registers: how long the fold of a beat is kept, for `fold_at`;
    constants_fold: which of them the constants are read by; and the `delay` of a field: registers behind that memory.
    """
    lanes = kernel.simd
    count = folds(x.channels, lanes)
    spare = count * lanes - x.channels
    width = 0
    context = stream_params(kernel, (x,), ((lanes,), kernel.pe), out)
    varying_bits = 0
    for name, field in fields.items():
        words = split_by_lane(field.values, lanes)
        masks = varying(words)
        different = int(masks.any(axis=1).sum())
        size = field.bits * field.values.shape[1]
        width += size * different
        varying_bits += count_bits(masks, field.bits)
        context[name] = {
            "bits": field.bits,
            "elements": field.values.shape[1],
            "size": size,
            "shared": not different,
            "varying": different,
            "words": words,
            "masks": masks,
            "delay": 0,
            "depth": count if different else 1,
            "index": "fold" if different else "0",
        }
    style = memory_style(count, width, kernel)
    return context | {
        "fields": list(fields),
        "lanes": lanes,
        "steps": x.pixels * count,
        "folds": count,
        "fold_bits": width_of(count),
        "counts_folds": bool(width or spare),
        "registers_operands": True,
        "twice": False,
        "fold_registers": 0,
        "constants_fold": "fold",
        "spare": spare,
        "constant_width": width,
        "varying_bits": varying_bits,
        "constant_style": VERILOG_STYLE[style],
        "constants_ns": BLOCK_RAM_NS if width and style == "bram" else 0.0,
    }


def lane_params(layout: Mapping[str, Any], fields: Mapping[str, Field], latency: int) -> dict[str, Any]:
    """The layout with its constants: the words of their memory, and each field as nested list (HLS), vector (RTL)."""
    lanes, count, width = layout["lanes"], layout["folds"], layout["constant_width"]
    packed: list[int] = [0] * count
    place = 0
    context: dict[str, Any] = dict(layout)
    for name, field in fields.items():
        table, shared = by_lane(field.values, lanes)
        vectors: list[str] = []
        size = layout[name]["size"]
        for lane in range(lanes):
            words = [pack(row, field.bits) for row in table[:, lane].tolist()]
            if shared[lane]:
                vectors.append(hex_literal(words[0], size))
            else:
                packed = [old | (word << place) for old, word in zip(packed, words, strict=True)]
                vectors.append(f"constants[{place} +: {size}]")
                place += size
        everywhere = layout[name]["shared"]
        context[name] = layout[name] | {
            "table": braces(_scalars(table[:1] if everywhere else table)),
            "vector": hex_literal(pack([pack(row, field.bits) for row in table[0].tolist()], size), size * lanes)
            if everywhere
            else f"{{{', '.join(reversed(vectors))}}}",
        }
    return context | {
        "latency": latency,
        "constant_words": [hex_literal(word, max(width, 1)) for word in packed] if width else [],
    }


def fold_at(context: Mapping[str, Any], delay: int) -> str:
    """The fold of a beat so many cycles after its step, in SystemVerilog: one of the `fold_registers`."""
    bits = context["fold_bits"]
    return f"folds_late[{(delay - 1) * bits} +: {bits}]" if delay else "fold"


def lane_parts(
    kernel: Kernel, context: Mapping[str, Any], latency: int, unread: int = 0, *, masked: bool = True
) -> Parts:
    """Operand and result registers, the fold counter, the memory of constants and what delays them.

    Bits that are the same in all words take no room in a memory. unread: bits of all operands that nothing reads.
    masked: lanes without a channel take LUTs to be blanked, which are not there in any case.
    """
    word, spare = context["ins"][0]["width"] - unread, context["spare"]
    registers = context["out"]["width"] + latency + (word if context["registers_operands"] else 0)
    if context["twice"]:
        registers += word
    parts = [Part("register", 1, {"bits": registers}), handshake(1)]
    if context["counts_folds"]:
        parts.append(counter(context["folds"]))
    parts += _memory(context)
    if context["fold_registers"]:
        parts.append(Part("register", context["fold_registers"], {"bits": context["fold_bits"]}))
    if spare:  # which beat is the last of a pixel, and its lanes that hold no channel
        parts += [*delay_parts(1, latency - 1), Part("mask", 1, {"bits": spare * context["out"]["bits"] * masked})]
    return tuple(parts)


def _memory(context: Mapping[str, Any]) -> Parts:
    """The memory of constants and what delays its words, bits that are the same in all words left out.

    Of LUTs it has a register for each bit that differs from the others. A longer delay takes that register in: what
    stands in a row becomes a LUT, unless words are so few that the register does part of the work.
    """
    words, fields = context["folds"], [context[name] for name in context["fields"]]
    if not context["varying_bits"]:
        return ()
    if context["constant_style"] == VERILOG_STYLE["bram"]:
        widths = [(stored_bits(field, context), field["delay"] + context["twice"]) for field in fields]
        lines = [part for width, delay in widths for part in delay_parts(width, delay)]
        return (Part("rom_bram", 1, {"depth": words, "width": context["varying_bits"]}), *lines)
    parts: list[Part] = []
    for field in fields:
        found = counted_parts(field["words"].reshape(words, -1), field["bits"])
        sizes = {"depth": words, "width": found["columns"], **found}
        if field["delay"] + 1 >= SHIFT_REGISTER and words > FEW_WORDS:
            parts += [Part("rom_wires", 1, sizes), *delay_parts(found["columns"], field["delay"] + 1)]
        else:
            parts += [Part("rom_counted", 1, sizes), *delay_parts(found["columns"], field["delay"])]
    return tuple(parts)


def stored_bits(field: Mapping[str, Any], context: Mapping[str, Any]) -> int:
    """Bits that a memory holds of a field: of LUTs, those that are equal in all words are there once."""
    if context["constant_style"] == VERILOG_STYLE["bram"]:
        return count_bits(field["masks"], field["bits"])
    return counted_parts(field["words"].reshape(context["folds"], -1), field["bits"])["columns"]


FEW_WORDS = 7
"""A bit of so few words is one of their number, or what sets or resets a register."""


def delay_parts(width: int, depth: int) -> Parts:
    """Words on their way, as `intaglio_delay` builds it: registers, or shift registers in LUTs where it is long."""
    if not width * depth:
        return ()
    if depth < SHIFT_REGISTER:
        return (Part("register", depth, {"bits": width}),)
    return (Part("shift_line", 1, {"width": width, "depth": depth}),)


SHIFT_REGISTER = 3
"""Registers in a row that become a LUT."""


def by_lane(values: Int64, lanes: int) -> tuple[Int64, list[bool]]:
    """(folds, lanes, elements), and for each lane whether its channels share one value."""
    split = split_by_lane(values, lanes)
    return split, (split == split[0]).all(axis=(0, 2)).tolist()


def split_by_lane(values: Int64, lanes: int) -> Int64:
    """(channels, elements) as (folds, lanes, elements); a spare lane repeats its channel of the fold before."""
    channels, elements = values.shape
    count = folds(channels, lanes)
    table = np.zeros((count * lanes, elements), np.int64)
    table[:channels] = values
    if channels < count * lanes:
        table[channels:] = table[channels - count * lanes + lanes : lanes]  # the first fold is full
    return table.reshape(count, lanes, elements)


def _scalars(table: Int64) -> object:
    """Nested lists; a field of one element per channel loses its last axis."""
    return (table[..., 0] if table.shape[-1] == 1 else table).tolist()
