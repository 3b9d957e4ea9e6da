"""Two small netlists: a chain with widths that are no whole bytes, and a fork with two inputs' worth of ports."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from intaglio.estimate.cycles import count_cycles, fifo_depths
from intaglio.ir import Graph, Kernel, Node, TensorType, as_integers
from intaglio.ir.schedule import Schedule
from intaglio.ops import Dense
from intaglio.ops.netlist import Netlist, elaborate
from some_boards import BOARDS, Board


@pytest.fixture(params=list(BOARDS))
def board(request: pytest.FixtureRequest) -> Board:
    return BOARDS[request.param]


def _dense(rng: np.random.Generator, outputs: int, inputs: int) -> Dense:
    weight, bias = rng.integers(-4, 4, (outputs, inputs)), rng.integers(-9, 9, outputs)
    return Dense(as_integers(weight), as_integers(bias), Fraction(3, 1024))


def _scheduled(graph: Graph, kernels: dict[str, Kernel]) -> Netlist:
    netlist = elaborate(graph, Schedule(kernels))
    return elaborate(graph, Schedule(kernels, fifo_depths(netlist, count_cycles(netlist).interval)))


@pytest.fixture(scope="session")
def chain() -> Netlist:
    """TDATA of 3 and 6 bytes; two spare lanes."""
    rng = np.random.default_rng(0)
    x = TensorType.integer((2, 3, 7), -4, 3, Fraction(1, 64))
    nodes = (Node("first", _dense(rng, 6, 7), ("x",)), Node("second", _dense(rng, 5, 6), ("first",)))
    return _scheduled(Graph({"x": x}, nodes, ("second",)), {"first": Kernel(3, 7), "second": Kernel(4, 2)})


@pytest.fixture(scope="session")
def ports() -> Netlist:
    """Two inputs, three outputs, a fork."""
    rng = np.random.default_rng(1)
    a = TensorType.integer((4,), 0, 255, Fraction(1, 255))
    b = TensorType.integer((9,), 0, 1)
    nodes = (
        Node("left", _dense(rng, 3, 4), ("a",)),
        Node("right", _dense(rng, 2, 9), ("b",)),
        Node("more", _dense(rng, 4, 3), ("left",)),
    )
    kernels = {"left": Kernel(1, 4), "right": Kernel(1, 9), "more": Kernel(2, 3)}
    return _scheduled(Graph({"a": a, "b": b}, nodes, ("left", "right", "more")), kernels)
