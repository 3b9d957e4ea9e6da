"""Sums of products whose weights are a few words in turn: what bits are, and what that saves."""

from __future__ import annotations

import numpy as np
import pytest
from intaglio.estimate.features import features
from intaglio.ir import Kernel, Part, TensorType
from intaglio.ops import Dense
from intaglio.ops.multiply_accumulate.few_words import bit_states, known_sums

PRODUCTS = {"terms": 3, "a": 4, "b": 3, "unsigned": 1, "width": 10}
DIGITS = {**PRODUCTS, "booth": 1, "b": 4}
GATES = {"terms": 3, "bits": 1, "width": 3, "inputs": 2}


def coded(sizes: dict[str, int], states: list[list[int]]) -> float:
    """The first feature of a sum of products with these bits of weights."""
    part = Part("sum", 1, sizes)
    (known,) = known_sums(part, np.array(states, np.int64)[None])
    return next(iter(features(known).values()), 0.0)


def test_a_bit_is_constant_or_one_of_the_columns_that_vary() -> None:
    words = np.array([[0b011], [0b101]])
    assert bit_states(words, 4).tolist() == [[1, 2, 3, 0]]


@pytest.mark.parametrize("sizes", [PRODUCTS, DIGITS])
def test_products_with_0_are_nothing(sizes: dict[str, int]) -> None:
    assert coded(sizes, [[0] * sizes["b"]] * 3) == 0


@pytest.mark.parametrize("sizes", [PRODUCTS, DIGITS])
def test_fewer_bits_that_vary_take_fewer_luts(sizes: dict[str, int]) -> None:
    ordinary = next(iter(features(Part("sum", 1, sizes)).values()))
    found = [coded(sizes, [[2] * varying + [0] * (sizes["b"] - varying)] * 3) for varying in range(sizes["b"] + 1)]
    assert found == sorted(found)
    assert found[-1] <= ordinary


def test_gates_that_share_their_other_input_have_room_for_more() -> None:
    ordinary = next(iter(features(Part("sum", 1, GATES)).values()))
    assert coded(GATES, [[1]] * 3) <= coded(GATES, [[2]] * 3) <= ordinary


def test_some_sums_stand_for_all() -> None:
    part = Part("sum", 10, PRODUCTS)
    found = list(known_sums(part, np.ones((10, 3, 3), np.int64)))
    assert sum(piece.count for piece in found) == 10
    assert len({piece["code"] for piece in found}) == 1


def test_sums_of_registers_are_left_alone() -> None:
    part = Part("sum", 2, {"terms": 4, "bits": 8, "width": 10})
    assert list(known_sums(part, np.ones((2, 4, 3), np.int64))) == [part]


@pytest.mark.parametrize("multiplier", ["lut", "booth", "dsp2"])
def test_layers_of_two_words_have_parts_that_have_features(multiplier: str) -> None:
    weight = np.arange(1, 25).reshape(4, 6) % 7 - 3
    layer = Dense(weight, np.zeros(4, np.int64))
    parts = layer.parts(Kernel(2, 6, multiplier=multiplier, stages=2), TensorType.integer((6,), 0, 7))
    assert any(features(part) for part in parts if part.kind == "sum")
    assert any("code" in part.sizes for part in parts) == (multiplier != "dsp2")


def test_a_memory_has_no_columns_for_bits_that_are_alike_in_all_weights() -> None:
    """Of weights of -1 and +1 the lowest bit is 1, but for the lanes that have no weight in the last fold."""
    signs = np.where(np.arange(40 * 21).reshape(40, 21) % 3, 1, -1)
    layer = Dense(signs, np.zeros(40, np.int64))
    x = TensorType.integer((21,), 0, 7)
    (memory,) = (p for p in layer.parts(Kernel(1, 4, memory="bram", multiplier="lut"), x) if p.kind == "rom_bram")
    assert memory.sizes == {"depth": 240, "width": 4 + 3}
