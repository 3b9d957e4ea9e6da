"""The end that mul_shift and shift have in common: an arithmetic shift to the right, and a clip where it can bite."""

from __future__ import annotations

from typing import Any

from ..ir import Int64, Part, Parts, TensorType
from .constant_comparisons import PIECE
from .elements import element_params, value_bits
from .hardware import hex_literal, signed_holding
from .timing import LUT_NS, comparator_ns

Bounds = tuple[int, int]


def signed_word(value: int, bits: int) -> str:
    """A sized signed SystemVerilog constant."""
    return f"{bits}'sh{value & ((1 << bits) - 1):x}"


def products(multiplier: Int64, x: TensorType) -> tuple[list[int], list[int]]:
    """Proven bounds of x * multiplier, per channel, in exact integers."""
    ends = [sorted((int(m) * lo, int(m) * hi)) for m, lo, hi in zip(multiplier, x.lo, x.hi, strict=True)]
    return [low for low, _ in ends], [high for _, high in ends]


def shift_clip_params(sums: Bounds, shift: int, clip: Bounds, out: TensorType, least_bits: int) -> dict[str, Any]:
    """Widths and constants for a sum proven to lie within `sums`: `sum_bits`, `shifted_bits`, the clip."""
    low, high = sums
    sum_bits = max(signed_holding(low, high).bits, shift + 2, least_bits)
    first, last = low >> shift, high >> shift
    clips_low, clips_high = first < clip[0], last > clip[1]
    bounds = [first, last, *([clip[0]] if clips_low else []), *([clip[1]] if clips_high else [])]
    shifted_bits = max(signed_holding(min(bounds), max(bounds)).bits, out.bits)
    return {
        "shift": shift,
        "sum_bits": sum_bits,
        "shifted_bits": shifted_bits,
        "clips_low": clips_low,
        "clips_high": clips_high,
        "low": signed_word(clip[0], shifted_bits),
        "high": signed_word(clip[1], shifted_bits),
        "low_word": hex_literal(clip[0] & ((1 << out.bits) - 1), out.bits),
        "high_word": hex_literal(clip[1] & ((1 << out.bits) - 1), out.bits),
        "low_value": clip[0],
        "high_value": clip[1],
    }


def clip_pieces(context: dict[str, Any]) -> tuple[tuple[str, float], ...]:
    """What a shifted sum passes on its way to the result."""
    if not context["clips_low"] and not context["clips_high"]:
        return (("select", 0.0),)
    return ("compare", comparator_ns(context["shifted_bits"])), ("select", LUT_NS)


def kept_bits(context: dict[str, Any]) -> int:
    """Bits of a shifted sum that something reads: all where a comparison does, but for its sign alone."""
    sides, below_zero = context["clips_low"] or context["clips_high"], context["low_value"] == 0
    if context["clips_high"] or (sides and not below_zero):
        return int(min(context["shifted_bits"], context["sum_bits"] - context["shift"]))
    return int(context["out"]["bits"] + sides)


def clips_both(context: dict[str, Any]) -> bool:
    """Is a LUT for each bit of the result?"""
    return bool(context["clips_low"] and context["clips_high"])


def shift_clip_parts(lanes: int, context: dict[str, Any]) -> Parts:
    """A comparison for each side that is clipped, and the choice among the results.

    Clipped at one side only, a result is set or reset; at both, each of its bits takes a LUT, which has room for the
    upper bits of the sum where these are few.
    """
    low, high, bits = context["clips_low"], context["clips_high"], context["out"]["bits"]
    if not low and not high:
        return ()
    upper = context["shifted_bits"] - bits - 1
    held = "compare" in context["registers"]
    sides = (low and context["low_value"] != 0) + (high and (held or upper >= PIECE))
    chosen = bits if clips_both(context) else 0
    return (
        Part("register", lanes, {"bits": (low + high + bits) * held}),
        Part("clip", lanes, {"sides": sides, "upper": max(0, upper), "bits": chosen}),
    )


def operand_params(x: TensorType) -> dict[str, Any]:
    """The lane's element as a signed value of `operand_bits` bits: an unsigned one gets a zero in front."""
    element = element_params(x, "operands", "word")
    return {
        "element": element,
        "operand_bits": value_bits(x) + (0 if x.signed else 1),
        "extend": element["rtl"] if x.signed else f"{{1'b0, {element['rtl']}}}",
    }
