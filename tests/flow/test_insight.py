"""What one more bit, channel or lane costs; from where on zeros pay: against numbers worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from intaglio.estimate.board import load_board
from intaglio.estimate.prices import Prices
from intaglio.estimate.resources import Resources
from intaglio.flow.break_even import PRECISION, break_even, least_share, lut_equivalents
from intaglio.flow.marginal import Marginal, marginal_costs
from intaglio.ir import Graph, Kernel, Node, TensorType, as_integers
from intaglio.ir.schedule import Schedule
from intaglio.ops import Dense, Shift
from intaglio.ops.netlist import Netlist, elaborate

FREE = Prices("xc7", {}, {})
"""LUTs and flip-flops cost nothing: DSP slices and block RAMs are rules, and alone to be seen."""

CLOCK = 100.0


def netlist(**kernels: Kernel) -> Netlist:
    """64 inputs of 4 bits, 16 hidden of 4 bits, 4 outputs; weights of 4 bits."""
    rng = np.random.default_rng(0)
    hidden = Dense(as_integers(rng.integers(-7, 8, (16, 64))), as_integers(np.zeros(16)))
    out = Dense(as_integers(rng.integers(-7, 8, (4, 16))), as_integers(np.zeros(4)))
    nodes = (
        Node("hidden", hidden, ("x",)),
        Node("steps", Shift(as_integers(np.full(16, 64)), 7, 0, 15), ("hidden",)),
        Node("out", out, ("steps",)),
    )
    graph = Graph({"x": TensorType.integer((64,), 0, 15)}, nodes, ("out",))
    chosen = {
        "hidden": Kernel(pe=4, simd=8, memory="bram", multiplier="dsp", buffer="lutram"),
        "steps": Kernel(pe=4, simd=4),
        "out": Kernel(pe=1, simd=4, memory="lutram", multiplier="dsp", buffer="lutram"),
    } | kernels
    staged = {n.name: n.op.pipelined(chosen[n.name], CLOCK, *graph.input_types(n)) for n in graph.nodes}
    return elaborate(graph, Schedule(staged))


@pytest.fixture(scope="module")
def rows() -> dict[tuple[str, str], Marginal]:
    return {(row.node, row.what): row for row in marginal_costs(netlist(), FREE, CLOCK)}


def test_every_layer_has_its_rows(rows: dict[tuple[str, str], Marginal]) -> None:
    assert set(rows) == {
        ("x", "input bit"),
        *(("hidden", what) for what in ("weight bit", "channel", "PE", "SIMD")),
        ("steps", "output bit"),
        ("steps", "PE"),
        *(("out", what) for what in ("weight bit", "PE", "SIMD")),
    }


def test_a_weight_bit_widens_the_memory(rows: dict[tuple[str, str], Marginal]) -> None:
    """32 words of 4 * 8 weights: 128 bits in four halves of a block RAM, 160 in five."""
    row = rows["hidden", "weight bit"]
    assert row.cost == Resources(bram36=0.5)
    assert (row.steps, row.interval) == (0, 0)
    assert row.nodes == ("hidden", "steps")


def test_the_next_pe_and_simd_take_fewer_steps(rows: dict[tuple[str, str], Marginal]) -> None:
    """16 outputs in 4 folds of 4: the next are 3 of 6. 64 inputs in 8 folds of 8: the next are 7 of 10."""
    pe, simd = rows["hidden", "PE"], rows["hidden", "SIMD"]
    assert (pe.cost.dsp, pe.steps, pe.interval, pe.nodes) == (2 * 8, -8, -8, ("hidden",))
    assert (simd.cost.dsp, simd.steps, simd.interval) == (4 * 2, -4, -4)
    lanes = rows["steps", "PE"]  # as many in as out
    assert (lanes.steps, lanes.interval) == (-1, 0)


def test_a_channel_takes_its_steps_and_the_next_layer_with_it(rows: dict[tuple[str, str], Marginal]) -> None:
    """17 outputs in 5 folds of 8 steps; behind them 17 inputs in 5 folds instead of 4, for each of 4 outputs."""
    row = rows["hidden", "channel"]
    assert row.nodes == ("hidden", "steps", "out")
    assert (row.steps, row.interval) == (8, 8)
    assert row.cost.dsp == 0
    assert "channel" not in {what for node, what in rows if node == "out"}


def test_what_takes_all_channels_goes_on_to_take_all() -> None:
    whole = netlist(
        hidden=Kernel(pe=16, simd=64, multiplier="dsp"), steps=Kernel(16, 16), out=Kernel(4, 16, multiplier="dsp")
    )
    found = {(row.node, row.what): row for row in marginal_costs(whole, FREE, CLOCK)}
    row = found["hidden", "channel"]
    assert (row.cost.dsp, row.steps, row.interval) == (64 + 4, 0, 0)
    assert {what for _, what in found} == {"input bit", "weight bit", "output bit", "channel"}


def test_rows_are_plain_values(rows: dict[tuple[str, str], Marginal]) -> None:
    assert rows["hidden", "PE"].row() == {
        "node": "hidden",
        "what": "PE",
        "nodes": ["hidden"],
        "lut": 0,
        "ff": 0,
        "dsp": 16,
        "bram36": rows["hidden", "PE"].cost.bram36,
        "uram": 0,
        "steps": -8,
        "interval_cycles": -8,
    }


def test_the_least_share_that_pays() -> None:
    assert least_share(lambda share: share >= 0.3, 0.9) == pytest.approx(0.3, abs=PRECISION)
    assert least_share(lambda share: share >= 0.95, 0.9) is None
    assert least_share(lambda share: True, 0.9) == 0.0


def test_blocks_of_one_weight_pay_from_an_eighth_of_zeros_on() -> None:
    """Nothing but DSP slices costs anything: skipping pays as soon as the kernel does it, when an eighth of all steps
    is saved. Of the zeros of the first output, of 16, none saves a step, for inputs have to come.
    """
    folded = Kernel(pe=1, simd=1, memory="lutram", multiplier="dsp", buffer="lutram")
    board = replace(load_board("pynq-z2"), capacity=Resources(53200, 106400, 220, 0))
    found = {row.node: row for row in break_even(netlist(hidden=folded), board, FREE, CLOCK)}
    assert set(found) == {"hidden", "out"}
    assert found["hidden"].folded == pytest.approx(1 / 8 * 16 / 15, abs=2 * PRECISION)
    assert (found["hidden"].unrolled, found["hidden"].unrolled_lut, found["hidden"].fits) == (0.0, 0, 0.0)


def test_blocks_of_many_weights_pay_late_or_never() -> None:
    small, large = (
        break_even(netlist(hidden=kernel), load_board("pynq-z2"), FREE, CLOCK)[0].folded
        for kernel in (Kernel(pe=2, simd=4, multiplier="dsp"), Kernel(pe=16, simd=64, multiplier="dsp"))
    )
    assert 0.7 < small < 0.9  # an eighth of all blocks of 8 is zero at a share of (1/8)^(1/8)
    assert large is None


def test_luts_for_other_blocks_are_those_that_the_board_has() -> None:
    board = load_board("pynq-z2")
    assert lut_equivalents(Resources(100, 50, 2, 1), board) == 100 + 2 * 53200 / 220 + 53200 / 140
    assert lut_equivalents(Resources(uram=1), replace(board, capacity=Resources(1000, 1, 1, 1, 10))) == 100
