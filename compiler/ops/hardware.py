"""What the hardware side of every operator shares: folds, words of packed elements, memory styles, stream contexts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..errors import IntaglioError
from ..ir import Int64, IntType, Kernel, Part, TensorType

BLOCK_RAM_BITS = 4096
"""Memories above this many bits go to block RAM when the kernel leaves the choice (`auto`)."""


ULTRA_RAM_BITS = 1 << 16
"""Buffers of fewer bits are never worth an UltraRAM, of 288 Kb."""


LONGEST_LITERAL = 1 << 14
"""Bits of the longest constant that is written in one piece: Verilator reads 2^16, others less."""


PLAIN_INTEGERS = {"signed char": 8, "short": 16, "int": 32, "long long": 64}
"""Signed integers of C++ and their bits."""


VERILOG_STYLE = {"constant": "distributed", "lutram": "distributed", "bram": "block", "uram": "ultra"}
"""The ram_style and rom_style attribute of each memory style."""


def braces(values: object) -> str:
    """Nested lists as a C++ initialiser."""
    return "{" + ", ".join(map(braces, values)) + "}" if isinstance(values, list) else str(values)


def folds(size: int, lanes: int) -> int:
    """Beats that `size` elements take at `lanes` per beat; the last beat may be partly empty."""
    return -(-size // lanes)


def distinct_lanes(size: int) -> list[int]:
    """For every number of folds that `size` elements can take, the fewest lanes that give it, ascending."""
    return sorted({folds(size, folds(size, lanes)) for lanes in range(1, size + 1)})


def width_of(values: int) -> int:
    """Bits of a counter that takes the values 0 .. values-1; at least one."""
    return max(1, (values - 1).bit_length())


def pack(elements: Iterable[int], bits: int) -> int:
    """Elements side by side in two's complement, the first in the low bits."""
    word = 0
    for position, element in enumerate(elements):
        word |= (int(element) & ((1 << bits) - 1)) << (position * bits)
    return word


def plain_integer(bits: int) -> str:
    """The narrowest signed integer of plain C++ that holds so many bits: for tables of constants in C-simulation."""
    if bits > 64:
        raise IntaglioError(f"a constant of {bits} bits is too wide")
    return next(name for name, size in PLAIN_INTEGERS.items() if size >= bits)


def hex_literal(value: int, bits: int) -> str:
    """A sized SystemVerilog constant; a concatenation of several where one would be longer than tools read."""
    if bits <= LONGEST_LITERAL:
        return f"{bits}'h{value:x}"
    pieces = []
    for low in range(0, bits, LONGEST_LITERAL):
        size = min(LONGEST_LITERAL, bits - low)
        pieces.append(f"{size}'h{(value >> low) & ((1 << size) - 1):x}")
    return f"{{{', '.join(reversed(pieces))}}}"


def weight_type(weight: Int64) -> IntType:
    """The narrowest SIGNED type of these constants (multipliers take signed operands)."""
    return signed_holding(int(weight.min(initial=0)), int(weight.max(initial=0)))


def signed_holding(lo: int, hi: int) -> IntType:
    """The narrowest signed type (two bits at least) that holds lo..hi."""
    return IntType.holding(min(lo, -1), max(hi, 0)) if min(lo, -1) < -1 or hi > 0 else IntType(True, 2)


def memory_style(depth: int, width: int, kernel: Kernel) -> str:
    """Where parameters lie: `constant` for one word, else `lutram` or `bram`, as the kernel says, or by size.

    Raises IntaglioError for UltraRAMs: they power up empty, and parameters come with the bitstream.
    """
    if kernel.memory == "uram":
        raise IntaglioError("parameters cannot lie in UltraRAM, which powers up empty", hint="choose lutram or bram")
    return _style(depth, width, kernel.memory)


def buffer_style(depth: int, width: int, kernel: Kernel) -> str:
    """Where what is written while the core runs lies: `constant` (a register) for one word, else `lutram`, `bram` or
    `uram`, as the kernel says, or by size.
    """
    return _style(depth, width, kernel.buffer)


def _style(depth: int, width: int, wanted: str) -> str:
    if wanted not in ("auto", "lutram", "bram", "uram"):
        raise IntaglioError(f"there is no memory {wanted!r}", hint="choose auto, lutram, bram or uram")
    if depth <= 1:
        return "constant"
    if wanted != "auto":
        return wanted
    return "bram" if depth * width > BLOCK_RAM_BITS else "lutram"


def stream_params(
    kernel: Kernel, ins: tuple[TensorType, ...], lanes: tuple[tuple[int, ...], int], out: TensorType
) -> dict[str, Any]:
    """What every template needs of its streams: widths of elements and beats, signs, lanes, beats per pixel."""

    def stream(tensor: TensorType, count: int) -> dict[str, Any]:
        return {
            "bits": tensor.bits,
            "element": f"ap_{'' if tensor.signed else 'u'}int<{tensor.bits}>",
            "signed": tensor.signed,
            "lanes": count,
            "width": tensor.bits * count,
            "channels": tensor.channels,
            "pixels": tensor.pixels,
            "folds": folds(tensor.channels, count),
            "beats": tensor.pixels * folds(tensor.channels, count),
            "spare": folds(tensor.channels, count) * count - tensor.channels,
        }

    return {
        "ins": [stream(tensor, count) for tensor, count in zip(ins, lanes[0], strict=True)],
        "out": stream(out, lanes[1]),
        "pe": kernel.pe,
        "simd": kernel.simd,
    }


def counter(values: int) -> Part:
    """It counts 0 .. values-1, and starts again: by itself where that is a power of two. Else it is set to 0 where one
    more would be `values`, so only those bits take a gate that are 1 in there.
    """
    wraps = values.bit_count() if values & (values - 1) else 0
    return Part("counter", 1, {"bits": width_of(values), "wraps": wraps})


def handshake(inputs: int) -> Part:
    """valid and ready of a kernel's streams, without the registers of `valid`."""
    return Part("handshake", 1, {"inputs": inputs})


def rom_part(depth: int, width: int, kernel: Kernel, contents: Callable[[], dict[str, int]] | None = None) -> Part:
    """A memory of parameters, with the style the kernel's choice gives it. contents: what is known of them, if any
    (ops/contents.py); asked for only where it makes a difference.
    """
    style, sizes = memory_style(depth, width, kernel), {"depth": depth, "width": width}
    return Part(f"rom_{style}", 1, sizes | (contents() if contents and style == "lutram" else {}))


def counted_rom(depth: int, width: int, kernel: Kernel, contents: Callable[[], dict[str, int]] | None = None) -> Part:
    """The same, its address being a counter beside it: in LUTs it takes more of them."""
    part = rom_part(depth, width, kernel, contents)
    return Part("rom_counted", 1, part.sizes) if part.kind == "rom_lutram" else part


def buffer_parts(depth: int, width: int, kernel: Kernel, *, one_address: bool = False) -> tuple[Part, ...]:
    """A RAM and the register that its word is read into, which block RAMs and UltraRAMs have inside.

    one_address: it is read where it is written, in the same cycle or another: LUTs hold more words then.
    """
    sizes = {"depth": depth, "width": width, "one_address": int(one_address)}
    memory = Part(f"ram_{buffer_style(depth, width, kernel)}", 1, sizes)
    inside = memory.kind in {"ram_bram", "ram_uram"}
    return (memory,) if inside else (memory, Part("register", 1, {"bits": width}))


def beat_steps(beats: int, every: int = 1, start: int = 0) -> Int64:
    """Step numbers start, start+every, … of `beats` beats."""
    return np.arange(beats, dtype=np.int64) * every + start
