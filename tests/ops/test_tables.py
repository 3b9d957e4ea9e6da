"""LUTs of tables that are read into registers, against counts of Yosys 0.70 for xc7 and by what they stand for."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, repeat

import numpy as np
import pytest
from intaglio.ops.tables import table_parts


def column(*runs: int, first: int = 0) -> np.ndarray:
    """(1, 1, words): so many words of one value, so many of the other, ..."""
    words = chain.from_iterable(repeat((first + k) % 2, run) for k, run in enumerate(runs))
    return np.array(list(words))[None]


MEASURED = {
    (8, 3, 1, 1, 1, 2): 2,  # half of it is constant: a reset, and the rest
    (22, 10, 32): 2,  # a reset by two bits
    (88, 40): 2,
    (43, 44, 41): 2,  # seven bits: two LUTs that MUXF7 joins
    (32, 32): 1,
    (20, 12): 1,  # three bits find room beside the enable
    (88, 39, 1): 2,
}
"""LUTs of a column of these runs of equal bits."""


@pytest.mark.parametrize("runs", MEASURED)
def test_luts_of_a_column(runs: Sequence[int]) -> None:
    assert table_parts(column(*runs), 1) == {"columns": 1, "blocks": MEASURED[tuple(runs)], "choices": 0}


def test_columns_share_a_reset() -> None:
    both = column(8, 3, 1, 1, 1, 2) + 2 * column(11, 2, 2, 1)
    assert table_parts(both, 2)["blocks"] == 3


def test_what_another_column_is_there_too_stays_a_choice() -> None:
    last = column(15, 1, first=1)
    assert table_parts(last, 1)["blocks"] == 1  # reset by any of three bits, and never set
    assert table_parts(last + 2 * column(3, 12, 1), 2)["blocks"] == 3  # reset by one, and chosen by the others


@pytest.mark.parametrize(("words", "luts"), [(64, 1), (128, 2), (256, 4)])
def test_random_columns_fill_luts(words: int, luts: int) -> None:
    table = np.random.default_rng(0).integers(0, 2, (1, words))
    assert table_parts(table, 1) == {"columns": 1, "blocks": luts, "choices": 0}


def test_lower_bits_that_matter_little_are_functions_of_their_own() -> None:
    steps = np.repeat(np.random.default_rng(1).integers(0, 2, 32), 4)
    steps[3] ^= 1
    assert table_parts(steps[None], 1)["blocks"] == 2, "of 128 words: five upper bits, and whether all lower ones are 1"


def test_memories_of_their_own_share_nothing_and_constant_ones_are_nothing() -> None:
    table = np.random.default_rng(2).integers(0, 8, (5, 300))
    alone = [table_parts(row[None], 3) for row in table]
    assert table_parts(table, 3) == {key: sum(found[key] for found in alone) for key in alone[0]}
    assert set(table_parts(np.zeros((2, 32), np.int64), 4).values()) == {0}


def test_words_that_are_no_power_of_two_are_chosen_by_the_bits_that_are_there() -> None:
    table = np.random.default_rng(3).integers(0, 2, (1, 96))
    whole = np.concatenate([table, table[:, 64:]], axis=1)
    assert table_parts(table, 1) == table_parts(whole, 1)
