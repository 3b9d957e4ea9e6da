"""What constants leave of the logic behind them, against plain Python, bit by bit."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from intaglio.ir import Int64, TensorType
from intaglio.ops.varying import Factors, addend_bits, count_bits, trailing_zeros, varying

words = st.lists(st.lists(st.integers(-200, 200), min_size=3, max_size=3), min_size=1, max_size=6).map(
    lambda rows: np.array(rows, np.int64)
)


def bit(value: int, place: int) -> int:
    return value >> place & 1


@given(words)
def test_varying_bits_are_those_that_some_word_has_otherwise(table: Int64) -> None:
    masks = varying(table)
    for element in range(3):
        for place in range(9):
            column = {bit(int(word), place) for word in table[:, element]}
            assert bit(int(masks[element]), place) == (len(column) > 1)
    assert count_bits(masks, 5) == sum(bit(int(m), k) for m in masks for k in range(5))
    by_hand = [[bit(int(m), min(k, 8)) for k in range(12)] for m in masks]  # the sign goes on
    assert addend_bits(masks, 9, 12) == sum(map(sum, by_hand))


@given(st.integers(-64, 64), st.integers(0, 8))
def test_trailing_zeros(value: int, most: int) -> None:
    expected = next((k for k in range(most) if bit(value, k)), most)
    assert trailing_zeros(np.array([value]), most).tolist() == [expected]


@given(st.lists(st.integers(-15, 15), min_size=2, max_size=4), st.integers(1, 3))
def test_products_are_as_wide_as_their_factors_reach(values: list[int], folds: int) -> None:
    """A row of partial products for each bit that is somewhere 1."""
    split = np.array([values] * folds, np.int64)[:, :, None]
    factors = Factors.of(split, 5)
    x = TensorType.integer((1,), -8, 7)
    parts = factors.parts(x, 0, 12)
    assert sum(p.count for p in parts) == len(values)
    bits = [5 if v >= 0 or folds > 1 else (-v - 1).bit_length() + 1 for v in values]  # a literal's, with one sign
    ones = [bin(v & (1 << n) - 1).count("1") for v, n in zip(values, bits, strict=True)]
    assert sorted(p["rows"] for p in parts for _ in range(p.count)) == sorted(ones)
    assert not any(p["gated"] for p in parts), "each lane has one factor"
    positive = [v for v in values if v > 0]
    widths = dict(zip(values, factors.widths(x, 5).tolist(), strict=True))
    for v in positive:
        zeros = (v & -v).bit_length() - 1
        reach = v >> zeros
        assert widths[v] == (4 if reach == 1 else 4 + reach.bit_length())
    low, high = factors.split(2)
    assert (low.ones + (high.ones << 2)).tolist() == factors.ones.tolist()
