"""The border: exact rounding of real inputs, channels first outside and last inside, clear messages."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from intaglio.errors import IntaglioError
from intaglio.ir import Graph, Node, TensorType
from intaglio.ops import Add, Dense, Flatten, MaxPool
from intaglio.simulator import quantise_input, simulate
from intaglio.simulator.border import random_inputs, to_integers

scales = st.one_of(
    st.sampled_from([Fraction(1, 256), Fraction(1), Fraction(3, 64), Fraction(1, 255), Fraction(7, 3)]),
    st.fractions(Fraction(1, 10**6), 1000),
)


def exactly(x: float, kind: TensorType) -> int:
    assert kind.scale is not None
    return max(kind.lo[0], min(kind.hi[0], floor(Fraction(x) / kind.scale + Fraction(1, 2))))


@given(scales, st.lists(st.floats(-1e6, 1e6), min_size=1), st.integers(-200, 200))
def test_rounding_is_exact(scale: Fraction, values: list[float], near: int) -> None:
    kind = TensorType.integer((1,), -128, 127, scale)
    tie = float((near + Fraction(1, 2)) * scale)
    values = [*values, tie, float(np.nextafter(tie, -np.inf)), float(np.nextafter(tie, np.inf))]
    got = quantise_input(np.array(values)[:, None], kind)
    assert got[:, 0].tolist() == [exactly(v, kind) for v in values]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_just_below_a_half_rounds_down(dtype: type) -> None:
    """x + 0.5 would round up to 1."""
    below = np.nextafter(dtype(0.5), dtype(0))
    kind = TensorType.integer((1,), -8, 7, Fraction(1))
    assert quantise_input(np.array([[below], [0.5], [-0.5], [-1e-300]]), kind)[:, 0].tolist() == [0, 1, 0, 0]


def test_clips_per_channel() -> None:
    kind = TensorType.integer((2,), [0, -1], [3, 1], Fraction(1, 2))
    assert quantise_input(np.array([[9.0, 9.0], [-9.0, -9.0]]), kind).tolist() == [[3, 1], [0, -1]]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_not_finite(bad: float) -> None:
    with pytest.raises(IntaglioError, match="NaN or infinity"):
        quantise_input(np.array([[bad]]), TensorType.integer((1,), 0, 1))


def image_graph() -> Graph:
    kind = TensorType.integer((4, 6, 3), 0, 255, Fraction(1, 256))
    return Graph({"x": kind}, (Node("y", MaxPool((2, 2), (2, 2)), ("x",)),), ("y",))


def test_images_are_channels_first_outside() -> None:
    x = np.random.default_rng(0).random((5, 3, 4, 6))
    y = simulate(image_graph(), x)
    assert isinstance(y, np.ndarray)
    assert y.dtype == np.float64
    codes = np.clip(np.floor(x * 256 + 0.5), 0, 255)
    assert (y == codes.reshape(5, 3, 2, 2, 3, 2).max(axis=(3, 5)) / 256).all()
    assert (to_integers(image_graph(), x)["x"] == codes.transpose(0, 2, 3, 1)).all()


def test_vectors_and_output_scale() -> None:
    kind = TensorType.integer((3,), -8, 7, Fraction(1, 4))
    op = Dense(np.array([[1, 2, 3], [-1, 0, 5]]), np.array([4, -1]), Fraction(1, 8))
    graph = Graph({"x": kind}, (Node("y", op, ("x",)),), ("y",))
    x = np.array([[0.25, -0.5, 1.0], [9.0, -9.0, 0.1]])
    assert (simulate(graph, x) == (np.array([[1, -2, 4], [7, -8, 0]]) @ op.weight.T + op.bias) / 8).all()


def test_several_inputs_and_outputs() -> None:
    kind = TensorType.integer((2, 2, 3), -8, 7, Fraction(1, 2))
    nodes = (Node("s", Add(), ("a", "b")), Node("f", Flatten(), ("s",)))
    graph = Graph({"a": kind, "b": kind}, nodes, ("s", "f"))
    inputs = random_inputs(graph, 4)
    assert inputs["a"].shape == (4, 3, 2, 2)
    s, f = simulate(graph, inputs)
    assert (s == inputs["a"] + inputs["b"]).all()
    assert f.shape == (4, 12)
    with pytest.raises(IntaglioError, match="2 inputs, but there is one array"):
        simulate(graph, inputs["a"])
    with pytest.raises(IntaglioError, match="different numbers of frames"):
        simulate(graph, {"a": inputs["a"], "b": inputs["b"][:2]})


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((5, 4, 6, 3), r"shape \(5, 4, 6, 3\), not \(N, 3, 4, 6\)\n  hint: frames first, then channels"),
        ((3, 4, 6), "hint: add a batch axis"),
        ((), "not"),
    ],
)
def test_wrong_shape(shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(IntaglioError, match=message):
        simulate(image_graph(), np.zeros(shape))


def test_no_numbers() -> None:
    with pytest.raises(IntaglioError, match="not numbers"):
        simulate(image_graph(), np.full((1, 3, 4, 6), "x"))
