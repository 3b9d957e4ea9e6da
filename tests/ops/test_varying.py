"""What constants leave of the logic behind them, against plain Python, bit by bit."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from intaglio.ir import Int64, TensorType
from intaglio.ops.constant_comparisons import beyond, constant_pieces, parities, pieces
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


@given(st.lists(st.integers(0, 255), min_size=1, max_size=4), st.integers(1, 8), st.data())
def test_pieces_take_bits_from_the_top_as_far_as_a_lut_has_inputs(
    masks: list[int], bits: int, data: st.DataObject
) -> None:
    known = data.draw(st.integers(0, bits - 1))
    for mask, found in zip(masks, pieces(np.array(masks), bits, known).tolist(), strict=True):
        count, room = 1, 6
        for place in reversed(range(bits)):
            cost = bit(mask, place) + (place < bits - known)
            if cost > room:
                count, room = count + 1, 6
            room -= cost
        assert found == count
    inputs = [bits + bin(mask & ((1 << bits) - 1)).count("1") for mask in masks]
    assert beyond(np.array(masks), bits) == sum(max(0, n - 6) for n in inputs)


@given(st.integers(7, 16), st.data())
def test_pieces_of_constants_count_what_differs(bits: int, data: st.DataObject) -> None:
    numbers = st.integers(0, (1 << bits) - 1)
    rows = data.draw(st.lists(st.lists(numbers, min_size=4, max_size=4), min_size=1, max_size=3))
    cuts = [(max(0, top - 6), top) for top in range(bits, 0, -6)]
    luts, high, low, levels, more = 0, 0, 0, 0, 0
    for row in rows:
        parts = [{value >> a & ((1 << (b - a)) - 1) for value in row} for a, b in cuts]
        luts += sum(2 * len(p) - (0 in p) - (((1 << (b - a)) - 1) in p) for p, (a, b) in zip(parts, cuts, strict=True))
        high += len(parts[0])
        low += len(parts[1]) * (cuts[1][1] > 1)
        levels += len(set(row))
        more += sum(max(0, bits - 6 - next((k for k in range(bits) if bit(v, k)), bits)) for v in set(row))
    found = constant_pieces(np.array(rows, np.int64), bits)
    expected = {"levels": levels, "high": high, "low": low, "beyond": more} if len(cuts) == 2 else {"luts": luts}
    assert found == expected


@given(st.integers(1, 300))
def test_a_count_of_comparisons_is_an_xor_for_each_bit(levels: int) -> None:
    luts = 0
    for place in range(levels.bit_length()):
        inputs = len(range((1 << place) - 1, levels, 1 << place))
        while inputs > 1:  # a LUT takes six of them and leaves one
            inputs, luts = max(1, inputs - 5), luts + 1
    assert parities(levels) == luts


@given(st.lists(st.integers(-15, 15), min_size=2, max_size=4), st.integers(1, 3))
def test_products_are_as_wide_as_their_factors_reach(values: list[int], folds: int) -> None:
    """A row of partial products for each bit that is somewhere 1."""
    split = np.array([values] * folds, np.int64)[:, :, None]
    factors = Factors.of(split, 5)
    x = TensorType.integer((1,), -8, 7)
    parts = factors.parts(x, 0, 12)
    assert sum(p.count for p in parts) == len(values)
    assert sorted(p["rows"] for p in parts for _ in range(p.count)) == sorted(bin(v & 31).count("1") for v in values)
    assert not any(p["gated"] for p in parts), "each lane has one factor"
    positive = [v for v in values if v > 0]
    widths = dict(zip(values, factors.widths(x, 5).tolist(), strict=True))
    for v in positive:
        zeros = (v & -v).bit_length() - 1
        reach = v >> zeros
        assert widths[v] == (4 if reach == 1 else 4 + reach.bit_length())
    low, high = factors.split(2)
    assert (low.ones + (high.ones << 2)).tolist() == factors.ones.tolist()
