"""Bits, indices and Huffman codes, counted by hand."""

from __future__ import annotations

from math import log2

import numpy as np
import torch
from compress_networks import batches_of, mlp_network, residual_network
from hypothesis import given
from hypothesis import strategies as st
from intaglio.compress import PreparedModel, Recipe
from intaglio.compress.storage import fillers_of, huffman_bits, rate, storage


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
    assert fillers_of(np.array(mask), bits) == fillers_by_hand(mask, bits)


@given(st.lists(st.integers(-3, 3), min_size=2, max_size=60))
def test_huffman_lies_within_a_bit_of_the_entropy(codes: list[int]) -> None:
    counts = np.unique(codes, return_counts=True)[1] / len(codes)
    entropy = -len(codes) * sum(p * log2(p) for p in counts)
    assert entropy - 1e-9 <= huffman_bits(np.array(codes, dtype=np.float64)) <= entropy + len(codes)


def test_huffman_of_a_known_code() -> None:
    assert huffman_bits(np.array([0.0] * 4 + [1.0] * 2 + [2.0, 3.0])) == 4 * 1 + 2 * 2 + 2 * 3


def test_masked_weights_cost_nothing_and_the_others_their_place() -> None:
    model = PreparedModel(mlp_network(), Recipe(structure="element", weight_bits=3))
    mask = torch.zeros(6, 8)
    mask[:, ::2] = 1
    model.set_mask("h2", mask.reshape(-1))
    h1, h2, fc = storage(model)
    assert (h1.kept, h1.index_bits, h1.without_indices, h1.with_indices) == (40, 0, 120, 120)
    assert (h2.weights, h2.kept, h2.index_bits, h2.fillers) == (48, 24, 1, 0)
    assert (h2.without_indices, h2.with_indices, h2.dense) == (72, 96, 48 * 32)
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
