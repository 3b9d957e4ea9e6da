"""The solver against exhaustive search, its targets and what it says where they cannot be met."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import intaglio
import numpy as np
import pytest
from intaglio.errors import IntaglioError
from intaglio.estimate.cycles import count_cycles
from intaglio.estimate.prices import load_prices
from intaglio.estimate.resources import Resources, estimate, price
from intaglio.ir import Graph, Kernel, Node, TensorType, as_integers
from intaglio.ops import Add, Dense
from intaglio.ops.netlist import Netlist
from intaglio.passes.choose_requantisers import choose_requantisers
from intaglio.schedule import selection
from intaglio.schedule.options import Choice, Options, options
from intaglio.schedule.selection import cheapest
from intaglio.schedule.solver import solve
from scipy.optimize import OptimizeResult
from small_networks import multilayer_perceptron, requantiser, residual_network

PRICES = load_prices("xc7")


def dense(inputs: int, outputs: int) -> Dense:
    rng = np.random.default_rng(inputs + outputs)
    return Dense(as_integers(rng.integers(-4, 4, (outputs, inputs))), as_integers(np.arange(outputs)))


def chain() -> Graph:
    """Two dense layers with 5 and 4 inputs."""
    nodes = (
        Node("a", dense(5, 4), ("x",)),
        Node("q", requantiser(4, Fraction(1, 16), Fraction(1, 4)), ("a",)),
        Node("b", dense(4, 3), ("q",)),
    )
    return choose_requantisers(Graph({"x": TensorType.integer((5,), 0, 15)}, nodes, ("b",)))


def diamond() -> Graph:
    """Two layers side by side, fed by a third, and added."""
    nodes = (
        Node("a", dense(3, 4), ("x",)),
        Node("left", dense(4, 2), ("a",)),
        Node("right", dense(4, 2), ("a",)),
        Node("sum", Add(), ("left", "right")),
    )
    return choose_requantisers(Graph({"x": TensorType.integer((3,), 0, 3)}, nodes, ("sum",)))


def priced(graph: Graph) -> Options:
    return options(graph, lambda parts, operator: price(parts, PRICES, operator), clock_mhz=100)


def every_design(found: Options) -> list[tuple[int, np.ndarray]]:
    """(interval, cost) of every combination of every kernel, links included: by enumeration."""
    price_of, graph = found.price, found.graph
    listed: list[list[Choice]] = []
    for node in graph.nodes:
        ins = graph.input_types(node)
        staged = [
            node.op.pipelined(kernel, 100, *ins) for kernel in node.op.choices(*ins) if kernel.multiplier != "da4ml"
        ]
        known = {c.kernel: c for c in found.choices[node.name]}
        fork = next(iter(known.values())).cost * 0
        listed.append([])
        for kernel in staged:
            reads, issues = node.op.lanes(kernel, *ins)
            like = next((c for c in known.values() if c.issues == issues), None)
            if like is not None:  # what a fork behind it costs depends on its lanes alone
                fork = like.cost - np.array(tuple(price_of(node.op.parts(like.kernel, *ins), node.op.name)))
            cost = np.array(tuple(price_of(node.op.parts(kernel, *ins), node.op.name))) + fork
            listed[-1].append(Choice(kernel, reads, issues, node.op.steps(kernel, *ins), cost))
    place = {node.name: index for index, node in enumerate(graph.nodes)}
    designs = []
    for combination in itertools.product(*listed):
        interval, cost = max(c.steps for c in combination), sum(c.cost for c in combination)
        for edge in found.edges:
            lanes = combination[place[edge.source]].issues, combination[place[edge.reader]].reads[edge.port]
            steps, more = found.link(edge.kind, *lanes)
            interval, cost = max(interval, steps), cost + more
        designs.append((interval, cost))
    return designs


@pytest.mark.parametrize("graph", [chain(), diamond()], ids=["chain", "diamond"])
def test_no_combination_of_kernels_is_cheaper_or_faster(graph: Graph) -> None:
    found = priced(graph)
    designs = every_design(found)
    assert len(designs) > 500
    intervals, costs = np.array([d[0] for d in designs]), np.array([d[1] for d in designs])
    spent = np.median(costs, axis=0)
    for factor in (0.4, 0.6, 1.0, 1.5):
        budget = np.maximum(spent * factor, [1, 1, 0, 0, 0]) + np.array([0, 0, 4, 0, 0])
        fits = (costs <= budget).all(axis=1)
        shares = (costs[:, budget > 0] / budget[budget > 0]).sum(axis=1)
        for interval in sorted(set(intervals)):
            allowed = fits & (intervals <= interval)
            chosen = cheapest(found, int(interval), budget)
            assert (chosen is not None) == allowed.any()
            if chosen is not None:
                got = (chosen.cost[budget > 0] / budget[budget > 0]).sum()
                assert got == pytest.approx(shares[allowed].min(), rel=2e-4)


def test_a_huge_budget_changes_no_choice() -> None:
    """What a network cost before it was carved is asked on a board without limits."""
    found, budget = priced(chain()), np.array([53200.0, 106400, 220, 140, 0])
    for interval in (2, 4, 12):
        small, large = cheapest(found, interval, budget), cheapest(found, interval, budget * 1e6)
        assert small is not None
        assert large is not None
        assert large.cost == pytest.approx(small.cost, rel=1e-3)


def test_the_fastest_design_is_the_fastest_that_fits() -> None:
    """One cycle less does not fit; and what is chosen fits."""
    board, budget = "pynq-z2", 0.02
    design = intaglio.compile(residual_network(), board=board, budget=budget)
    capacity = design.board.capacity * budget
    assert estimate(design.netlist, PRICES).total <= capacity
    interval = count_cycles(design.netlist).interval
    faster = intaglio.compile(residual_network(), board=board, target_interval=interval - 1, budget=1)
    with pytest.raises(IntaglioError, match="does not fit"):
        intaglio.compile(residual_network(), board=board, target_interval=interval - 1, budget=budget)
    assert count_cycles(faster.netlist).interval < interval


def test_a_target_that_does_not_fit_says_what_binds_and_what_would() -> None:
    with pytest.raises(IntaglioError) as caught:
        intaglio.compile(residual_network(), board="pynq-z2", target_interval=100, budget=0.015)
    text = str(caught.value)
    assert "the cheapest design with an interval of 100 cycles does not fit" in text
    assert " LUT of 798" in text
    assert "; the best that fits takes " in text
    best = int(text.split("the best that fits takes ")[1].split(maxsplit=1)[0])
    design = intaglio.compile(residual_network(), board="pynq-z2", target_interval=best, budget=0.015)
    assert count_cycles(design.netlist).interval == best


@pytest.mark.parametrize("timed_out", [1, 2, 3])
def test_a_target_is_looked_for_further_where_time_ran_out(monkeypatch: pytest.MonkeyPatch, timed_out: int) -> None:
    """The cheapest design regardless of the budget may fit; if that is not found in time either, there is patience."""
    answered, asked = selection.milp, []

    def busy(*args: Any, options: dict[str, float], **rest: Any) -> Any:
        asked.append(options.get("time_limit"))
        if len(asked) <= timed_out:
            return OptimizeResult(x=None, status=selection.TIMED_OUT)
        return answered(*args, options=options, **rest)

    expected = intaglio.compile(residual_network(), board="pynq-z2", target_interval=400)
    monkeypatch.setattr(selection, "milp", busy)
    design = intaglio.compile(residual_network(), board="pynq-z2", target_interval=400)
    assert design.netlist.schedule == expected.netlist.schedule
    patient = [limit for limit in asked if limit == selection.PATIENCE]
    assert len(patient) == (timed_out == 3)


def test_a_fixed_kernel_stays_and_others_are_chosen_around_it() -> None:
    kernel = Kernel(pe=2, simd=3, multiplier="booth", stages=2)
    assert solved({"hidden": kernel}).schedule.kernels["hidden"] == kernel
    with pytest.raises(IntaglioError, match="there is no node 'nowhere'"):
        solved({"nowhere": kernel})
    with pytest.raises(IntaglioError, match="hidden: pe is 99"):
        solved({"hidden": Kernel(pe=99)})


def test_a_latency_is_reached_by_the_cheapest_design_found() -> None:
    quick = solved({}, target_latency=40)
    slow = solved({}, target_latency=100)
    assert count_cycles(quick).latency <= 40
    assert count_cycles(slow).latency <= 100
    assert estimate(slow, PRICES).total.lut < estimate(quick, PRICES).total.lut
    with pytest.raises(IntaglioError, match="no design reaches a latency of 3 cycles") as caught:
        solved({}, target_latency=3)
    assert "the quickest design found takes" in str(caught.value)


@pytest.mark.parametrize("strategy", ["nonsense"])
def test_an_unknown_strategy_is_refused(strategy: str) -> None:
    with pytest.raises(IntaglioError, match="there is no strategy 'nonsense'"):
        solved({}, strategy=strategy)


def test_unrolled_strategies_take_the_fastest_kernel_of_every_node() -> None:
    netlist = solved({}, strategy="adders")
    assert count_cycles(netlist).interval == 1


def solved(fixed: dict[str, Kernel], **demands: Any) -> Netlist:
    return solve(
        choose_requantisers(multilayer_perceptron()),
        lambda parts, operator: price(parts, PRICES, operator),
        lambda netlist: estimate(netlist, PRICES).total,
        Resources(1e6, 1e6, 1e3, 1e3, 0),
        clock_mhz=100,
        fixed=fixed,
        **demands,
    )
