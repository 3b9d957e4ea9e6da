"""Networks with a little more: they compute what they did, but for the new bit, or with one channel twice."""

from __future__ import annotations

import numpy as np
import pytest
from intaglio.ir import Graph, Node, TensorType, as_integers, verify
from intaglio.ops import Add, Argmax, Conv2d, Dense, Flatten, MaxPool, MulShift, Shift
from intaglio.passes.one_more import finer_input, finer_output, finer_weights, one_more_channel
from intaglio.simulator.interpreter import run


def network(seed: int = 0) -> Graph:
    """conv, requantiser, a residual around a second conv, pool, flatten, dense, argmax."""
    rng = np.random.default_rng(seed)

    def conv(outputs: int, inputs: int) -> Conv2d:
        weight, bias = rng.integers(-7, 8, (outputs, 3, 3, inputs)), rng.integers(-9, 9, outputs)
        return Conv2d(as_integers(weight), as_integers(bias), padding=(1, 1, 1, 1))

    def requantiser(shift: int) -> MulShift:
        return MulShift(as_integers(rng.integers(5, 9, 3)), as_integers(rng.integers(0, 50, 3)), shift, 0, 15)

    nodes = (
        Node("first", conv(3, 2), ("x",)),
        Node("first_q", requantiser(6), ("first",)),
        Node("second", conv(3, 3), ("first_q",)),
        Node("second_q", requantiser(7), ("second",)),
        Node("joined", Add(), ("second_q", "first_q")),
        Node("joined_q", Shift(as_integers([0, 1, 0]), 1, 0, 15), ("joined",)),
        Node("pooled", MaxPool((2, 2), (2, 2)), ("joined_q",)),
        Node("flat", Flatten(), ("pooled",)),
        Node("fc", Dense(as_integers(rng.integers(-7, 8, (4, 12))), as_integers([1, 2, 3, 4])), ("flat",)),
        Node("best", Argmax(), ("fc",)),
    )
    return Graph({"x": TensorType.integer((4, 4, 2), 0, 15)}, nodes, ("best",))


def every(graph: Graph, x: np.ndarray) -> dict[str, np.ndarray]:
    """All tensors."""
    return run(graph, {"x": x}, probes=graph.by_name)


@pytest.fixture
def x() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 16, (20, 4, 4, 2))


def test_a_channel_comes_with_all_that_are_coupled_to_it(x: np.ndarray) -> None:
    graph = network()
    more = verify(one_more_channel(graph, "second"))
    channels = {name: kind.channels for name, kind in more.types.items()}
    assert [channels[n] for n in ("first", "first_q", "second", "second_q", "joined", "joined_q", "pooled")] == [4] * 7
    assert (channels["flat"], channels["fc"], channels["x"]) == (16, 4, 2)
    before, after = every(graph, x), every(more, x)
    assert (after["first"][..., :3] == before["first"]).all()
    assert (after["first"][..., 3] == before["first"][..., 2]).all()
    assert (after["first_q"][..., 3] == after["first_q"][..., 2]).all()


def test_the_outputs_of_the_network_have_no_free_channel() -> None:
    assert one_more_channel(network(), "fc") is None
    assert one_more_channel(network(), "best") is None


def test_finer_weights_end_at_the_next_requantiser(x: np.ndarray) -> None:
    graph = network()
    finer = verify(finer_weights(graph, "second"))
    changed = {n.name for n in graph.nodes if finer.by_name[n.name].op is not n.op}
    assert changed == {"second", "second_q"}
    assert finer.types["second_q"].dtype == graph.types["second_q"].dtype
    before, after = every(graph, x), every(finer, x)
    assert (after["first_q"] == before["first_q"]).all()
    assert np.abs(after["second_q"] - before["second_q"]).max() <= 15
    assert finer_weights(graph, "first_q") is None


def test_a_finer_output_goes_through_layers_and_around(x: np.ndarray) -> None:
    graph = network()
    finer = verify(finer_output(graph, "first_q"))
    changed = {n.name for n in graph.nodes if finer.by_name[n.name].op is not n.op}
    assert changed == {"first_q", "second_q", "joined_q"}
    assert finer.types["first_q"].bits == 5
    assert finer.types["second_q"].dtype == graph.types["second_q"].dtype
    before, after = every(graph, x), every(finer, x)
    assert (after["first_q"] >> 1 == before["first_q"]).all()
    assert finer_output(graph, "second") is None


def test_a_finer_input_of_twice_the_values_is_the_same(x: np.ndarray) -> None:
    graph = network()
    finer = verify(finer_input(graph, "x"))
    assert finer.types["x"].bits == 5
    before, after = every(graph, x), every(finer, 2 * x)
    bias = graph.by_name["first"].op.bias  # stays what it was
    assert (after["first"] - bias == 2 * (before["first"] - bias)).all()
    assert finer.types["first_q"].dtype == graph.types["first_q"].dtype
