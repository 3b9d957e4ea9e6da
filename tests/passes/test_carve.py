"""carved == masked: the carved graph computes what the masked one did, on every input, with no dead channel left."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from intaglio.ir import PINNED, Graph, Node, TensorType, as_integers, verify
from intaglio.ir.channels import channel_groups
from intaglio.ops import Add, Argmax, Conv2d, Dense, Flatten, MaxPool, MulShift, Requantise, Shift, SumPool, Threshold
from intaglio.passes.carve import carve
from source_twin import run_integers


class Masked:
    """A random integer graph whose layers have rows of zeros."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        size = int(self.random.integers(3, 7))
        self.kinds = {"x": TensorType.integer((size, size, 2), -3, 3, Fraction(1))}
        self.inputs = dict(self.kinds)
        self.nodes: list[Node] = []

    def add(self, op, *inputs: str) -> str:
        name = f"n{len(self.nodes)}_{op.name}"
        self.nodes.append(Node(name, op, inputs))
        self.kinds[name] = op.infer(*(self.kinds[i] for i in inputs))
        return name

    def weights(self, outputs: int, *shape: int) -> tuple[np.ndarray, np.ndarray]:
        weight = self.random.integers(-2, 3, size=(outputs, *shape))
        dead = self.random.random(outputs) < 0.4
        weight[dead] = 0
        if self.random.random() < 0.3:
            weight = -abs(weight)  # then whole channels may be at most 0, and yet not dead
        bias = self.random.integers(-4, 5, size=outputs) * (self.random.random(outputs) < 0.4)
        return as_integers(weight), as_integers(bias)

    def conv(self, x: str, outputs: int) -> str:
        size = 3 if self.random.random() < 0.5 else 1
        weight, bias = self.weights(outputs, size, size, self.kinds[x].channels)
        return self.squash(self.add(Conv2d(weight, bias, (1, 1), (size // 2,) * 4), x))

    def dense(self, x: str, outputs: int) -> str:
        return self.add(Dense(*self.weights(outputs, self.kinds[x].channels)), x)

    def squash(self, x: str) -> str:
        """Any requantiser; its offset may revive a dead channel or kill a living one."""
        channels = self.kinds[x].channels
        offset = self.random.integers(-3, 2, size=channels) * (self.random.random(channels) < 0.3)
        sign = self.random.choice([-1, 1, 1, 0], size=channels)
        kind = self.random.integers(4)
        lo = -3 if self.random.random() < 0.5 else 0
        if kind == 0:
            slope = np.array([Fraction(int(s), 3) for s in sign], dtype=object)
            offset = np.array([Fraction(int(o), 2) for o in offset], dtype=object)
            return self.add(Requantise(slope, offset, lo, lo + 3, Fraction(1)), x)
        if kind == 1:
            return self.add(MulShift(as_integers(sign * 3), as_integers(offset * 4), 3, lo, lo + 3, Fraction(1)), x)
        if kind == 2:
            return self.add(Shift(as_integers(offset), 2, lo, lo + 3, Fraction(1)), x)
        thresholds = np.sort(self.random.integers(-1, 9, size=(channels, 3)), axis=1)
        return self.add(
            Threshold(as_integers(thresholds), as_integers(sign * 0), as_integers(sign | 1), Fraction(1)), x
        )

    def graph(self) -> Graph:
        x = self.conv("x", int(self.random.integers(2, 6)))
        branches = [x]
        for _ in range(int(self.random.integers(1, 5))):
            x = branches[int(self.random.integers(len(branches)))]
            match int(self.random.integers(4)):
                case 0:
                    y = self.conv(x, int(self.random.integers(1, 6)))
                case 1:
                    y = self.squash(self.add(Add(), x, self.conv(x, self.kinds[x].channels)))
                case 2 if min(self.kinds[x].shape[:2]) >= 2:
                    y = self.add(MaxPool((2, 2), (1, 1)), x)
                case 3 if min(self.kinds[x].shape[:2]) >= 2:
                    y = self.squash(self.add(SumPool((2, 2), (2, 2), (1, 0, 1, 0), 4), x))
                case _:
                    continue
            branches.append(y)
        read = {name for node in self.nodes for name in node.inputs}
        outputs = []
        for branch in branches:
            if branch in read:
                continue
            head = self.add(Flatten(), branch)
            if self.random.random() < 0.5:
                head = self.squash(self.dense(head, 4))
            outputs.append(self.dense(head, 3))
        if self.random.random() < 0.3:
            outputs[0] = self.add(Argmax(), outputs[0])
        return verify(Graph(self.inputs, tuple(self.nodes), tuple(outputs)))


@settings(deadline=None, max_examples=250)
@given(st.integers(0, 1 << 30))
def test_carved_equals_masked(seed):
    masked = Masked(seed).graph()
    carved = verify(carve(masked))
    random = np.random.default_rng(seed)
    kind = masked.inputs["x"]
    x = random.integers(kind.lo_array, kind.hi_array + 1, size=(12, *kind.shape))
    x[0], x[1], x[2] = kind.lo_array, kind.hi_array, 0
    want, got = run_integers(masked, {"x": x}), run_integers(carved, {"x": x})
    for name in masked.outputs:
        assert np.array_equal(want[name], got[name])
        assert carved.types[name].shape == masked.types[name].shape
    assert carve(carved) == carved
    assert_nothing_dead(carved)


def assert_nothing_dead(graph: Graph) -> None:
    """A group that could still go is the last one of some tensor."""
    groups = channel_groups(graph)
    alive = {i for n, ids in groups.items() for i, a in zip(ids, graph.types[n].hi_array, strict=True) if a != 0}
    alive |= {i for n, ids in groups.items() for i, a in zip(ids, graph.types[n].lo_array, strict=True) if a != 0}
    dead = {i for ids in groups.values() for i in ids.tolist()} - alive - {PINNED}
    for group in dead:
        assert any(ids[0] == group and set(ids.tolist()) <= dead for ids in groups.values())


def test_a_dead_channel_leaves_both_sides_of_a_residual():
    ones = np.ones((2, 1, 1, 2), dtype=int)
    ones[1] = 0
    conv = Conv2d(as_integers(ones), as_integers([0, 0]), scale=Fraction(1))
    graph = Graph(
        {"x": TensorType.integer((2, 2, 2), 0, 1)},
        (
            Node("a", conv, ("x",)),
            Node("b", conv, ("a",)),
            Node("s", Add(), ("a", "b")),
            Node("f", Flatten(), ("s",)),
            Node("d", Dense(as_integers(np.arange(8)[None]), as_integers([1])), ("f",)),
        ),
        ("d",),
    )
    carved = carve(graph)
    assert [carved.types[name].shape for name in "absf"] == [(2, 2, 1)] * 3 + [(4,)]
    assert carved.by_name["d"].op.weight.tolist() == [[0, 2, 4, 6]]


def test_a_pruned_channel_with_a_bias_that_the_requantiser_clips_goes():
    graph = Graph(
        {"x": TensorType.integer((2,), 0, 1)},
        (
            Node("a", Dense(as_integers([[1, 1], [0, 0]]), as_integers([0, -7])), ("x",)),
            Node("q", Requantise(np.array([Fraction(1)] * 2), np.array([Fraction(0)] * 2), 0, 3), ("a",)),
            Node("d", Dense(as_integers([[1, 5]]), as_integers([1])), ("q",)),
        ),
        ("d",),
    )
    assert carve(graph).by_name["d"].op.weight.tolist() == [[1]]


def test_one_channel_stays_where_all_are_dead():
    graph = Graph(
        {"x": TensorType.integer((2,), 0, 1)},
        (
            Node("a", Dense(as_integers(np.zeros((3, 2))), as_integers([0, 0, 0])), ("x",)),
            Node("d", Dense(as_integers([[1, 2, 3]]), as_integers([4])), ("a",)),
        ),
        ("d",),
    )
    carved = carve(graph)
    assert carved.types["a"].shape == (1,)
    assert run_integers(carved, {"x": np.ones((1, 2), int)})["d"].tolist() == [[4]]


def test_groups_are_dense_and_inputs_and_outputs_are_pinned():
    graph = Masked(5).graph()
    groups = channel_groups(graph)
    ids = np.concatenate(list(groups.values()))
    assert (groups["x"] == PINNED).all()
    assert all((groups[name] == PINNED).all() for name in graph.outputs)
    assert set(ids.tolist()) - {PINNED} == set(range(ids.max() + 1))
