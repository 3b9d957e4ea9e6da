"""Where the quantisers stand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from intaglio.errors import IntaglioError
from intaglio.ir import Graph, verify
from intaglio.ops.source import (
    Affine,
    Quantise,
    SourceActivation,
    SourceAdd,
    SourceAvgPool,
    SourceConcat,
    SourceConv2d,
    SourceLinear,
    SourceMultiply,
    SourceRelu,
    SourceSoftmax,
    SourceUpsample,
)
from intaglio.passes.insert_quantisers import insert_quantisers, last_layers
from source_twin import Builder, random_network


def readers(graph: Graph, name: str) -> list:
    return [graph.by_name[reader].op for reader, _ in graph.consumers[name]]


def inserted(builder: Builder, output: str, **bits) -> Graph:
    graph = Graph(builder.inputs, tuple(builder.nodes), (output,))
    return verify(insert_quantisers(graph, **{"input_bits": 8, "act_bits": 4, **bits}), lowered=False)


def order(graph: Graph) -> str:
    return " ".join(node.op.name.removeprefix("source.") for node in graph.nodes)


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 1 << 20))
def test_every_layer_and_every_addition_reads_codes(seed):
    before = random_network(seed)
    graph = verify(insert_quantisers(before, input_bits=8, act_bits=4), lowered=False)
    assert [n.op for n in graph.nodes if not isinstance(n.op, Quantise)] == [n.op for n in before.nodes]
    assert all(isinstance(op, Quantise) for name in graph.inputs for op in readers(graph, name))

    def is_codes(name: str) -> bool:
        node = graph.by_name[name]
        if isinstance(node.op, Quantise):
            return True
        return node.op.name in ("source.max_pool", "source.flatten") and is_codes(node.inputs[0])

    for node in graph.nodes:
        if isinstance(node.op, SourceConv2d | SourceLinear):
            assert is_codes(node.inputs[0])
        if isinstance(node.op, SourceAdd):
            ops = [graph.by_name[name].op for name in node.inputs]
            assert {op.group for op in ops} == {f"{node.name}_group"}
        if isinstance(node.op, SourceRelu):
            assert all(isinstance(op, Quantise) for op in readers(graph, node.name))
    assert insert_quantisers(graph, input_bits=8, act_bits=4) == graph


def test_relu_before_a_pool_is_quantised_and_a_pool_before_a_relu_is_not():
    b = Builder(0, (8, 8, 1))
    x = b.max_pool(b.relu(b.norm(b.conv("x", 2))))
    x = b.relu(b.max_pool(b.norm(b.conv(x, 2))))
    graph = inserted(b, b.conv(x, 3))
    assert order(graph) == (
        "quantise conv2d batch_norm relu quantise max_pool conv2d batch_norm max_pool relu quantise conv2d"
    )
    assert last_layers(graph) == {graph.outputs[0]}


def test_an_identity_branch_gets_a_second_quantiser_of_the_group():
    b = Builder(0, (8, 8, 2))
    x = b.relu(b.conv("x", 2))
    y = b.norm(b.conv(x, 2))
    graph = inserted(b, b.relu(b.add(SourceAdd(), x, y)))
    assert order(graph) == "quantise conv2d relu quantise conv2d batch_norm quantise quantise add relu quantise"
    relu_q = f"{x}_q"
    assert [op.name for op in readers(graph, relu_q)] == ["source.conv2d", "source.quantise"]


def test_a_quantiser_that_only_the_addition_reads_joins_the_group():
    b = Builder(0, (8, 8, 2))
    left, right = b.relu(b.conv("x", 2)), b.relu(b.conv("x", 2))
    graph = inserted(b, b.conv(b.add(SourceAdd(), left, right), 2))
    assert order(graph) == "quantise conv2d relu quantise conv2d relu quantise add quantise conv2d"
    assert len({n.op.group for n in graph.nodes if isinstance(n.op, Quantise) and n.op.group}) == 1


def test_an_average_pool_is_quantised_unless_it_makes_the_logits():
    b = Builder(0, (4, 4, 2))
    x = b.avg_pool(b.relu(b.conv("x", 2)), 2)
    graph = inserted(b, b.avg_pool(b.conv(x, 3), 2))
    pools = [node.name for node in graph.nodes if isinstance(node.op, SourceAvgPool)]
    assert [op.name for op in readers(graph, pools[0])] == ["source.quantise"]
    assert readers(graph, pools[1]) == []


def test_a_batch_norm_behind_the_last_layer_and_output_bits_give_a_quantised_output():
    for bits, norm, want in ((None, True, 8), (6, False, 6), (3, True, 3)):
        b = Builder(0, (4,))
        x = b.linear("x", 3)
        graph = inserted(b, b.norm(x) if norm else x, output_bits=bits)
        last = graph.by_name[graph.outputs[0]].op
        assert isinstance(last, Quantise)
        assert last.bits == want
        assert last_layers(graph) == set()


def test_bits_are_checked():
    b = Builder(0, (4,))
    with pytest.raises(IntaglioError, match="act_bits=0"):
        inserted(b, b.linear("x", 3), act_bits=0)


def test_names_stay_unique():
    b = Builder(0, (4,))
    x = b.add(SourceLinear(np.ones((2, 4)), np.zeros(2)), "x")
    b.nodes[-1] = type(b.nodes[-1])("x_q", b.nodes[-1].op, ("x",))
    assert x
    graph = inserted(b, "x_q")
    assert [node.name for node in graph.nodes] == ["x_q1", "x_q"]


def curve(b: Builder, x: str, function: str, *parameters: float) -> str:
    return b.add(SourceActivation(function, np.array([parameters]).reshape(1, -1)), x)


def test_a_curve_gets_a_wide_argument_and_a_line_none():
    lines, slope = [("clip", (0.0, 6.0)), ("leaky_relu", (0.1,))], -0.1
    for function, parameters in (*lines, ("sigmoid", ()), ("hard_swish", ()), ("leaky_relu", (slope,))):
        table = (function, parameters) not in lines
        b = Builder(0, (4,))
        graph = inserted(b, b.linear(curve(b, b.norm(b.linear("x", 3)), function, *parameters), 2), act_bits=5)
        wide = "quantise " if table else ""
        assert order(graph) == f"quantise linear batch_norm {wide}activation quantise linear"
        bits = [n.op.bits for n in graph.nodes if isinstance(n.op, Quantise)]
        assert bits == ([8, 9, 5] if table else [8, 5])


def test_an_output_that_a_function_makes_is_not_as_coarse_as_an_activation():
    b = Builder(0, (4,))
    graph = inserted(b, curve(b, b.linear("x", 3), "sigmoid"))
    assert graph.by_name[graph.outputs[0]].op.bits == 8


def test_both_factors_and_the_product_are_quantised_on_their_own():
    b = Builder(0, (4, 4, 2))
    x = b.conv("x", 3)
    graph = inserted(b, b.conv(b.add(SourceMultiply(), x, curve(b, x, "sigmoid")), 2))
    assert order(graph) == "quantise conv2d quantise activation quantise multiply quantise conv2d"
    assert not any(n.op.group for n in graph.nodes if isinstance(n.op, Quantise))


def test_what_is_joined_shares_one_group_and_stays_codes():
    b = Builder(0, (4, 4, 2))
    left, right = b.relu(b.conv("x", 2)), b.add(SourceUpsample((1, 1)), b.relu(b.conv("x", 3)))
    graph = inserted(b, b.conv(b.add(SourceConcat(2), left, right), 2))
    assert order(graph) == "quantise conv2d relu quantise conv2d relu quantise upsample concat conv2d"
    groups = [n.op.group for n in graph.nodes if isinstance(n.op, Quantise)]
    assert groups[0] == ""
    assert groups[1] == groups[2] != ""


def test_scaled_inputs_stay_as_fine_as_inputs():
    b = Builder(0, (4,))
    x = b.add(Affine(np.full(4, 2.0), np.ones(4)), b.add(Affine(np.full(4, 0.5), np.ones(4)), "x"))
    graph = inserted(b, b.linear(x, 2), input_bits=7)
    assert order(graph) == "quantise affine affine quantise linear"
    assert [n.op.bits for n in graph.nodes if isinstance(n.op, Quantise)] == [7, 7]


def test_a_softmax_reads_codes_and_is_an_output_itself():
    b = Builder(0, (4,))
    graph = inserted(b, b.add(SourceSoftmax(), b.linear("x", 3)))
    assert order(graph) == "quantise linear quantise softmax"
    b = Builder(0, (4,))
    graph = inserted(b, b.linear(b.add(SourceSoftmax(), b.linear("x", 3)), 2))
    assert order(graph) == "quantise linear quantise softmax quantise linear"
