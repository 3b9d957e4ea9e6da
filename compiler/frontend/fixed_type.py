"""What a user says an input or output holds: `fixed<16,6>`, `ufixed<8,0>`, `int8`, `uint8`, `bipolar`."""

from __future__ import annotations

import re
from fractions import Fraction

import numpy as np

from ..errors import IntaglioError
from ..ops.source import FixedQuantise

WIDEST = 32
FIXED = re.compile(r"(u?)fixed\s*<\s*(\d{1,3})\s*,\s*(-?\d{1,3})\s*>")
INTEGER = re.compile(r"(u?)int(\d{1,3})")
HINT = "write fixed<16,6> (16 bits, 6 of them before the point, sign included), ufixed<8,0>, int8, uint8 or bipolar"


def fixed_type(text: str, where: str = "") -> FixedQuantise:
    """The quantiser of such a type: rounds half up, saturates.

    fixed<W,I> has W bits, I of them before the binary point (the sign is one of them), as ap_fixed<W,I> has.
    """
    given = text.strip() if isinstance(text, str) else ""
    if given == "bipolar":
        return FixedQuantise(_one(Fraction(1)), np.zeros(1, np.int64), -1, 1, "half_up", bipolar=True)
    fixed, integer = FIXED.fullmatch(given), INTEGER.fullmatch(given)
    match = fixed or integer
    if match is None:
        raise IntaglioError(f"{text!r} is not a type", where=where, hint=HINT)
    bits = int(match[2])
    fraction = bits - int(match[3]) if fixed else 0
    signed = not match[1]
    if not 1 + signed <= bits <= WIDEST or abs(fraction) > 64:
        raise IntaglioError(
            f"{given} has {bits} bits and {fraction} fraction bits", where=where, hint=f"2 to {WIDEST} bits; {HINT}"
        )
    lo, hi = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    return FixedQuantise(_one(Fraction(2) ** -fraction), np.zeros(1, np.int64), lo, hi, "half_up")


def _one(value: Fraction) -> np.ndarray:
    result = np.empty(1, object)
    result[0] = value
    return result
