"""Functions, softmax, units and borders of a frozen network."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from intaglio.compress import PreparedModel, Recipe, fit
from intaglio.compress.exact import prove
from intaglio.compress.functional import STATELESS, integer_softmax
from intaglio.compress.functions import RATIONAL, TORCH_FUNCTIONS
from intaglio.compress.network import fixed_units, keeps_zero, scale_classes
from intaglio.compress.settle import settled_activation
from intaglio.errors import IntaglioError
from intaglio.flow.prepare import prepare
from intaglio.ir import Graph, Node, TensorType
from intaglio.ops import Softmax
from intaglio.ops.functions import FUNCTIONS
from intaglio.ops.source import (
    Affine,
    Quantise,
    SourceActivation,
    SourceLinear,
    SourceMultiply,
    SourcePad,
    SourceSoftmax,
)
from torch import nn

PARAMETERS = {
    "leaky_relu": (0.109375,),
    "clip": (-0.75, 1.5),
    "hard_sigmoid": (0.1640625, 0.5),
    "at_least": (-0.5,),
    "at_most": (0.25,),
    "hard_shrink": (0.5,),
    "soft_shrink": (0.375,),
    "threshold": (0.5, -1.25),
    "elu": (0.75,),
}
GRID = [Fraction(k, 64) for k in range(-300, 301)]


def op_of(function: str) -> SourceActivation:
    values = PARAMETERS.get(function, ())
    return SourceActivation(function, np.array([values], np.float64).reshape(1, len(values)))


def on_grid(function: str) -> tuple[list[Fraction], torch.Tensor]:
    xs = [x for x in GRID if x > 0] if function in ("log", "sqrt", "reciprocal") else GRID
    x = torch.tensor([[float(v)] for v in xs], dtype=torch.float64)
    return xs, STATELESS[SourceActivation](op_of(function), x)[:, 0]


@pytest.mark.parametrize("function", sorted(RATIONAL))
def test_rational_functions_are_exact_in_float64(function):
    xs, got = on_grid(function)
    row = [Fraction(v) for v in PARAMETERS.get(function, ())]
    want = [FUNCTIONS[function].exact(x, *row) for x in xs]
    divides = function in ("hard_swish", "soft_sign")
    assert [float(w) for w in want] == got.tolist()
    assert divides or [Fraction(v) for v in got.tolist()] == want


@pytest.mark.parametrize("function", sorted(set(TORCH_FUNCTIONS) - RATIONAL))
def test_other_functions_err_in_the_last_places_only(function):
    xs, got = on_grid(function)
    row = [Fraction(v) for v in PARAMETERS.get(function, ())]
    want = np.array([float(FUNCTIONS[function].exact(x, *row)) for x in xs])
    assert np.abs(got.numpy() - want).max() < 1e-13


def test_every_function_has_its_twin_in_torch():
    assert set(TORCH_FUNCTIONS) >= set(FUNCTIONS)


def test_the_frozen_softmax_is_the_integer_one():
    codes = np.random.default_rng(0).integers(-100, 100, (50, 7))
    scale = Fraction(5, 128)
    op = Softmax.of(scale, 12, TensorType.integer((7,), -100, 100))
    got = integer_softmax(SourceSoftmax(12), torch.tensor(codes * float(scale)))
    assert np.array_equal(got.numpy() * 4096, op.run(codes))


def test_slopes_and_ends_become_short():
    op = SourceActivation("leaky_relu", np.array([[0.01], [0.3]]))
    short = settled_activation(op, power_of_two_only=False).parameters
    assert np.abs(short / op.parameters - 1).max() < 1 / 256
    assert all(Fraction(v).numerator < 257 for v in short.ravel())
    assert settled_activation(op, power_of_two_only=True).parameters.ravel().tolist() == [2.0**-7, 0.25]


def test_which_functions_keep_a_dead_channel_dead():
    dead = {
        f: keeps_zero(op_of(f)) for f in ("sigmoid", "tanh", "silu", "softplus", "clip", "hard_sigmoid", "threshold")
    }
    assert dead == {
        "sigmoid": False,
        "tanh": True,
        "silu": True,
        "softplus": False,
        "clip": True,
        "hard_sigmoid": False,
        "threshold": False,
    }
    assert keeps_zero(SourcePad((1, 1, 1, 1)))
    assert not keeps_zero(SourcePad((1, 1, 1, 1), 0.5))


def chain(function: str) -> Graph:
    one = SourceLinear(np.eye(3), np.zeros(3))
    return Graph(
        {"x": TensorType((3,))},
        (
            Node("x_q", Quantise(8), ("x",)),
            Node("a", one, ("x_q",)),
            Node("a_q", Quantise(8), ("a",)),
            Node("f", op_of(function), ("a_q",)),
            Node("f_q", Quantise(4), ("f",)),
            Node("b", one, ("f_q",)),
        ),
        ("b",),
    )


@pytest.mark.parametrize(("function", "free"), [("relu", True), ("leaky_relu", True), ("abs", True), ("clip", False),
                                                ("sigmoid", False), ("square", False), ("round", False)])  # fmt: skip
def test_only_what_is_positively_homogeneous_leaves_the_unit_free(function, free):
    graph = chain(function)
    classes = scale_classes(graph)
    fixed = fixed_units(graph, classes)
    assert (classes["f_q"] not in fixed) is free
    assert (classes["a"] not in fixed) is free
    model = PreparedModel(graph, Recipe(act_bits=4))
    x = torch.linspace(-2.7, 2.3, 60).reshape(20, 3)
    model.calibrate([x])
    model.eval()
    before = model.tensors(x)["f_q"]
    after = model.freeze().tensors(x)["f_q"]
    if not free:  # the same values, but for the grid's own step
        step = model.frozen_graph().by_name["f_q"].op.scale
        assert (after - before).abs().max() <= (1.2 + 1 / 16 * after.abs().max() / step) * step
    if free:  # a power of two, whatever that does to the unit
        assert Fraction(model.frozen_graph().by_name["a_q"].op.scale).numerator == 1


def test_units_of_factors_and_product_stay():
    graph = Graph(
        {"x": TensorType((3,))},
        (
            Node("x_q", Quantise(8), ("x",)),
            Node("a", SourceLinear(np.eye(3), np.zeros(3)), ("x_q",)),
            Node("a_q", Quantise(4), ("a",)),
            Node("p", SourceMultiply(), ("a_q", "a_q")),
            Node("p_q", Quantise(4), ("p",)),
            Node("b", SourceLinear(np.eye(3), np.zeros(3)), ("p_q",)),
        ),
        ("b",),
    )
    classes = scale_classes(graph)
    assert {classes[n] for n in ("a", "a_q", "p", "p_q")} <= fixed_units(graph, classes)


def frozen(*nodes: Node) -> Graph:
    x_q = Node("x_q", Quantise(8, True, 1 / 64), ("x",))
    return Graph({"x": TensorType((2, 2, 2))}, (x_q, *nodes), (nodes[-1].name,))


def test_a_product_too_wide_for_float64_is_refused():
    wide = Node("w", Affine(np.full(2, 1 + 2.0**-22), np.zeros(2)), ("x_q",))
    product = Node("p", SourceMultiply(), ("w", "w"))
    with pytest.raises(IntaglioError, match="p exactly: an intermediate could need more than 53 bits"):
        prove(frozen(wide, product))
    assert prove(frozen(Node("p", SourceMultiply(), ("x_q", "x_q"))))


def test_a_function_is_read_by_a_quantiser_only():
    curve = Node("f", op_of("sigmoid"), ("x_q",))
    with pytest.raises(IntaglioError, match="p reads an input that is not quantised"):
        prove(frozen(curve, Node("p", SourceMultiply(), ("f", "x_q"))))
    assert prove(
        frozen(curve, Node("q", Quantise(4, False, 1 / 16), ("f",)), Node("p", SourceMultiply(), ("q", "x_q")))
    )


def test_two_inputs_can_be_fitted():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.c = nn.Linear(4, 8), nn.Conv1d(2, 8, 3), nn.Linear(8, 3)

        def forward(self, x, y):
            return self.c(torch.relu(self.a(x)) * torch.sigmoid(self.b(y).mean(2)))

    torch.manual_seed(1)
    xs = [(torch.randn(16, 4), torch.randn(16, 2, 6)) for _ in range(6)]
    batches = [(x, (x[0][:, 0] > 0).long()) for x in xs]
    model = prepare(Two(), xs[0], replace(Recipe(), act_bits=6, keep=1.0))
    history = fit(model, batches, batches, epochs=12, lr=0.02, progress=False)
    assert model.frozen
    assert history.accuracy > 0.8
    with pytest.raises(IntaglioError, match=r"\(batch, 2, 6\)"):
        model(xs[0][0], xs[0][1][..., None])
