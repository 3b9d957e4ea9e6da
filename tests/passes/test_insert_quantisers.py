"""Where the quantisers stand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from intaglio.errors import IntaglioError
from intaglio.ir import Graph, verify
from intaglio.ops.source import Quantise, SourceAdd, SourceAvgPool, SourceConv2d, SourceLinear, SourceRelu
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
