"""One element of a beat as an expression of its value, for templates: signed, unsigned and bipolar alike."""

from __future__ import annotations

from typing import Any

from ..ir import TensorType


def is_bipolar(kind: TensorType) -> bool:
    return kind.dtype is not None and kind.dtype.bipolar


def element_params(kind: TensorType, word: str, index: str = "p") -> dict[str, Any]:
    """Element `index` of the vector `word`.

    rtl: a SystemVerilog expression that a size cast extends by its sign. cpp_type, cpp: a C++ type and what to
    initialise it with.
    """
    select = f"{word}[{index}*{kind.bits} +: {kind.bits}]"
    piece = f"{word}.range({kind.bits} * {index} + {kind.bits - 1}, {kind.bits} * {index})"
    if is_bipolar(kind):
        return {"rtl": f"$signed({{!{word}[{index}], 1'b1}})", "cpp_type": "ap_int<2>", "cpp": f"{word}[{index}] ? 1 : -1"}
    if kind.signed:
        return {"rtl": f"$signed({select})", "cpp_type": f"ap_int<{kind.bits}>", "cpp": piece}
    return {"rtl": select, "cpp_type": f"ap_uint<{kind.bits}>", "cpp": piece}
