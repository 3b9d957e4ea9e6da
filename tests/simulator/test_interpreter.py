"""run, its probes and its checks; first_divergence names the first wrong integer."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from intaglio.errors import IntaglioError
from intaglio.ir import Graph, Node, TensorType
from intaglio.ops import Add, Conv2d, Dense, Flatten, MaxPool, MulShift, Threshold
from intaglio.simulator import Divergence, first_divergence, interpreter, plan, run, threads


def network(seed: int = 0) -> Graph:
    """A residual network with a fork, two outputs and requantisers of both kinds."""
    rng = np.random.default_rng(seed)

    def conv(outputs: int, inputs: int) -> Conv2d:
        weight = rng.integers(-7, 8, (outputs, 3, 3, inputs))
        return Conv2d(weight, rng.integers(-50, 50, outputs), padding=(1, 1, 1, 1))

    def small(channels: int) -> MulShift:
        return MulShift(rng.integers(20, 60, channels), rng.integers(0, 4096, channels), 12, 0, 15)

    levels = np.sort(rng.integers(-300, 300, (3, 7)), axis=1)
    return Graph(
        {"x": TensorType.integer((8, 6, 2), -8, 7)},
        (
            Node("first", conv(3, 2), ("x",)),
            Node("a", small(3), ("first",)),
            Node("second", conv(3, 3), ("a",)),
            Node("b", Threshold(levels, np.zeros(3, int), np.ones(3, int)), ("second",)),
            Node("sum", Add(), ("a", "b")),
            Node("pool", MaxPool((2, 2), (2, 2)), ("sum",)),
            Node("flat", Flatten(), ("pool",)),
            Node("y", Dense(rng.integers(-7, 8, (4, 36)), rng.integers(-9, 9, 4)), ("flat",)),
        ),
        ("y", "sum"),
    )


def slowly(graph: Graph, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Every tensor by `Op.run`, one node after the other."""
    tensors = dict(inputs)
    for node in graph.nodes:
        tensors[node.name] = node.op.run(*(tensors[name] for name in node.inputs))
    return tensors


def samples(graph: Graph, frames: int, seed: int = 1) -> np.ndarray:
    kind = graph.inputs["x"]
    return np.random.default_rng(seed).integers(kind.lo_array, kind.hi_array, (frames, *kind.shape), endpoint=True)


@pytest.mark.parametrize("seed", range(5))
def test_equals_the_operators_one_by_one(seed: int) -> None:
    graph = network(seed)
    x = samples(graph, 40, seed)
    expected = slowly(graph, {"x": x})
    got = run(graph, x, probes=("x", *(node.name for node in graph.nodes)))
    assert set(got) == set(expected)
    for name, values in got.items():
        assert values.dtype == np.int64
        assert (values == expected[name]).all()


def test_outputs_only_unless_probed_and_inputs_untouched() -> None:
    graph = network()
    x = samples(graph, 3)
    before = x.copy()
    assert list(run(graph, {"x": x})) == ["y", "sum"]
    assert list(run(graph, {"x": x}, probes=["a", "y"])) == ["y", "sum", "a"]
    assert (x == before).all()
    assert run(graph, x[:0])["y"].shape == (0, 4)


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    graph, chopped = network(), network()
    x = samples(graph, 11)
    monkeypatch.setattr(plan, "CHUNK_ELEMENTS", 500)
    assert plan.plan_of(chopped).chunk == 3  # 144 elements in the widest tensor
    monkeypatch.undo()
    whole, pieces = run(graph, x), run(chopped, x)
    assert all((whole[name] == pieces[name]).all() for name in whole)


def test_a_plan_lives_as_long_as_its_graph() -> None:
    graph = network()
    assert plan.plan_of(graph) is plan.plan_of(graph)
    before, key = len(plan._plans), id(graph)
    del graph
    gc.collect()
    assert key not in plan._plans
    assert len(plan._plans) == before - 1


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((2, 2, 8, 6), int), r"has shape \(2, 2, 8, 6\), not \(N, 8, 6, 2\)"),
        (np.zeros((8, 6, 2), int), r"add a batch axis"),
        (np.full((1, 8, 6, 2), 9), r"holds 9..9, outside its bounds -8..7"),
        (np.full((1, 8, 6, 2), 0.5), "no integers"),
        ({"z": np.zeros((1, 8, 6, 2), int)}, "the inputs are z, not x"),
    ],
)
def test_bad_inputs(x: object, message: str) -> None:
    with pytest.raises(IntaglioError, match=message):
        run(network(), x)  # type: ignore[arg-type]


def test_unknown_probe() -> None:
    graph = network()
    with pytest.raises(IntaglioError, match="no tensor 'nothing' to probe"):
        run(graph, samples(graph, 1), probes=["nothing"])


def test_first_divergence() -> None:
    graph = network()
    x = samples(graph, 6)
    right = run(graph, x, probes=[node.name for node in graph.nodes])
    assert first_divergence(graph, x, right) is None
    wrong = {name: values.copy() for name, values in right.items()}
    wrong["y"][0, 0] += 1
    wrong["b"][4, 2, 3, 1] -= 1
    wrong["b"][5, 0, 0, 0] += 9
    found = first_divergence(graph, {"x": x}, wrong)
    expected = int(right["b"][4, 2, 3, 1])
    assert found == Divergence("b", (4, 2, 3, 1), expected, expected - 1)
    assert str(found) == f"b[4, 2, 3, 1]: expected {expected}, got {expected - 1}"
    only = first_divergence(graph, x, {"y": wrong["y"]})
    assert only is not None
    assert only.node == "y"
    with pytest.raises(IntaglioError, match="was observed"):
        first_divergence(graph, x, {"y": wrong["y"][:2]})


@pytest.mark.parametrize("count", [1, 2, 5])
def test_threads_change_nothing(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = network()
    x = samples(graph, 100)
    expected = run(graph, x)
    monkeypatch.setattr(interpreter, "workers", lambda: count)
    blas = threads.workers()
    got = run(graph, x)
    assert all((got[name] == expected[name]).all() for name in expected)
    assert threads.workers() == blas


def test_an_error_in_a_thread_is_raised_and_blas_let_go() -> None:
    blas = threads.workers()

    def work(part: int) -> None:
        if part == 3:
            raise ValueError("part 3")

    with pytest.raises(ValueError, match="part 3"):
        threads.for_each(work, range(6), 2)
    assert threads.workers() == blas


def test_without_openblas_it_runs_on_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_openblas", lambda: None)
    assert threads.workers() == 1
    done: list[int] = []
    threads.for_each(done.append, range(5), 2)
    assert sorted(done) == list(range(5))
