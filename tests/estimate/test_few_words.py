"""Sums of products whose weights are a few words in turn: what bits are, and what that saves."""

from __future__ import annotations

import numpy as np
import pytest
from intaglio.estimate.features import features
from intaglio.estimate.features.known_digits import _gates, _kept
from intaglio.ir import Kernel, Part, TensorType
from intaglio.ops import Dense
from intaglio.ops.multiply_accumulate.few_words import SAMPLES, bit_states, different_gates, known_sums

PRODUCTS = {"terms": 3, "a": 4, "b": 3, "unsigned": 1, "width": 10}
DIGITS = {**PRODUCTS, "booth": 1, "b": 4, "product": 9}
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
    found = [
        coded(sizes, [[2, 3, 4, 5][:varying] + [0] * (sizes["b"] - varying)] * 3) for varying in range(sizes["b"] + 1)
    ]
    assert found == sorted(found)
    assert found[-1] <= ordinary


def test_gates_that_share_their_other_input_have_room_for_more() -> None:
    ordinary = next(iter(features(Part("sum", 1, GATES)).values()))
    assert coded(GATES, [[1]] * 3) <= coded(GATES, [[2]] * 3) <= ordinary


def test_sums_of_the_same_weights_and_inputs_are_built_once() -> None:
    part, states = Part("sum", 12, {**PRODUCTS, "terms": 2}), np.ones((6, 4, 3), np.int64)
    assert [piece.count for piece in known_sums(part, states)] == [2]  # of six outputs, two sums each
    assert [piece.count for piece in known_sums(part, states, side=3)] == [6]
    states[0] = 2
    assert sorted(piece.count for piece in known_sums(part, states)) == [2, 2]


def test_of_many_different_sums_some_stand_for_all() -> None:
    part = Part("sum", 64, {**PRODUCTS, "terms": 1})
    states = np.stack(np.unravel_index(np.arange(64), (4, 4, 4)), axis=-1)[:, None]
    found = list(known_sums(part, states))
    assert len(found) == SAMPLES
    assert sum(piece.count for piece in found) == 64


def test_products_of_one_bit_that_are_alike_have_one_register() -> None:
    """Three outputs of two terms, weights of two bits."""
    states = np.array([[[2, 0], [3, 1]], [[2, 3], [3, 3]], [[0, 1], [2, 3]]])
    assert different_gates(states, 1) == 2 + 2
    assert different_gates(states, 3) == (1 + 1) + (2 + 1) + (0 + 2)


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


def test_a_digit_of_three_equal_bits_takes_no_chain() -> None:
    """Weights of three bits are two digits, which a chain adds; from -2 to 1 the upper one is always 0."""
    sizes = {"terms": 2, "a": 8, "b": 3, "unsigned": 0, "booth": 1, "product": 11, "width": 12}
    both, lower = [[2, 3, 2]] * 2, [[2, 3, 3]] * 2
    assert _chains(both) == (11, 11)
    assert _chains(lower) == (0, 0)
    assert coded(sizes, lower) < coded(sizes, both)


def _chains(states: list[list[int]]) -> tuple[int, ...]:
    """Where the chain of each product ends, if it takes one: of digits that are not 0."""
    weight = np.array(states)
    live = _gates(weight, 8, 0, 11).live.all(axis=1)
    return tuple(end * alive for row, alive in zip(states, live, strict=True) for end in _kept(tuple(row), 8, 0, 11))


def test_functions_that_are_there_already_take_no_chain() -> None:
    """x of one bit times 0, 1 or 2: the digits never overlap. Yosys leaves no CARRY4 of such a product."""
    assert _kept((0, 2, 0, 1, 1), 1, 1, 7) == (0, 0)
    assert _kept((2, 3, 4, 5, 6), 1, 1, 7)[0] > 0


@pytest.mark.parametrize(("bias", "bits"), [([3, 3, 3, 3], 0), ([0, 0, 5, 1], 3), ([0, 0, -1, 0], 5)])
def test_a_chain_takes_no_lut_to_add_a_bit_of_a_start_that_is_constant(bias: list[int], bits: int) -> None:
    """Two outputs side by side, two turns: bits in which the starts of the turns differ."""
    layer = Dense(np.arange(8).reshape(4, 2) % 3 - 1, np.array(bias))
    parts = layer.parts(Kernel(2, 2, multiplier="lut"), TensorType.integer((2,), 0, 15))
    assert [part["bits"] for part in parts if part.kind == "adder"] == [bits]
