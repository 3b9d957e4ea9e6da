"""Bits, indices and Huffman codes, counted by hand."""

from __future__ import annotations

from math import log2

import numpy as np
import torch
from compress_networks import batches_of, mlp_network, residual_network
from hypothesis import given
from hypothesis import strategies as st
from intaglio.compress import PreparedModel, Recipe
from intaglio.compress.storage import (
    best_index,
    fillers_of,
    gaps_of,
    huffman_bits,
    huffman_places,
    rate,
    rice_bits,
    storage,
)


def fillers_by_hand(mask: list[bool], bits: int) -> int:
    """Walks along the weights; a distance of more than 2^bits takes a zero on the way."""
    fillers, distance = 0, 0
    for here in mask:
        distance += 1
        if here:
            distance = 0
        elif distance == 1 << bits:
            fillers, distance = fillers + 1, 0
    last = max((i for i, here in enumerate(mask) if here), default=-1)
    return fillers if last == len(mask) - 1 else fillers_by_hand(mask[: last + 1], bits) if last >= 0 else 0


@given(st.lists(st.booleans(), min_size=1, max_size=80), st.integers(1, 5))
def test_fillers_bridge_long_gaps(mask: list[bool], bits: int) -> None:
    assert fillers_of(gaps_of(np.array(mask)), bits) == fillers_by_hand(mask, bits)


@given(st.lists(st.integers(-3, 3), min_size=2, max_size=60))
def test_huffman_lies_within_a_bit_of_the_entropy(codes: list[int]) -> None:
    counts = np.unique(codes, return_counts=True)[1] / len(codes)
    entropy = -len(codes) * sum(p * log2(p) for p in counts)
    assert entropy - 1e-9 <= huffman_bits(np.array(codes, dtype=np.float64)) <= entropy + len(codes)


def test_huffman_of_a_known_code() -> None:
    assert huffman_bits(np.array([0.0] * 4 + [1.0] * 2 + [2.0, 3.0])) == 4 * 1 + 2 * 2 + 2 * 3


def rice_by_hand(gaps: list[int], k: int) -> str:
    """The code itself: the quotient in ones, a zero, the remainder in k bits."""
    return "".join("1" * (gap >> k) + "0" + (f"{gap & ((1 << k) - 1):0{k}b}" if k else "") for gap in gaps)


@given(st.lists(st.booleans(), min_size=1, max_size=200))
def test_rice_codes_say_every_place(mask: list[bool]) -> None:
    gaps = gaps_of(np.array(mask))
    assert np.flatnonzero(mask).tolist() == (np.cumsum(gaps + 1) - 1).tolist()
    assert rice_bits(gaps) == min(len(rice_by_hand(gaps.tolist(), k)) for k in range(17))


def test_the_width_of_indices_is_the_best_for_the_weights_own_width() -> None:
    gaps = np.array([19] * 20)
    assert best_index(gaps, 8, 8) == (5, 0)  # 20*13 bits; with 4 bits and a filler each, 40*12
    mostly_near = np.array([3] * 90 + [19] * 10)
    assert best_index(mostly_near, 1, 1) == (2, 40)  # (100 + 40)*3 bits against 100*6
    assert best_index(mostly_near, 1, 2) == (2, 40)  # a binary weight of 2 bits, for there must be a zero: 140*4
    assert best_index(mostly_near, 8, 8) == (5, 0)  # 100*13 against 140*10


def test_huffman_codes_of_places() -> None:
    gaps = np.array([0] * 30 + [9])
    whole = [huffman_bits(np.array([0] * 30 + [9])) + 5 * 17]  # 4 bits and "16 follow"
    low = [huffman_bits(np.array([0] * 30 + [1] + [2] * 4)) + 5 * 3]  # one bit, and "2 follow" four times
    least = [huffman_bits(np.array([0] * 31 + [1] * 9)) + 5 * 2]
    assert huffman_places(gaps) == min(whole + low + least)


def test_codes_of_0_are_no_weights_once_frozen() -> None:
    recipe = Recipe(structure="element", weight_bits=2, keep=1.0)
    model = PreparedModel(mlp_network(), recipe)
    model.calibrate(batches_of(model.graph))
    model.freeze()
    graph = model.frozen_graph()
    for row in storage(model):
        codes = graph.by_name[row.name].op.weight
        assert row.kept == (codes != 0).sum()
        assert row.with_rice == 2 * row.kept + row.rice
        assert row.huffman is not None
        assert row.with_huffman == row.huffman


def test_masked_weights_cost_nothing_and_the_others_their_place() -> None:
    model = PreparedModel(mlp_network(), Recipe(structure="element", weight_bits=3))
    mask = torch.zeros(6, 8)
    mask[:, ::2] = 1
    model.set_mask("h2", mask.reshape(-1))
    h1, h2, fc = storage(model)
    assert (h1.kept, h1.index_bits, h1.without_indices, h1.with_indices) == (40, 0, 120, 120)
    assert (h2.weights, h2.kept, h2.index_bits, h2.fillers) == (48, 24, 1, 0)
    assert (h2.without_indices, h2.with_indices, h2.dense) == (72, 96, 48 * 32)
    assert (h2.rice, h2.with_rice) == (47, 119)  # the first place of all takes a bit, the others two
    model.bury_dead()  # h1's odd channels are read by nobody
    h1, h2, fc = storage(model)
    assert (h1.kept, h1.with_indices) == (20, 60)
    assert (h2.kept, h2.index_bits) == (24, 0)
    assert fc.kept == 18


def test_channels_that_are_gone_take_no_bits() -> None:
    model = PreparedModel(residual_network(), Recipe())
    model.set_mask("stem", [True, False, True, False])
    rows = {row.name: row for row in storage(model)}
    assert {name: row.kept for name, row in rows.items()} == {"stem": 36, "a": 108, "b": 108, "fc": 6}
    assert all(row.with_indices == row.without_indices == 4 * row.kept for row in rows.values())


def test_clusters_carry_their_table_and_the_rate_is_huffmans() -> None:
    model = PreparedModel(mlp_network(), Recipe(keep=1.0, codebook="cluster", weight_bits=2))
    model.calibrate(batches_of(model.graph))
    assert [row.codebook for row in storage(model)] == [32, 32, 32]
    graph = model.freeze().frozen_graph()
    assert rate(model) == sum(huffman_bits(graph.by_name[name].op.weight) for name in ("h1", "h2", "fc"))
