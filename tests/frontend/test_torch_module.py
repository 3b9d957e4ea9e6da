"""The PyTorch module of a graph gives what the simulator gives, for every operator; traced, exported and saved too."""

from __future__ import annotations

import intaglio
import numpy as np
import pytest
import torch
from export_cases import CASES, kind, one
from intaglio.errors import IntaglioError
from intaglio.frontend.exporters.torch_module import save_torch, to_torch
from intaglio.ir import Graph, Op, TensorType, as_integers
from intaglio.ops import Dense, Flatten
from intaglio.passes.choose_requantisers import choose_requantisers
from intaglio.simulator.border import random_inputs
from small_networks import multilayer_perceptron, residual_network


def inputs_of(graph: Graph, frames: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Half of them integers of the graph as real values, half anything around: near ties, and far outside."""
    rng = np.random.default_rng(seed)
    result = {}
    for name, x in random_inputs(graph, frames, seed).items():
        step = float(abs(graph.border_of(name).slope[0]))
        moves = rng.normal(size=x.shape) * rng.choice([1e-6, 0.1, 10.0], x.shape) + rng.choice([0, 0.5], x.shape)
        odd = np.arange(frames).reshape(-1, *(1,) * (x.ndim - 1)) % 2
        result[name] = np.where(odd, x + moves * step, x)
    return result


def same(got: object, want: object) -> bool:
    several = isinstance(want, tuple)
    pairs = list(zip(got, want, strict=True)) if several else [(got, want)]  # type: ignore[call-overload]
    return all(g.dtype == torch.float64 and np.array_equal(g.numpy(), w) for g, w in pairs)


@pytest.mark.parametrize("name", CASES)
def test_module_is_equal_to_the_simulator(name: str) -> None:
    graph = CASES[name]()
    inputs = inputs_of(graph, 12)
    want = intaglio.simulate(graph, inputs)
    assert same(to_torch(graph)(*(torch.tensor(x) for x in inputs.values())), want)


@pytest.mark.parametrize("make", [multilayer_perceptron, residual_network])
def test_module_of_the_chosen_forms_is_equal(make) -> None:
    graph = choose_requantisers(make())
    inputs = inputs_of(graph, 12)
    assert same(to_torch(graph)(*(torch.tensor(x) for x in inputs.values())), intaglio.simulate(graph, inputs))


SOME = ["residual", "two_outputs", "border_affine", "softmax", "top_k", "zero_stuff"]


@pytest.mark.parametrize("name", SOME)
def test_saved_module_is_equal(name: str, tmp_path) -> None:
    graph = CASES[name]()
    save_torch(graph, tmp_path / "net.pt2")
    loaded = torch.export.load(str(tmp_path / "net.pt2")).module()
    inputs = {k: x.astype(np.float32) for k, x in inputs_of(graph, 5).items()}
    assert same(loaded(*map(torch.tensor, inputs.values())), intaglio.simulate(graph, inputs))


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.parametrize("name", SOME)
def test_traced_module_is_equal(name: str) -> None:
    graph = CASES[name]()
    inputs = inputs_of(graph, 5)
    given = tuple(map(torch.tensor, inputs.values()))
    traced = torch.jit.trace(to_torch(graph), tuple(x[:2] for x in given))
    assert same(traced(*given), intaglio.simulate(graph, inputs))


def test_every_operator_has_a_case() -> None:
    covered = {node.op.name for make in CASES.values() for node in make().nodes}
    built = {n for n in Op.registry if "." not in n and Op.registry[n].__module__.startswith("intaglio.ops.")}
    assert built - covered == set()


def test_what_float64_does_not_hold_is_refused() -> None:
    graph = one(Dense(as_integers([[1 << 40, 1]]), as_integers([0])), kind((2,), 0, 1 << 20))
    with pytest.raises(IntaglioError, match="float64"):
        to_torch(graph)


def test_a_real_graph_is_refused() -> None:
    graph = one(Flatten(), kind((2, 2, 2)))
    with pytest.raises(IntaglioError, match="not lowered"):
        to_torch(Graph({"x0": TensorType((2, 2, 2))}, (), ("x0",), graph.border))


def test_another_suffix_is_refused(tmp_path) -> None:
    with pytest.raises(IntaglioError, match=r"\.pt2"):
        save_torch(multilayer_perceptron(), tmp_path / "net.pth")
    assert not list(tmp_path.iterdir())
