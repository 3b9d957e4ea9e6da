"""carved == masked through every operator that moves data, and channels do go."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from intaglio.ir import Graph, Node, Op, TensorType, as_integers, verify
from intaglio.ops import Conv2d, Dense, Flatten, Gather, Pad, Shift, Slice, Upsample, ZeroStuff
from intaglio.passes.carve import carve
from source_twin import run_integers

MOVERS = ("pad", "slice", "upsample", "zero_stuff", "transpose", "shuffle", "fold")


def mover(name: str, kind: TensorType, random: np.random.Generator) -> Op:
    height, width, channels = kind.shape
    places = np.arange(kind.size).reshape(kind.shape)
    if name == "pad":
        value = as_integers(random.integers(-2, 3, channels) * (random.random(channels) < 0.5))
        return Pad((1, 0, 0, 1), value if random.random() < 0.7 else 0)
    if name == "slice":
        kept = np.flatnonzero(random.random(channels) < 0.7)
        return Slice((0, height, 2), (0, width, 1), as_integers(kept if len(kept) else [0]))
    if name == "upsample":
        return Upsample((2, 1))
    if name == "zero_stuff":
        return ZeroStuff((1, 2))
    if name == "transpose":
        places = places.transpose(1, 0, 2)
    elif name == "shuffle":
        places = places[..., random.permutation(channels)]
    else:  # all rows to one pixel each: an input channel becomes many
        places = places.reshape(height, 1, width * channels)
    return Gather(as_integers(places.ravel()), places.shape, channels)


def masked(seed: int) -> tuple[Graph, list[str]]:
    """A layer with rows of zeros, movers, and a layer that reads them."""
    random = np.random.default_rng(seed)
    outputs = int(random.integers(2, 7))
    weight = random.integers(-2, 3, (outputs, 1, 1, 2))
    dead = random.random(outputs) < 0.5
    weight[dead] = 0
    bias = random.integers(-3, 4, outputs) * ~dead
    kinds = {"x": TensorType.integer((2, 3, 2), -3, 3, Fraction(1))}
    nodes: list[Node] = []

    def add(op: Op, source: str) -> str:
        name = f"n{len(nodes)}"
        nodes.append(Node(name, op, (source,)))
        kinds[name] = op.infer(kinds[source])
        return name

    at = add(Conv2d(as_integers(weight), as_integers(bias)), "x")
    at = add(Shift(as_integers(np.zeros(outputs)), 1, -3, 3, Fraction(1)), at)
    used = []
    for _ in range(int(random.integers(1, 4))):
        used.append(MOVERS[int(random.integers(len(MOVERS)))])
        at = add(mover(used[-1], kinds[at], random), at)
    at = add(Flatten(), at)
    weight = random.integers(-2, 3, (3, kinds[at].channels))
    at = add(Dense(as_integers(weight), as_integers([1, -2, 0])), at)
    return verify(Graph({"x": kinds["x"]}, tuple(nodes), (at,))), used


def test_carved_equals_masked_and_channels_go() -> None:
    gone: Counter[str] = Counter()
    for seed in range(150):
        graph, used = masked(seed)
        carved = verify(carve(graph))
        x = np.random.default_rng(seed).integers(-3, 4, (5, *graph.inputs["x"].shape))
        name = graph.outputs[0]
        assert np.array_equal(run_integers(graph, {"x": x})[name], run_integers(carved, {"x": x})[name]), seed
        if carved.types["n1"].channels < graph.types["n1"].channels:
            gone.update(used)
    assert all(gone[name] >= 5 for name in MOVERS), gone


@pytest.mark.parametrize(("value", "left"), [(0, 1), (5, 2)])
def test_a_border_that_is_not_0_keeps_a_channel_alive(value: int, left: int) -> None:
    conv = Conv2d(as_integers([[[[1]]], [[[0]]]]), as_integers([0, 0]), scale=Fraction(1))
    nodes = (
        Node("a", conv, ("x",)),
        Node("p", Pad((1, 0, 0, 0), as_integers([0, value])), ("a",)),
        Node("f", Flatten(), ("p",)),
        Node("d", Dense(as_integers([[1, 2, 3, 4]]), as_integers([1])), ("f",)),
    )
    graph = Graph({"x": TensorType.integer((1, 1, 1), 0, 3, Fraction(1))}, nodes, ("d",))
    carved = carve(graph)
    assert carved.types["p"].channels == left
    x = np.array([2]).reshape(1, 1, 1, 1)
    assert run_integers(carved, {"x": x})["d"].tolist() == run_integers(graph, {"x": x})["d"].tolist()
