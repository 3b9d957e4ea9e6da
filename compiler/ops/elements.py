"""One element of a beat as an expression of its value, for templates: signed, unsigned and bipolar alike."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from ..ir import Int64, IntType, TensorType


def is_bipolar(kind: TensorType) -> bool:
    return kind.dtype is not None and kind.dtype.bipolar


def bipolar_tensor(
    shape: Iterable[int], lo: Iterable[int] | Int64, hi: Iterable[int] | Int64, scale: Fraction | None
) -> TensorType:
    """A tensor of -1 and +1, with bounds per channel; it travels in one bit, 0 for -1."""
    lows, highs = (tuple(int(v) for v in ends) for ends in (lo, hi))
    return TensorType(tuple(int(n) for n in shape), IntType(True, 1), lows, highs, scale)


def value_bits(kind: TensorType) -> int:
    """Bits of an element's value, signed as `kind` is: a bipolar one takes two as a number."""
    return 2 if is_bipolar(kind) else kind.bits


def element_params(kind: TensorType, vector: str, word: str) -> dict[str, Any]:
    """Element `p` of a beat, `vector` in SystemVerilog and `word` in C++.

    rtl: an expression that a size cast extends by its sign. type, cpp: a C++ type and what to initialise it with.
    """
    bits = kind.bits
    if is_bipolar(kind):
        return {"rtl": f"$signed({{!{vector}[p], 1'b1}})", "type": "ap_int<2>", "cpp": f"{word}[p] ? 1 : -1"}
    select = f"{vector}[p*{bits} +: {bits}]"
    return {
        "rtl": f"$signed({select})" if kind.signed else select,
        "type": f"ap_{'' if kind.signed else 'u'}int<{bits}>",
        "cpp": f"{word}.range({bits} * p + {bits - 1}, {bits} * p)",
    }
