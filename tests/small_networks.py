"""Small integer graphs that tests compile, simulate and write: no training needed."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from intaglio.ir import Graph, Node, TensorType, as_integers
from intaglio.ops import Add, Conv2d, Dense, Flatten, MaxPool, Requantise, SumPool


def requantiser(channels: int, slope: Fraction, scale: Fraction) -> Requantise:
    """A ReLU and a 4-bit quantiser, one slope and a small offset per channel."""
    slopes = np.array([slope * (1 + Fraction(c, 16)) for c in range(channels)], dtype=object)
    offsets = np.array([Fraction(c, 8) for c in range(channels)], dtype=object)
    return Requantise(slopes, offsets, 0, 15, scale)


def residual_network(seed: int = 0) -> Graph:
    """conv, a residual block, average pool, flatten, dense: every kind of node and a fork."""
    rng = np.random.default_rng(seed)

    def conv(outputs: int, inputs: int) -> Conv2d:
        weight, bias = rng.integers(-7, 8, (outputs, 3, 3, inputs)), rng.integers(-9, 9, outputs)
        return Conv2d(as_integers(weight), as_integers(bias), (1, 1), (1, 1, 1, 1))

    scale = Fraction(1, 4)
    nodes = (
        Node("conv1", conv(4, 1), ("x",)),
        Node("quantised1", requantiser(4, Fraction(1, 32), scale), ("conv1",)),
        Node("pool1", MaxPool((2, 2), (2, 2)), ("quantised1",)),
        Node("conv2", conv(4, 4), ("pool1",)),
        Node("quantised2", requantiser(4, Fraction(1, 64), scale), ("conv2",)),
        Node("joined", Add(), ("quantised2", "pool1")),
        Node("quantised3", requantiser(4, Fraction(1, 2), scale), ("joined",)),
        Node("average", SumPool((4, 4), (4, 4), divisor=16), ("quantised3",)),
        Node("quantised4", requantiser(4, Fraction(1, 16), scale), ("average",)),
        Node("flat", Flatten(), ("quantised4",)),
        Node(
            "fc", Dense(as_integers(rng.integers(-7, 8, (5, 4))), as_integers(np.arange(5)), Fraction(1, 64)), ("flat",)
        ),
    )
    return Graph({"x": TensorType.integer((8, 8, 1), 0, 255, Fraction(1, 256))}, nodes, ("fc",))


def branching_network(seed: int = 0) -> Graph:
    """The input goes to a padded 3x3 convolution and, around it, to a 1x1 one; both are added."""
    rng = np.random.default_rng(seed)

    def conv(kernel: int, padding: int) -> Conv2d:
        weight = as_integers(rng.integers(-7, 8, (2, kernel, kernel, 1)))
        return Conv2d(weight, as_integers([0, 3]), (1, 1), (padding,) * 4)

    nodes = (
        Node("wide", conv(3, 1), ("x",)),
        Node("quantised1", requantiser(2, Fraction(1, 64), Fraction(1, 4)), ("wide",)),
        Node("around", conv(1, 0), ("x",)),
        Node("quantised2", requantiser(2, Fraction(1, 64), Fraction(1, 4)), ("around",)),
        Node("joined", Add(), ("quantised1", "quantised2")),
    )
    return Graph({"x": TensorType.integer((8, 8, 1), 0, 255, Fraction(1, 256))}, nodes, ("joined",))


def multilayer_perceptron(seed: int = 0) -> Graph:
    """Two dense layers."""
    rng = np.random.default_rng(seed)
    nodes = (
        Node("hidden", Dense(as_integers(rng.integers(-7, 8, (6, 9))), as_integers(rng.integers(-9, 9, 6))), ("x",)),
        Node("quantised", requantiser(6, Fraction(1, 16), Fraction(1, 4)), ("hidden",)),
        Node(
            "out",
            Dense(as_integers(rng.integers(-7, 8, (3, 6))), as_integers([1, 2, 3]), Fraction(1, 64)),
            ("quantised",),
        ),
    )
    return Graph({"x": TensorType.integer((9,), -8, 7, Fraction(1, 8))}, nodes, ("out",))
