"""position_affine: values, bounds over all positions, channels, what its memories hold."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from intaglio.errors import IntaglioError
from intaglio.ir import Graph, Kernel, Node, TensorType, as_integers, parse_graph, print_graph
from intaglio.ops import PositionAffine
from pairwise_twin import drawn


@st.composite
def cases(draw: Any) -> tuple[PositionAffine, TensorType]:
    channels = draw(st.integers(1, 5))
    shape = draw(st.sampled_from([(channels,), (3, channels), (2, 3, channels)]))
    lows = [draw(st.integers(-99, 99)) for _ in range(channels)]
    kind = TensorType.integer(shape, lows, [low + draw(st.integers(0, 99)) for low in lows])
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    constants = [
        as_integers(rng.integers(-50, 50, [draw(st.sampled_from([1, size])) for size in shape])) for _ in range(2)
    ]
    return PositionAffine(constants[0], constants[1], Fraction(1, 3)), kind


def at(constant: np.ndarray, index: tuple[int, ...]) -> int:
    return int(constant[tuple(0 if size == 1 else i for i, size in zip(index, constant.shape, strict=True))])


@given(cases(), st.integers(0, 2**32))
def test_equals_its_twin(case: tuple[PositionAffine, TensorType], seed: int) -> None:
    op, kind = case
    x = drawn(np.random.default_rng(seed), kind, 3)
    expected = np.array(
        [int(x[i]) * at(op.multiplier, i[1:]) + at(op.addend, i[1:]) for i in np.ndindex(*x.shape)]
    ).reshape(x.shape)
    assert (op.run(x) == expected).all()
    fast = op.executor(kind)
    for dtype in (np.int64, np.float32, np.float64):
        given_x = x.astype(dtype)
        result = fast(given_x)
        assert result.dtype == np.float32
        assert (result == expected).all()
        assert (given_x == x).all(), "an executor wrote to its input"
    out = op.infer(kind)
    ends = [
        [at(op.multiplier, i) * end[i[-1]] + at(op.addend, i) for end in (kind.lo, kind.hi)]
        for i in np.ndindex(*kind.shape)
    ]
    for channel in range(kind.channels):
        reached = [value for pair in ends[channel :: kind.channels] for value in pair]
        assert (out.lo[channel], out.hi[channel]) == (min(reached), max(reached))
    assert (out.shape, out.scale) == (kind.shape, Fraction(1, 3))


@given(cases(), st.integers(0, 2**32))
def test_channels_stand_alone(case: tuple[PositionAffine, TensorType], seed: int) -> None:
    op, kind = case
    labels, out = op.couplings(kind)
    assert labels[0].tolist() == out.tolist() == list(range(kind.channels))
    kept = np.arange(0, kind.channels, 2)
    x = drawn(np.random.default_rng(seed), kind, 3)
    smaller = op.keep((kept,), kept)
    assert (smaller.run(x[..., kept]) == op.run(x)[..., kept]).all()
    assert smaller.scale == op.scale


def word(text: str) -> int:
    return int(text.split("'h")[1], 16)


@given(cases(), st.integers(1, 5))
def test_its_memories_hold_every_constant_as_often_as_it_changes(
    case: tuple[PositionAffine, TensorType], lanes: int
) -> None:
    op, kind = case
    lanes = min(lanes, kind.channels)
    context = op.params(Kernel(pe=lanes, simd=lanes), kind)
    folds = -(-kind.channels // lanes)
    memories = {memory["address"]: memory for memory in context["memories"]}
    for name, constant in (("multiplier", op.multiplier), ("addend", op.addend)):
        field = context[name]
        whole = np.broadcast_to(constant, kind.shape).reshape(kind.pixels, kind.channels)
        by_pixel, by_channel = bool((whole != whole[:1]).any()), bool((whole != whole[:, :1]).any())
        expected = "beat" if by_pixel and by_channel else "pixel" if by_pixel else "fold" if by_channel else ""
        assert field["address"] == ("" if expected == "fold" and folds == 1 else expected)
        for beat in range(kind.pixels * folds):
            place = {"beat": beat, "pixel": beat // folds, "fold": beat % folds, "": 0}[field["address"]]
            for lane in range(min(lanes, kind.channels - beat % folds * lanes)):
                index = 0 if field["lane"] == "0" else lane
                value = whole[beat // folds, beat % folds * lanes + lane]
                assert table(field["table"])[place][index] == value
                if field["address"]:
                    start = int(field["vector"].split("[")[1].split(" ")[0])
                    bits = word(memories[field["address"]]["words"][place]) >> (start + index * field["bits"])
                    assert (bits - int(value)) % (1 << field["bits"]) == 0


def table(text: str) -> list[list[int]]:
    rows: list[list[int]] = eval(text.replace("{", "[").replace("}", "]"))
    return rows


@pytest.mark.parametrize("lanes", [1, 2, 5])
def test_a_beat_a_step(lanes: int) -> None:
    kind = TensorType.integer((2, 3, 5), 0, 15)
    op = PositionAffine(as_integers(np.arange(6).reshape(2, 3, 1)), as_integers(np.zeros((1, 1, 1))))
    kernel = Kernel(pe=lanes, simd=lanes)
    program = op.program(kernel, kind)
    every = list(range(6 * -(-5 // lanes)))
    assert program.steps == op.steps(kernel, kind) == len(every)
    assert program.reads[0].tolist() == program.writes.tolist() == every
    assert op.lanes(kernel, kind) == ((lanes,), lanes)
    assert {k.pe for k in op.kernels(kind)} == {1, 2, 3, 4, 5}


def test_what_pixels_share_is_stored_once() -> None:
    """A mask by pixel is one word a pixel, whatever the channels; nothing is added, and no adder is there."""
    kind = TensorType.integer((4, 4, 6), 0, 15)
    mask = PositionAffine(as_integers(np.arange(16).reshape(4, 4, 1) % 2), as_integers(np.zeros((1, 1, 1))))
    parts = {p.kind: p for p in mask.parts(Kernel(2, 2), kind)}
    rom = parts["rom_counted"]
    assert (rom["depth"], rom["width"]) == (16, 1), "a bit that is not always 0"
    assert "adder" not in parts


def test_wide_products_may_go_to_dsp_slices() -> None:
    kind = TensorType.integer((2, 2), 0, 1 << 14)
    op = PositionAffine(as_integers([[300, 2], [1, 0]]), as_integers([[0, 0], [5, 5]]))
    assert {k.multiplier for k in op.choices(kind)} == {"lut", "dsp"}
    kinds = {p.kind for p in op.parts(Kernel(multiplier="dsp"), kind)}
    assert "dsp_multiplier" in kinds
    assert "rows" not in kinds


def test_constants_of_another_shape_are_refused() -> None:
    kind = TensorType.integer((2, 3), 0, 1)
    one = as_integers(np.ones((1, 1)))
    for wrong in (np.ones((2, 2)), np.ones(3), np.ones((2, 3, 1))):
        with pytest.raises(IntaglioError, match="the multiplier has shape"):
            PositionAffine(as_integers(wrong), one).infer(kind)
        with pytest.raises(IntaglioError, match="the addend has shape"):
            PositionAffine(one, as_integers(wrong)).infer(kind)
    with pytest.raises(IntaglioError, match="do not fit 64 bits"):
        PositionAffine(as_integers([[1 << 62]]), one).infer(TensorType.integer((2, 3), 0, 4))


def test_it_survives_as_text() -> None:
    kind = TensorType.integer((2, 3), 0, 1)
    op = PositionAffine(as_integers([[1], [2]]), as_integers([[3, 4, 5]]), Fraction(2, 7))
    graph = Graph({"x": kind}, (Node("y", op, ("x",)),), ("y",))
    assert parse_graph(print_graph(graph)).by_name["y"].op == op


def test_constants_that_are_few_bits_once_twos_are_taken_out_need_no_slice() -> None:
    """As Yosys 0.70 maps them for xc7."""
    kind = TensorType.integer((2, 2, 5), 0, 63)
    op = PositionAffine(as_integers([[[55, -50, 6, -1, 16]]]), as_integers(np.arange(20).reshape(2, 2, 5)))
    parts = {p.kind: p for p in op.parts(Kernel(5, 5, multiplier="dsp"), kind)}
    assert parts["dsp_multiplier"].count == 2
    assert parts["adder"]["bits"] > 0, "only the first is added in its slice"
    assert "rows" not in parts
