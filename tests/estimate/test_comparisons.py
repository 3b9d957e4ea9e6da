"""LUTs of single comparisons, choices and chains, against counts of Yosys 0.70 for xc7 with registers around."""

from __future__ import annotations

import pytest
from intaglio.estimate.features import features
from intaglio.ir import IntType, Kernel, Part, TensorType
from intaglio.ops import Add, Subtract

GREATER = (1, 1, 1, 3, 5, 5, 5, 6, 6, 7, 8, 8, 9, 10)
"""LUTs of `a > b`, of 1, 2, … bits."""

LARGER = (1, 2, 3, 8, 8, 10, 12, 14, 15, 17, 19, 20, 22, 24)
"""LUTs of `a > b ? a : b`."""


def luts(kind: str, **sizes: int) -> float:
    return sum(features(Part(kind, 1, sizes)).values())


def test_comparators_take_two_luts_for_three_bits() -> None:
    assert [luts("comparator", bits=bits) for bits in range(1, 15)] == list(GREATER)


def test_choices_take_a_lut_a_bit_more_and_short_comparisons_melt_into_them() -> None:
    found = [luts("choice", bits=bits, along=0) for bits in range(1, 15)]
    assert max(abs(a - b) for a, b in zip(found, LARGER, strict=True)) <= 1
    assert [a for a in found if a > 10] == [b for b in LARGER if b > 10]


HELD = {1: 1, 2: 2, 3: 4, 7: 13, 8: 14}
"""The same, or `a` where `b` is nothing yet, per lane of a max_pool of eight."""


def test_what_a_lut_takes_alone_it_does_not_with_a_bit_more() -> None:
    for bits, count in HELD.items():
        assert luts("choice", bits=bits, along=0, first=1) == pytest.approx(count, abs=1)
    assert luts("choice", bits=3, along=0, first=1) == 1 + luts("choice", bits=3, along=0)


ADD = {
    ("i12", "i9"): 21, ("i9", "i12"): 12, ("i8", "i8"): 16, ("u8", "u8"): 16,
    ("u4", "u8"): 8, ("u8", "u4"): 8, ("u8", "i8"): 16, ("i8", "u4"): 8,
}  # fmt: skip
SUBTRACT = {
    ("i9", "i12"): 13, ("i8", "i8"): 9, ("u8", "u8"): 9,
    ("u4", "u8"): 9, ("u8", "u4"): 5, ("u8", "i8"): 10, ("i8", "u4"): 5,
}  # fmt: skip
"""LUTs of a lane whose second number is one of two: that of a gate's pixel which arrives, or was kept."""


@pytest.mark.parametrize(("op", "counts"), [(Add(), ADD), (Subtract(), SUBTRACT)])
def test_chains_of_chosen_numbers(op: Add | Subtract, counts: dict[tuple[str, str], int]) -> None:
    for (a, b), count in counts.items():
        first, second = (IntType.parse(text) for text in (a, b))
        x = TensorType.integer((4, 4, 32), first.lo, first.hi)
        gate = TensorType.integer((1, 1, 32), second.lo, second.hi)
        (adder,) = op.operators(Kernel(8, 8), x, gate)
        assert (adder.count, adder["bits"]) == (8, count), (a, b)


PLAIN = {("i2", "u7"): 8, ("u3", "u2"): 3, ("i8", "i9"): 10, ("u4", "u4"): 5, ("u7", "u3"): 4, ("u1", "u5"): 2}
"""LUTs of differences of two streams."""


def test_chains_take_a_lut_for_each_bit_in_which_both_vary() -> None:
    for (a, b), count in PLAIN.items():
        kinds = [TensorType.integer((8,), t.lo, t.hi) for t in (IntType.parse(a), IntType.parse(b))]
        assert Subtract().operators(Kernel(4, 4), *kinds)[0]["bits"] == count, (a, b)
