"""What a network computes and stores, against numbers worked out by hand; how full memories are."""

from __future__ import annotations

from math import log2

import pytest
from intaglio.estimate.figures import Memory, figures, memories
from intaglio.ir import Graph, Kernel, Node, TensorType, as_integers
from intaglio.ir.schedule import Schedule
from intaglio.ops import Add, Dense, Threshold
from intaglio.ops.netlist import elaborate


def two_layers() -> Graph:
    """3 inputs of 4 bits, 2 hidden of 2 bits, whose tensor two layers read, and their sum."""
    hidden = Dense(as_integers([[3, 0, -4], [1, -1, 2]]), as_integers([5, -1]))
    steps = Threshold(as_integers([[1, 2, 3], [1, 2, 3]]), as_integers([0, 0]), as_integers([1, 1]))
    left, right = Dense(as_integers([[1, -1]]), as_integers([0])), Dense(as_integers([[0, 7]]), as_integers([0]))
    nodes = (
        Node("hidden", hidden, ("x",)),
        Node("steps", steps, ("hidden",)),
        Node("left", left, ("steps",)),
        Node("right", right, ("steps",)),
        Node("sum", Add(), ("left", "right")),
    )
    return Graph({"x": TensorType.integer((3,), 0, 15)}, nodes, ("sum",))


def test_figures_of_two_layers() -> None:
    found = figures(two_layers())
    assert set(found.works) == {"hidden", "left", "right"}
    assert [found.works[name].macs for name in ("hidden", "left", "right")] == [6, 2, 2]
    assert [found.works[name].weight_bits for name in ("hidden", "left", "right")] == [3, 1, 4]
    assert found.weight_memory == 6 * 3 + 2 * 1 + 2 * 4
    assert found.nonzero_memory == 5 * 3 + 2 * 1 + 1 * 4
    # the hidden tensor counts once, where it is first read; the sum is -3..24 in 6 bits
    assert found.feature_bits == {"hidden": 12, "left": 4, "right": 0, "": 6}
    bops = 6 * (5 / 6 * 4 * 3 + 4 + 3 + log2(3)) + 2 * (2 * 1 + 2 + 1 + 1) + 2 * (0.5 * 2 * 4 + 2 + 4 + 1)
    assert found.total.bops == pytest.approx(bops)
    assert (found.total.macs, found.total.operations, found.total.weights, found.total.zeros) == (10, 20, 10, 2)
    assert found.density(90.0) == pytest.approx(90.0 / ((21 + 22) / 1e6))


def test_memories_hold_what_their_blocks_have() -> None:
    """512 words lie in half a block RAM, whatever share of it they fill; a bit that all words share is not in it."""
    weight = as_integers([[7, -3] * 256] * 2)
    graph = Graph(
        {"x": TensorType.integer((512,), 0, 3)},
        (Node("layer", Dense(weight, as_integers([0, 0])), ("x",)),),
        ("layer",),
    )
    kernel = Kernel(pe=2, simd=1, memory="bram", multiplier="dsp", buffer="lutram")
    held = memories(elaborate(graph, Schedule({"layer": kernel})))
    assert held["layer"] == Memory(512 * 4, 18_432)
    assert held["layer"].efficiency == 512 * 4 / 18_432
    assert held["FIFOs"] == Memory()
    assert Memory().efficiency is None
