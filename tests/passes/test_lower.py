"""The integer graph equals the float64 evaluation of the frozen source graph: every quantised tensor, every output."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from intaglio.errors import IntaglioError
from intaglio.ir import Graph, Node, TensorType, parse_graph, print_graph, verify
from intaglio.ops import Conv2d, MulShift, Requantise, Shift, Threshold
from intaglio.ops.source import (
    Affine,
    BatchNorm,
    Quantise,
    SourceActivation,
    SourceAdd,
    SourceConv2d,
    SourceLinear,
    SourceMaxPool,
    SourceRelu,
)
from intaglio.passes.carve import carve
from intaglio.passes.choose_requantisers import choose_requantisers
from intaglio.passes.insert_quantisers import insert_quantisers
from intaglio.passes.lower import lower
from intaglio.passes.pipeline import LOWER, run_passes
from intaglio.simulator import simulate
from source_twin import evaluate, freeze_randomly, random_network, run_integers


def codes_for(graph: Graph, seed: int, batch: int = 8) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    return {
        name: random.integers(kind.lo_array, kind.hi_array + 1, size=(batch, *kind.shape))
        for name, kind in graph.inputs.items()
    }


def as_source_outputs(graph: Graph, values: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Channels last."""
    borders = [graph.border_of(name) for name in graph.outputs]
    floats = [tuple(np.array([float(v) for v in part]) for part in (b.slope, b.offset)) for b in borders]
    return [values[name] * slope + offset for name, (slope, offset) in zip(graph.outputs, floats, strict=True)]


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 1 << 20), st.integers(1, 5))
def test_integers_equal_the_frozen_network_in_float64(seed, act_bits):
    source = freeze_randomly(
        insert_quantisers(random_network(seed), input_bits=6, act_bits=act_bits, output_bits=None), seed + 1
    )
    lowered = verify(lower(source))
    codes = codes_for(lowered, seed)
    reals = {name: codes[name] * float(lowered.inputs[name].scale) for name in codes}
    want, got = evaluate(source, reals), run_integers(lowered, codes)
    for node in source.nodes:
        if isinstance(node.op, Quantise) and node.name in got:
            assert np.array_equal(np.rint(want[node.name] / node.op.scale), got[node.name]), node.name
    for name, real in zip(source.outputs, as_source_outputs(lowered, got), strict=True):
        assert np.allclose(want[name], real, rtol=1e-12, atol=1e-12)
        scale = float(lowered.types[lowered.outputs[source.outputs.index(name)]].scale)
        assert np.array_equal(np.rint(want[name] / scale), np.rint(real / scale))

    carved = verify(carve(lowered))
    built = verify(choose_requantisers(carved))
    assert not any(isinstance(node.op, Requantise) for node in built.nodes)
    assert parse_graph(print_graph(lowered)) == lowered
    assert parse_graph(print_graph(built)) == built
    for other in (carved, built):
        results = run_integers(other, codes)
        for name in other.outputs:
            assert np.array_equal(results[name], got[name])


def graph(*nodes: Node, shape=(4, 4, 1), outputs=None) -> Graph:
    return Graph({"x": TensorType(shape)}, nodes, outputs or (nodes[-1].name,))


X_Q = Node("x_q", Quantise(4, True, 0.5), ("x",))


def conv(weight=1.0, scale=0.25, bias=0.0) -> Node:
    op = SourceConv2d(np.full((1, 1, 1, 1), weight), np.array([bias]), weight_scale=np.array([scale]))
    return Node("c", op, ("x_q",))


def test_the_input_is_its_quantiser():
    lowered = lower(graph(X_Q, conv()))
    assert lowered.inputs["x"] == TensorType.integer((4, 4, 1), -7, 7, Fraction(1, 2))
    assert [node.name for node in lowered.nodes] == ["c"]
    assert lowered.types["c"].scale == Fraction(1, 8)


def test_a_bias_on_the_grid_goes_into_the_accumulator_and_another_into_the_requantiser():
    tail = Node("c_q", Quantise(4, True, 0.5), ("c",))
    on, off = (lower(graph(X_Q, conv(bias=bias), tail)) for bias in (0.375, 0.3))
    assert on.by_name["c"].op.bias.tolist() == [3]
    assert on.by_name["c_q"].op.offset.tolist() == [0]
    assert off.by_name["c"].op.bias.tolist() == [0]
    assert off.by_name["c_q"].op.offset.tolist() == [Fraction(0.3) * 2]


def test_a_negative_multiplier_flips_the_weights():
    lowered = lower(
        graph(
            X_Q,
            conv(3.0),
            Node("a", Affine(np.array([-2.0]), np.array([0.0])), ("c",)),
            Node("m", SourceMaxPool((2, 2), (2, 2)), ("a",)),
            Node("r", SourceRelu(), ("m",)),
            Node("r_q", Quantise(4, False, 0.5), ("r",)),
        )
    )
    assert lowered.by_name["c"].op.weight.item() == -3
    assert lowered.by_name["r_q"].op.slope.tolist() == [Fraction(1, 2)]


def forked(*tail: Node) -> Graph:
    """A convolution that one branch reads as it is and another with its sign turned."""
    falling = Node("a", Affine(np.array([-2.0]), np.array([0.5])), ("c",))
    return graph(
        X_Q, conv(3.0), Node("c_q", Quantise(4, True, 0.5), ("c",)), falling, *tail, outputs=("c_q", tail[-1].name)
    )


@pytest.mark.parametrize("fork", ["c", "a"])
def test_weights_that_two_branches_read_keep_their_sign(fork):
    second = Node("f_q", Quantise(4, False, 0.25), (fork,))
    source = forked(Node("a_q", Quantise(4, True, 0.5), ("a",)))
    source = replace(source, nodes=(*source.nodes, second), outputs=("a_q", "f_q", "c_q"))
    if fork == "a":
        source = replace(source, nodes=tuple(n for n in source.nodes if n.name != "c_q"), outputs=("a_q", "f_q"))
    lowered = verify(lower(source))
    assert lowered.by_name["c"].op.weight.item() == 3
    codes = codes_for(lowered, 0)
    want, got = evaluate(source, {"x": codes["x"] * 0.5}), run_integers(lowered, codes)
    built = run_integers(choose_requantisers(lowered), codes)
    for name in source.outputs:
        assert np.array_equal(want[name] / source.by_name[name].op.scale, got[name])
        assert np.array_equal(got[name], built[name])


def test_a_max_pool_over_a_decreasing_map_turns_its_input_first():
    source = forked(Node("m", SourceMaxPool((2, 2), (2, 2)), ("a",)), Node("m_q", Quantise(4, True, 0.5), ("m",)))
    lowered = verify(lower(source))
    assert lowered.by_name["m"].inputs == ("m_c_scaled",)
    assert lowered.by_name["m_c_scaled"].op.multiplier.tolist() == [-1]
    codes = codes_for(lowered, 0)
    want, got = evaluate(source, {"x": codes["x"] * 0.5}), run_integers(lowered, codes)
    assert np.array_equal(want["m_q"] / 0.5, got["m_q"])


def test_equal_scales_need_no_requantiser():
    lowered = lower(
        graph(
            X_Q,
            Node("m", SourceMaxPool((2, 2), (2, 2)), ("x_q",)),
            Node("m_q", Quantise(4, True, 0.5), ("m",)),
            Node("m_q2", Quantise(3, True, 0.5), ("m_q",)),
        )
    )
    assert [node.name for node in lowered.nodes] == ["m", "m_q2"]


def sigmoid(of: str) -> Node:
    return Node("s", SourceActivation("sigmoid", np.zeros((1, 0))), (of,))


TWO_SCALES = SourceLinear(np.ones((2, 1)), np.zeros(2), np.array([0.5, 0.25]))


@pytest.mark.parametrize(
    ("nodes", "what"),
    [
        ((X_Q, Node("b", BatchNorm(*(np.ones(1),) * 4), ("x_q",))), "is not lowered"),
        ((Node("q", Quantise(4), ("x",)),), "has no scale yet"),
        ((Node("q", Quantise(4, True, float("nan")), ("x",)),), "has the scale nan"),
        ((Node("r", SourceRelu(), ("x",)),), "must be read by one quantiser"),
        ((X_Q, conv(0.5)), "are not integers"),
        ((X_Q, conv(), sigmoid("c"), Node("c2", conv().op, ("s",))), "which is not quantised after sigmoid"),
        ((X_Q, conv(), sigmoid("c")), "ends in sigmoid"),
        (
            (X_Q, Node("q2", Quantise(3, True, 0.5), ("x",)), Node("y", SourceAdd(), ("x_q", "q2"))),
            "two quantisers",
        ),
        ((Node("y", SourceAdd(), ("x", "x")),), "must be read by one quantiser"),
    ],
)
def test_what_integers_cannot_express_is_refused(nodes, what):
    with pytest.raises(IntaglioError, match=what) as caught:
        lower(graph(*nodes))
    assert caught.value.where
    assert caught.value.hint


@pytest.mark.parametrize(
    "nodes",
    [
        (conv(bias=0.3),),
        (Node("l", TWO_SCALES, ("x_q",)),),
        (conv(), Node("c2", replace(conv().op, bias=np.array([0.7])), ("c",)), Node("r", SourceRelu(), ("c2",))),
        (conv(), Node("r", SourceRelu(), ("c",)), Node("c2", conv().op, ("r",))),
        (conv(bias=0.3), Node("a", Affine(np.array([-1.5]), np.array([0.1])), ("c",))),
    ],
    ids=["bias", "two scales", "clipped", "clipped before a layer", "affine"],
)
def test_what_no_quantiser_ends_is_exact_at_the_border(nodes):
    """Real outputs of the integer graph are those of the source graph, its scales and offsets included."""
    source = graph(X_Q, *nodes)
    lowered = verify(lower(source))
    x = codes_for(lowered, 0)["x"] * 0.5
    want = np.moveaxis(evaluate(source, {"x": x})[source.outputs[0]], -1, 1)
    got = simulate(lowered, np.moveaxis(x, -1, 1))
    assert np.allclose(got, want, rtol=1e-14, atol=1e-14)
    assert parse_graph(print_graph(lowered)) == lowered
    assert np.array_equal(simulate(parse_graph(print_graph(lowered)), np.moveaxis(x, -1, 1)), got)


def test_the_pipeline_verifies():
    built = run_passes(graph(X_Q, conv()), (*LOWER, choose_requantisers))
    assert isinstance(built.by_name["c"].op, Conv2d)
    assert not any(isinstance(node.op, Threshold | MulShift | Shift) for node in built.nodes)
