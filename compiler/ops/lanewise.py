"""What the operators share that work channel by channel on one stream, with constants per channel: the requantisers.

Kernel: `pe` = `simd` = lanes, one beat a step. The constants of a beat's channels come from one memory that the channel
fold addresses; a constant that all channels of a lane share is a literal instead and takes no room in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..ir import Int64, Kernel, Op, Part, Parts, Program, TensorType
from .accumulate import same_labels
from .hardware import (
    VERILOG_STYLE,
    beat_steps,
    braces,
    distinct_lanes,
    folds,
    hex_literal,
    memory_style,
    pack,
    rom_part,
    stream_params,
    weight_type,
    width_of,
)


@dataclass(frozen=True, slots=True)
class Field:
    """One constant per channel: values (channels, elements), each element of `bits` bits."""

    values: Int64
    bits: int


def constant_field(values: Int64) -> Field:
    """One signed constant per channel, in the narrowest type that holds them all."""
    return Field(values[:, None], weight_type(values).bits)


class Lanewise(Op):
    """An operator on one stream that takes a beat and issues one in every step, each channel for itself.

    latency: cycles from a step to its output beat.
    """

    latency: ClassVar[int]

    def couplings(self, x: TensorType) -> tuple[tuple[Int64, ...], Int64]:
        return same_labels(x.channels)

    def kernels(self, x: TensorType) -> Iterator[Kernel]:
        return (Kernel(pe=lanes, simd=lanes) for lanes in range(1, x.channels + 1))

    def choices(self, x: TensorType) -> Iterator[Kernel]:
        return (Kernel(pe=lanes, simd=lanes) for lanes in distinct_lanes(x.channels))

    def steps(self, kernel: Kernel, x: TensorType) -> int:
        return x.pixels * folds(x.channels, kernel.simd)

    def lanes(self, kernel: Kernel, x: TensorType) -> tuple[tuple[int, ...], int]:
        return (kernel.simd,), kernel.pe

    def program(self, kernel: Kernel, x: TensorType) -> Program:
        beats = beat_steps(self.steps(kernel, x))
        return Program(len(beats), (beats,), beats, self.latency)


def lane_params(
    kernel: Kernel,
    x: TensorType,
    out: TensorType,
    latency: int,
    fields: Mapping[str, Field],
    *,
    registers_operands: bool = True,
) -> dict[str, Any]:
    """Streams, folds, the memory of constants, and each field as `field`: nested list (HLS) and vector (RTL).

    registers_operands: the template reads its beat from a register, a cycle after the step.
    """
    lanes = kernel.simd
    count = folds(x.channels, lanes)
    spare = count * lanes - x.channels
    packed: list[int] = [0] * count
    width = 0
    context = stream_params(kernel, (x,), ((kernel.simd,), kernel.pe), out)
    for name, field in fields.items():
        table, shared = _by_lane(field.values, lanes)
        vectors: list[str] = []
        size = field.bits * field.values.shape[1]
        for lane in range(lanes):
            words = [pack(row, field.bits) for row in table[:, lane].tolist()]
            if shared[lane]:
                vectors.append(hex_literal(words[0], size))
            else:
                packed = [old | (word << width) for old, word in zip(packed, words, strict=True)]
                vectors.append(f"constants[{width} +: {size}]")
                width += size
        everywhere = all(shared)
        context[name] = {
            "bits": field.bits,
            "elements": field.values.shape[1],
            "size": size,
            "shared": everywhere,
            "depth": 1 if everywhere else count,
            "index": "0" if everywhere else "fold",
            "table": braces(_scalars(table[:1] if everywhere else table)),
            "vector": hex_literal(pack([pack(row, field.bits) for row in table[0].tolist()], size), size * lanes)
            if everywhere
            else f"{{{', '.join(reversed(vectors))}}}",
        }
    return context | {
        "lanes": lanes,
        "latency": latency,
        "steps": x.pixels * count,
        "folds": count,
        "fold_bits": width_of(count),
        "counts_folds": bool(width or spare),
        "spare": spare,
        "registers_operands": registers_operands,
        "constant_words": [hex_literal(word, max(width, 1)) for word in packed] if width else [],
        "constant_width": width,
        "constant_style": VERILOG_STYLE[memory_style(count, width, kernel)],
    }


def lane_parts(kernel: Kernel, context: Mapping[str, Any]) -> Parts:
    """Operand and result registers, the fold counter and the memory of constants."""
    parts = [Part("register", 1, {"bits": context["out"]["width"]}), Part("control")]
    if context["registers_operands"]:
        parts.insert(0, Part("register", 1, {"bits": context["ins"][0]["width"]}))
    if context["counts_folds"]:
        parts.append(Part("counter", 1, {"bits": context["fold_bits"]}))
    if context["constant_width"]:
        parts.append(rom_part(context["folds"], context["constant_width"], kernel))
    return tuple(parts)


def _by_lane(values: Int64, lanes: int) -> tuple[Int64, list[bool]]:
    """(folds, lanes, elements), and for each lane whether its channels share one value; a spare one repeats it."""
    channels, elements = values.shape
    count = folds(channels, lanes)
    table = np.zeros((count * lanes, elements), np.int64)
    table[:channels] = values
    if channels < count * lanes:
        table[channels:] = table[channels - count * lanes + lanes : lanes]  # the first fold is full
    split = table.reshape(count, lanes, elements)
    return split, [bool((split[:, lane] == split[0, lane]).all()) for lane in range(lanes)]


def _scalars(table: Int64) -> object:
    """Nested lists; a field of one element per channel loses its last axis."""
    return (table[..., 0] if table.shape[-1] == 1 else table).tolist()
