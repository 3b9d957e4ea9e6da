"""Rows of gates, digits and counters: against counts of Yosys 0.70 for xc7 with registers around, and derived anew."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from intaglio.estimate.features import features
from intaglio.estimate.features.addends import digit_bits
from intaglio.ir import Part
from intaglio.ops.hardware import counter

GATED = {
    (8, 2, 0, 0): 16, (16, 2, 1, 0): 32,
    (10, 3, 0, 0): 38, (20, 3, 0, 0): 78, (10, 3, 1, 0): 56, (20, 3, 1, 0): 108,
    (8, 4, 0, 0): 54, (16, 4, 0, 0): 104, (8, 4, 1, 0): 54, (16, 4, 1, 0): 109,
    (8, 5, 0, 0): 66, (16, 5, 0, 0): 127, (8, 5, 1, 0): 72, (16, 5, 1, 0): 148,
    (12, 2, 0, 8): 36, (17, 2, 0, 19): 53, (12, 3, 0, 14): 76, (17, 3, 0, 8): 102, (8, 3, 1, 8): 51,
    (12, 4, 0, 8): 86, (17, 4, 0, 19): 125, (13, 4, 1, 13): 108,
}  # fmt: skip
"""LUTs of a signed number of `bits` bits times a factor of so many bits in a register, its sign among them or not, and
a number of so many bits added: (bits, rows, negative, addend).
"""

CONSTANT = {
    (12, 2, 8): 28,
    (17, 2, 19): 39,
    (12, 3, 0): 35,
    (8, 3, 8): 39,
    (17, 3, 19): 81,
    (12, 4, 8): 86,
    (17, 4, 8): 119,
}
"""The same where the factor's highest bit is always 1, none its sign: (bits, rows, addend)."""


def rows(bits: int, count: int, negative: int, addend: int, fixed: int = 0) -> float:
    width = bits + count + 1 - negative + (addend > 0)
    sizes = {"rows": count, "gated": count - fixed, "negative": negative, "bits": bits, "signed": 1, "addend": addend}
    found = features(Part("rows", 1, {**sizes, "width": width}))
    return found["rows.luts"] + HALF * found.get("rows.half", 0)


HALF = 0.2
"""About what a half adder costs besides."""


@pytest.mark.parametrize("sizes", GATED)
def test_rows_of_gates(sizes: tuple[int, int, int, int]) -> None:
    assert rows(*sizes) == pytest.approx(GATED[sizes], rel=0.12)


@pytest.mark.parametrize("sizes", CONSTANT)
def test_rows_of_gates_and_one_that_is_always_there(sizes: tuple[int, int, int]) -> None:
    bits, count, addend = sizes
    assert rows(bits, count, 0, addend, fixed=1) == pytest.approx(CONSTANT[sizes], rel=0.12)


@pytest.mark.parametrize(("bits", "addend"), [*product((3, 8, 13), (2, 8, 20))])
def test_one_row_and_a_number_are_a_chain_that_takes_gates(bits: int, addend: int) -> None:
    """A gate for each bit of the row, and a LUT for each pair of bits that meet: both signs are repeated."""
    pairs = {(min(column, bits - 1), min(column, addend - 1)) for column in range(bits + 2)}
    assert rows(bits, 1, 1, addend) == bits + len(pairs)


@pytest.mark.parametrize("unsigned", [0, 1])
@pytest.mark.parametrize(("x", "weight"), [*product((1, 2, 3), (2, 3, 4, 5))])
def test_a_digits_bits_depend_on_what_their_values_do(x: int, weight: int, unsigned: int) -> None:
    width = x + weight + 2
    masks, _ = digit_bits(x, weight, unsigned, width)
    inputs = x + weight
    values = np.array([digits(word, x, weight, unsigned) for word in range(1 << inputs)])  # (words, digits)
    bits = values[..., None] >> np.arange(width) & 1
    for bit in range(inputs):
        changed = (bits != bits[np.arange(1 << inputs) ^ 1 << bit]).any(axis=0)
        assert np.array_equal(changed, masks >> np.uint64(bit) & np.uint64(1) == 1), bit


def digits(word: int, x: int, weight: int, unsigned: int) -> list[int]:
    """Booth's digits, each times x and in its place; -v as ~v, shifted. word: x, and the weight above it."""
    value = word & (1 << x) - 1
    if not unsigned:
        value -= (value >> x - 1) << x
    factor = (word >> x) - (word >> x + weight - 1 << weight)
    found = []
    for place in range(0, weight, 2):
        high, middle = factor >> place + 1 & 1, factor >> place & 1
        low = factor >> place - 1 & 1 if place else 0
        digit = low + middle - 2 * high
        found.append((digit * value if digit >= 0 else ~(-digit * value)) << place)
    return found


@pytest.mark.parametrize("values", [2, 3, 5, 8, 22, 64, 95, 1408])
def test_a_counter_has_gates_for_bits_that_counting_on_would_not_give(values: int) -> None:
    now = np.arange(values)
    changed = np.bitwise_or.reduce((now + 1) % values ^ (now + 1) % (1 << (values - 1).bit_length()))
    assert features(counter(values)).get("counter.wraps", 0) == int(changed).bit_count()
