"""Adder graphs: exact bounds and widths, equality with the matrix, what is shared, where registers lie."""

import importlib.util
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from intaglio.errors import IntaglioError
from intaglio.ir import IntType
from intaglio.ops.adder_graph import SOLVERS, Adder, AdderGraph, Tap, optimise
from intaglio.ops.adder_graph.cost import Operand, adder_costs, chain_bits, graph_cost, overlap_bits
from intaglio.ops.adder_graph.differences import ROOT, digit_counts, spanning
from intaglio.ops.adder_graph.optimise import PLANS, build
from intaglio.ops.adder_graph.registers import Registers, bit_names, graph_registers
from intaglio.ops.adder_graph.render import graph_params
from intaglio.ops.adder_graph.share import csd
from intaglio.ops.adder_graph.stages import segments, stages_for

needs_da4ml = pytest.mark.skipif(
    importlib.util.find_spec("da4ml") is None, reason="da4ml is not installed: pip install intaglio[da]"
)
EACH = [pytest.param("adders"), pytest.param("da4ml", marks=needs_da4ml)]


def problem(outputs: int, inputs: int, bits: int, seed: int = 0) -> tuple[np.ndarray, ...]:
    """weight, bias, lo, hi."""
    rng = np.random.default_rng([outputs, inputs, bits, seed])
    high = (1 << (bits - 1)) - 1
    weight = rng.integers(-high, high, (outputs, inputs), endpoint=True)
    low = rng.integers(-9, 1, inputs)
    return weight, rng.integers(-50, 50, outputs), low, low + rng.integers(1, 70, inputs)


def samples(lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(1)
    return np.concatenate([rng.integers(lo, hi, (20, len(lo)), endpoint=True), [lo, hi]])


@pytest.mark.parametrize("solver", EACH)
@pytest.mark.parametrize("shape", [(1, 1, 2), (3, 5, 3), (16, 16, 4), (5, 32, 6), (40, 12, 8)])
def test_a_graph_is_its_matrix(solver: str, shape: tuple[int, int, int]) -> None:
    weight, bias, lo, hi = problem(*shape)
    graph = SOLVERS[solver](weight, bias, lo, hi)
    assert (graph.matrix() == weight).all()
    x = samples(lo, hi)
    assert (graph.evaluate(x) == x.astype(object) @ weight.T.astype(object) + bias).all()


@pytest.mark.parametrize("solver", EACH)
def test_bounds_are_attained_and_widths_have_no_spare_bit(solver: str) -> None:
    graph = SOLVERS[solver](*problem(6, 8, 5))
    low, high = graph.bounds
    for form, lo, hi, kind in zip(graph.coefficients, low, high, graph.types, strict=True):
        ends = [sum(c * (h if (c > 0) == top else b) for c, b, h in zip(form, graph.lo, graph.hi, strict=True))
                for top in (False, True)]  # fmt: skip
        assert ends == [lo, hi]
        assert kind == IntType.holding(int(lo), int(hi))
        assert np.bitwise_or.reduce(np.abs(form)) & 1  # no bit that is always zero


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(2, 9), st.integers(0, 1000), st.booleans())
def test_any_small_matrix(outputs: int, inputs: int, bits: int, seed: int, sparse: bool) -> None:
    weight, bias, lo, hi = problem(outputs, inputs, bits, seed)
    if sparse:
        weight *= np.random.default_rng(seed).integers(0, 2, weight.shape)
    for depth in (1, 2, 6):
        for plan in PLANS:
            if plan.depth == depth:
                graph = build(spanning(weight, depth), plan, bias, lo, hi).prove(weight, bias)
                x = samples(lo, hi)
                assert (graph.evaluate(x) == x @ weight.T + bias).all()


def test_what_occurs_twice_is_built_once() -> None:
    nothing, lo, hi = np.zeros(3, int), np.zeros(3, int), np.full(3, 15)
    shared = optimise(np.array([[1, 1, 0], [1, 1, 4], [-3, -3, 0]]), nothing, lo, hi)
    assert len(shared.adders) == 3  # x0 + x1; with 4 x2; three times it
    assert len(optimise(np.array([[5, 10, 0], [5, 10, 1], [0, 0, 8]]), nothing, lo, hi).adders) == 3
    free = optimise(np.array([[4, 0, 0], [0, 0, 0], [0, 0, 1]]), nothing, lo, hi)
    assert free.adders == ()
    assert [tap.node for tap in free.outputs] == [0, -1, 2]


def test_it_is_the_same_in_every_run() -> None:
    weight, bias, lo, hi = problem(12, 9, 6)
    first, second = (optimise(weight, bias, lo, hi) for _ in range(2))
    assert first.adders == second.adders
    assert first.outputs == second.outputs


def test_sharing_pays() -> None:
    weight, bias, lo, hi = problem(16, 16, 6)
    graph = optimise(weight, bias, lo, hi)
    alone = int(digit_counts(weight).sum()) - len(weight)
    assert len(graph.adders) < 0.6 * alone


@needs_da4ml
@pytest.mark.parametrize("shape", [(16, 16, 4), (5, 32, 6), (32, 16, 6), (16, 16, 8)])
def test_ours_is_no_dearer_than_da4mls(shape: tuple[int, int, int]) -> None:
    given_ = problem(*shape)
    assert graph_cost(optimise(*given_)) <= 1.02 * graph_cost(SOLVERS["da4ml"](*given_))


def test_da4ml_that_is_not_installed_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "da4ml.cmvm", None)
    with pytest.raises(IntaglioError, match="not installed") as caught:
        SOLVERS["da4ml"](*problem(2, 2, 3))
    assert "pip install intaglio[da]" in str(caught.value)


def test_the_proof_finds_a_wrong_graph() -> None:
    graph = AdderGraph((0, 0), (7, 7), (Adder(0, 1, 0, 2),), (Tap(2, 1),), (3,))
    graph.prove(np.array([[2, 8]]), np.array([3]))
    for weight, bias in (([[2, 7]], 3), ([[2, 8]], 4), ([[-2, -8]], 3)):
        with pytest.raises(IntaglioError, match="output 0"):
            graph.prove(np.array(weight), np.array([bias]))
    with pytest.raises(IntaglioError, match="drops 1 bits"):
        _ = AdderGraph((0, 0), (7, 7), (Adder(0, 1, drop=1),), (Tap(2),), (0,)).coefficients


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(-(1 << 20), 1 << 20), min_size=1, max_size=8))
def test_canonical_digits(values: list[int]) -> None:
    matrix = np.array([values])
    digits = dict(csd(matrix))
    assert (sum((d << bit for bit, d in digits.items()), np.zeros_like(matrix)) == matrix).all()
    assert sum(int((d != 0).sum()) for d in digits.values()) == digit_counts(matrix)[0]
    for bit, digit in digits.items():
        assert not (digit * digits.get(bit + 1, 0)).any()  # no two neighbours


def test_a_tree_of_differences_has_no_more_digits() -> None:
    weight = problem(20, 6, 5)[0]
    weight[10:] = weight[:10] + (np.arange(60).reshape(10, 6) % 11 == 0)
    tree = spanning(weight, 3)
    assert digit_counts(tree.rest).sum() < 0.7 * digit_counts(weight).sum()
    levels: dict[int, int] = {ROOT: 0}
    for row in tree.order:
        levels[row] = levels[tree.parent[row]] + 1
        above = 0 if tree.parent[row] == ROOT else tree.sign[row] * weight[tree.parent[row]]
        assert (above + tree.rest[row] == weight[row]).all()
    assert max(levels.values()) <= 3


@pytest.mark.parametrize("left_signed", [False, True])
@pytest.mark.parametrize("right_signed", [False, True])
@pytest.mark.parametrize(("left_shift", "right_shift"), [(0, 0), (0, 2), (3, 0), (0, 9)])
def test_costs_against_bits_counted_one_by_one(
    left_signed: bool, right_signed: bool, left_shift: int, right_shift: int
) -> None:
    left, right, bits = Operand(5, left_signed, left_shift), Operand(4, right_signed, right_shift), 16

    def bit(operand: Operand, place: int) -> int | None:
        if place < operand.shift:
            return None
        return min(place - operand.shift, operand.bits - 1) if operand.signed or place < operand.top else None

    pairs = {(bit(left, k), bit(right, k)) for k in range(bits)}
    both = sum(None not in pair for pair in pairs)
    assert overlap_bits(left, right, False, bits) == both
    assert both <= chain_bits(left, right, False, bits) <= bits


@pytest.mark.parametrize("stages", [0, 1, 2, 3, 5])
def test_registers_cut_every_way_as_often(stages: int) -> None:
    graph = optimise(*problem(8, 12, 6))
    places = segments(graph, stages)
    assert max(places) <= stages
    for node, a in enumerate(graph.adders, graph.inputs):
        assert places[node] >= max(places[a.left], places[a.right])
    firsts = list(range(0, 8 * graph.inputs, 8))
    context = graph_params(graph, firsts, stages, 20)
    assert len(context["graph_segments"]) == stages + 1
    defined = {x["name"] for x in context["graph_inputs"]}
    for segment in context["graph_segments"]:  # nothing reads a wire of another segment, but for registers
        registers = {r["name"] for r in segment["registers"]}
        assert {r["source"] for r in segment["registers"]} <= defined
        defined = registers or defined
        for adder in segment["adders"]:
            assert {adder["left"], adder["right"]} <= defined
            defined = defined | {adder["name"]}
    assert {y["node"] for y in context["graph_results"]} <= defined
    bits = sum(r["bits"] for s in context["graph_segments"] for r in s["registers"])
    found = graph_registers(graph, stages, 20, held=False)
    results = 20 * len(graph.outputs)
    assert bits // 2 <= found.bits + found.lines <= bits + results


def test_bits_of_the_same_name_are_equal() -> None:
    """A name is the numbers of bits whose exclusive or it is; a node's own bits are numbered in order."""
    graph = optimise(*problem(9, 7, 5))
    x = samples(np.array(graph.lo), np.array(graph.hi))
    nodes = (graph.coefficients @ x.T)[:, :, None] >> np.arange(40) & 1
    own = np.concatenate([nodes[node, :, : kind.bits].T for node, kind in enumerate(graph.types)])
    names = bit_names(graph)
    for node, bits in enumerate(names):
        assert len(bits) == graph.types[node].bits
        for bit, name in enumerate(bits):
            made = np.bitwise_xor.reduce(own[sorted(name)], axis=0) if name else 0 * own[0]
            assert (made == nodes[node, :, bit]).all()
    assert len({name for bits in names for name in bits}) < sum(map(len, names))


def test_registers_in_a_row() -> None:
    bits = [frozenset([k]) for k in range(5)]
    found = Registers()
    found.row(4, 2, bits)  # rows 3 and 4
    found.row(3, 1, bits[:2])  # the same as before
    assert (len(found.held), found.lines) == (10, 0)
    found.row(9, 3, bits)
    found.row(9, 17, bits)
    assert (len(found.held), found.lines) == (10, 5 + 10)
    found.row(9, 3, bits, operand=True)
    assert (found.lines, found.idle) == (20, 5)


def test_results_hold_no_constant_bits() -> None:
    """4 x, 4 x + 3, x - 1 and 1 - x of four bits, without a register in between."""
    taps = (Tap(0, 2), Tap(0, 2), Tap(0), Tap(0, 0, True))
    graph = AdderGraph((0,), (15,), (), taps, (0, 3, -1, 1))
    assert graph_registers(graph, 0, 9, held=True).bits == 4 + (7 - 2) + 6 + 5


def test_a_faster_clock_asks_for_more_stages() -> None:
    graph = optimise(*problem(16, 16, 6))
    needed = [stages_for(graph, clock) for clock in (10, 50, 100, 200, 300)]
    assert needed == sorted(needed)
    assert needed[0] == 0
    assert needed[-1] >= 4
    assert len(adder_costs(graph)) == len(graph.adders)
