"""threshold: semantics, bounds, channels, and what its hardware leaves out."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from intaglio.errors import IntaglioError
from intaglio.ir import Graph, IntType, Kernel, Node, TensorType, verify
from intaglio.ops import Threshold
from requantiser_twins import check_channels, check_clocks, check_kernels, check_semantics, tensors


@st.composite
def cases(draw: Any) -> tuple[Threshold, TensorType]:
    kind = draw(tensors())
    levels = draw(st.integers(1, 7))
    rows = [sorted(draw(st.integers(-400, 700)) for _ in range(levels)) for _ in range(kind.channels)]
    base = [draw(st.integers(-9, 9)) for _ in range(kind.channels)]
    step = [draw(st.sampled_from([-1, 1, -1, 1, 2, -3, 7, 0])) for _ in range(kind.channels)]
    return Threshold(np.array(rows), np.array(base), np.array(step)), kind


@given(cases())
def test_equals_its_twin(case: tuple[Threshold, TensorType]) -> None:
    check_semantics(*case)
    check_channels(*case)


@given(cases())
def test_open_levels_are_the_same_function(case: tuple[Threshold, TensorType]) -> None:
    op, kind = case
    thresholds, base = op.open_levels(kind)
    check_semantics(Threshold(thresholds, base, op.step), kind)


@st.composite
def signs(draw: Any) -> tuple[Threshold, TensorType]:
    kind = draw(tensors())
    rows = [[draw(st.integers(-400, 700))] for _ in range(kind.channels)]
    base = np.array([draw(st.sampled_from([-1, 1])) for _ in range(kind.channels)])
    return Threshold(np.array(rows), base, -2 * base, Fraction(3, 8)), kind


@given(signs())
def test_a_bipolar_one_equals_its_twin(case: tuple[Threshold, TensorType]) -> None:
    op, kind = case
    check_semantics(op, kind)
    check_channels(op, kind)
    out = op.infer(kind)
    assert out.dtype == IntType(True, 1)
    assert out.scale == Fraction(3, 8)
    assert {*out.lo, *out.hi} <= {-1, 1}
    assert op.params(Kernel(), kind)["out"]["bits"] == 1


def test_what_is_not_bipolar_everywhere_is_an_ordinary_integer() -> None:
    x = TensorType.integer((2,), -9, 9)
    for rows, base, step in (
        ([[0], [1]], [-1, 1], [2, 2]),
        ([[0], [1]], [-1, -1], [2, 1]),
        ([[0, 5], [1, 5]], [-1, 1], [2, -2]),
        ([[0], [1]], [0, 0], [1, 1]),
    ):
        op = Threshold(np.array(rows), np.array(base), np.array(step))
        assert not op.bipolar
        assert op.infer(x).dtype != IntType(True, 1)


def test_steps_that_hardware_cannot_count_are_refused() -> None:
    op = Threshold(np.array([[0, 5]]), np.array([0]), np.array([3]))
    assert op.infer(TensorType.integer((1,), -9, 9)).hi == (6,)
    with pytest.raises(IntaglioError, match="counted by ones"):
        op.params(Kernel(), TensorType.integer((1,), -9, 9))


def test_accumulators_of_forty_bits() -> None:
    top = 1 << 39
    kind = TensorType.integer((2,), -top, top - 1)
    x = np.array([[-top, top - 1], [12345678901, 12345678900], [12345678902, 0]])
    for base, step in (([-1, 1], [2, -2]), ([0, 3], [1, -1])):
        op = Threshold(np.array([[12345678902], [12345678901]]), np.array(base), np.array(step))
        expected = [[base[0] + step[0] * (a >= 12345678902), base[1] + step[1] * (b >= 12345678901)] for a, b in x]
        assert op.run(x).tolist() == op.executor(kind)(x).astype(int).tolist() == expected


def test_kernels() -> None:
    op = Threshold(np.array([[1, 5], [0, 9], [3, 3]]), np.array([0, -1, 4]), np.array([1, -1, 1]))
    check_kernels(op, TensorType.integer((2, 3), -10, 20))


def test_kernels_that_search() -> None:
    op = Threshold(np.array([[1, 5, 9], [0, 9, 9], [3, 3, 8]]), np.array([0, -1, 4]), np.array([1, -1, 1]))
    kind = TensorType.integer((2, 3), -10, 20)
    check_kernels(op, kind, 2)
    assert [(k.pe, k.compare) for k in op.choices(kind)] == [
        (lanes, compare) for lanes in (1, 2, 3) for compare in ("parallel", "search")
    ]
    assert [k.compare for k in op.kernels(TensorType.integer((2, 3), 4, 8))] == ["parallel"] * 3, "two are open"
    with pytest.raises(IntaglioError, match=r"threshold has no comparison 'tree'\s+hint: choose parallel or search"):
        op.parts(Kernel(compare="tree"), kind)
    with pytest.raises(IntaglioError, match="UltraRAM"):
        op.params(Kernel(compare="search", memory="uram"), kind)


@st.composite
def searches(draw: Any) -> tuple[Threshold, TensorType, Kernel]:
    kind, levels = draw(tensors()), draw(st.integers(1, 17))
    rows = [sorted(draw(st.integers(-400, 700)) for _ in range(levels)) for _ in range(kind.channels)]
    if draw(st.booleans()):
        rows = rows[:1] * kind.channels
    step = np.array([draw(st.sampled_from([-1, 1])) for _ in rows])
    lanes = draw(st.integers(1, kind.channels))
    return Threshold(np.array(rows), np.zeros(len(rows), int), step), kind, Kernel(lanes, lanes, compare="search")


@given(searches())
def test_a_search_finds_how_many_are_reached(case: tuple[Threshold, TensorType, Kernel]) -> None:
    """Walked through the memories that are built, for every integer: the bits found pick the next threshold."""
    op, kind, kernel = case
    context = op.params(kernel, kind)
    search, bits, lanes = context["search"], context["compare_bits"], kernel.pe
    assert len(search["stages"]) == context["count_bits"] == op.program(kernel, kind).latency - 1
    thresholds, _ = op.open_levels(kind)
    for c in range(kind.channels):
        memories = search["lanes"][0 if search["shared"] else c % lanes]
        for x in range(kind.lo[c], kind.hi[c] + 1):
            found = 0
            for stage, (memory, about) in enumerate(zip(memories, search["stages"], strict=True)):
                by_fold = len(memory) > 1 << stage
                word = int(memory[((c // lanes) << stage if by_fold else 0) + found].split("'h")[1], 16)
                assert len(memory) == about["depth"]
                signed = word - (1 << bits) if kind.signed and word >> (bits - 1) else word
                found = 2 * found + (x >= signed)
            assert found == sum(x >= threshold for threshold in thresholds[c].tolist())


def test_a_search_of_many_thresholds_takes_fewer_comparisons_and_deep_memories_may_be_block_rams() -> None:
    rows = np.sort(np.random.default_rng(0).integers(-9000, 9000, (64, 15)), axis=1)
    op, kind = Threshold(rows, np.zeros(64, int), np.ones(64, int)), TensorType.integer((64,), -9999, 9999)

    def total(kernel: Kernel, kind_of_part: str, size: str) -> int:
        return sum(part.count * part[size] for part in op.parts(kernel, kind) if part.kind == kind_of_part)

    pieces = -(-15 // 3)  # of 15 bits, three at a time
    assert total(Kernel(4, 4), "chain_comparators", "luts") == 2 * 4 * 15 * pieces
    searched = total(Kernel(4, 4, compare="search"), "chain_comparators", "luts")
    assert 0 <= 2 * 4 * 4 * pieces - searched <= 4 * 4  # of two words, the larger one is known by a wire now and then
    assert total(Kernel(1, 1, compare="search", memory="bram"), "rom_bram", "depth") == 8 * 64
    assert total(Kernel(64, 64, compare="search"), "chain_comparators", "luts") < 2 * 64 * 4 * pieces, "constants first"
    memories = [k.memory for k in op.choices(kind) if k.pe == 1 and k.compare == "search"]
    assert memories == ["lutram", "bram"]


def test_clocks() -> None:
    rows = np.sort(np.random.default_rng(0).integers(-9000, 9000, (6, 255)), axis=1)
    op, kind = Threshold(rows, np.ones(6, int), np.ones(6, int)), TensorType.integer((6,), -9999, 9999)
    for kernel in (Kernel(), Kernel(2, 2, memory="bram"), Kernel(2, 2, memory="bram", compare="search")):
        check_clocks(op, kind, kernel)
    few = Threshold(rows[:, ::17], op.base, op.step)
    assert few.pipelined(Kernel(2, 2), 100, kind) == Kernel(2, 2)
    assert few.pipelined(Kernel(2, 2, compare="search"), 100, kind) == Kernel(2, 2, compare="search")
    assert op.pipelined(Kernel(), 400, kind).stages == 3
    assert op.params(Kernel(stages=3), kind)["registers"] == {"compare", "count"}
    assert op.params(Kernel(stages=2), kind)["registers"] == {"compare"}, "it halves the longest way"


def test_thresholds_out_of_reach_are_not_built() -> None:
    op = Threshold(np.array([[-99, 2, 5, 99]]), np.array([0]), np.array([1]))
    context = op.params(Kernel(), TensorType.integer((1,), 0, 7))
    assert context["levels"] == 2
    assert context["start"]["table"] == "{{1}}"


def test_shared_constants_take_no_memory() -> None:
    op = Threshold(np.tile([1, 2, 3], (8, 1)), np.zeros(8, int), np.ones(8, int))
    kernel, kind = Kernel(pe=2, simd=2), TensorType.integer((8,), 0, 7)
    context = op.params(kernel, kind)
    assert context["constant_width"] == 0
    assert not context["starts"]
    assert not any(part.kind.startswith("rom") for part in op.parts(kernel, kind))


def test_a_lane_that_shares_its_constants_leaves_the_memory_to_the_others() -> None:
    thresholds = np.array([[4], [1], [4], [2], [4], [3]])
    op = Threshold(thresholds, np.zeros(6, int), np.ones(6, int))
    context = op.params(Kernel(pe=2, simd=2), TensorType.integer((6,), 0, 7))
    assert context["constant_words"] == ["3'h1", "3'h2", "3'h3"]
    assert context["thresholds"]["vector"] == "{constants[0 +: 3], 3'h4}"


def test_wrong_channels() -> None:
    op = Threshold(np.zeros((2, 1), int), np.zeros(2, int), np.ones(2, int))
    with pytest.raises(IntaglioError, match="threshold has 2 channels, its input 3"):
        op.infer(TensorType.integer((3,), 0, 1))


def test_a_bipolar_tensor_is_sound_where_its_bounds_are_minus_one_or_one() -> None:
    op = Threshold(np.array([[0], [99]]), np.array([-1, -1]), np.array([2, 2]))
    x = TensorType.integer((2,), -9, 9)
    verify(Graph({"x": x}, (Node("sign", op, ("x",)),), ("sign",)))
    good = TensorType((2,), IntType(True, 1), (-1, 1), (1, 1))
    node = Node("y", Threshold(np.array([[1], [0]]), np.array([0, 0]), np.array([1, 1])), ("x",))
    verify(Graph({"x": good}, (node,), ("y",)))
    for lo, hi in (((-1, 0), (1, 1)), ((-2, 1), (1, 1)), ((-1, -1), (1, 0))):
        bad = TensorType((2,), IntType(True, 1), lo, hi)
        with pytest.raises(IntaglioError, match="V6: x is bipolar"):
            verify(Graph({"x": bad}, (node,), ("y",)))


def test_constants_longer_than_tools_read_are_written_in_pieces() -> None:
    """64 lanes of 63 thresholds: 96,768 bits, which Verilator does not take as one number."""
    thresholds = np.tile(np.arange(1, 64) * 1000, (64, 1)) + np.arange(64)[:, None]
    op = Threshold(thresholds, np.zeros(64, np.int64), np.ones(64, np.int64))
    vector = op.params(Kernel(64, 64), TensorType.integer((64,), -(1 << 23), (1 << 23) - 1))["thresholds"]["vector"]
    pieces = [piece.strip().split("'h") for piece in vector.strip("{}").split(",")]
    assert max(int(size) for size, _ in pieces) <= 1 << 14
    word = 0
    for size, digits in pieces:
        word = (word << int(size)) | int(digits, 16)
    elements = [(word >> (24 * at)) & 0xFFFFFF for at in range(64 * 63)]
    assert elements == thresholds.ravel().tolist()
