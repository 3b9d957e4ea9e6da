"""Types, graph, text form and verifier."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from intaglio.errors import IntaglioError
from intaglio.ir import Graph, IntType, Node, TensorType, as_integers, parse_graph, print_graph, verify
from intaglio.ops import Add, Argmax, Conv2d, Dense, Flatten, MaxPool, Requantise
from intaglio.ops.source import SourceRelu


def small_graph() -> Graph:
    rng = np.random.default_rng(0)
    x = TensorType.integer((6, 6, 2), -8, 7, Fraction(1, 8))
    conv = Conv2d(as_integers(rng.integers(-4, 4, (3, 3, 3, 2))), as_integers([1, -2, 3]), (1, 1), (1, 1, 1, 1))
    third = np.array([Fraction(1, 3)] * 3, dtype=object)
    nodes = (
        Node("conv", conv, ("x",), "net.py:7"),
        Node("quantised", Requantise(third, third, 0, 15, Fraction(1, 5)), ("conv",)),
        Node("twice", Add(), ("quantised", "quantised")),
        Node("pool", MaxPool((2, 2), (2, 2)), ("twice",)),
        Node("flat", Flatten(), ("pool",)),
        Node(
            "fc", Dense(as_integers(rng.integers(-4, 4, (5, 27))), as_integers(np.zeros(5)), Fraction(2, 7)), ("flat",)
        ),
        Node("best", Argmax(), ("fc",)),
    )
    return Graph({"x": x}, nodes, ("best",))


@given(st.integers(-(2**70), 2**70), st.integers(0, 2**70))
def test_the_narrowest_type_holds_its_range_and_one_bit_less_does_not(lo: int, span: int) -> None:
    kind = IntType.holding(lo, lo + span)
    assert kind.lo <= lo
    assert lo + span <= kind.hi
    if kind.bits > 1 + kind.signed:
        less = IntType(kind.signed, kind.bits - 1)
        assert not (less.lo <= lo and lo + span <= less.hi)


def test_int_types_print_and_parse() -> None:
    for kind in (IntType(True, 8), IntType(False, 1), IntType(True, 33)):
        assert IntType.parse(str(kind)) == kind
    with pytest.raises(IntaglioError, match="is not an integer type"):
        IntType.parse("float8")


def test_bipolar_is_one_signed_bit() -> None:
    assert (IntType(True, 1).lo, IntType(True, 1).hi, IntType(True, 1).bipolar) == (-1, 1, True)


def test_a_graph_prints_and_parses_to_itself() -> None:
    graph = small_graph()
    text = print_graph(graph)
    assert parse_graph(text) == graph
    assert print_graph(parse_graph(text)) == text
    assert "net.py:7" in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "this is not an Intaglio graph"),
        ("intaglio graph 1\nx ~ y", "line 2: cannot read"),
        ("intaglio graph 1\ny = unheard(x) // -> i4[1]", "line 2: cannot read"),
        ("intaglio graph 1\n#0 i8 2 !!", "cannot read the constant"),
    ],
)
def test_text_that_is_no_graph_says_where(text: str, message: str) -> None:
    with pytest.raises(IntaglioError, match=message):
        parse_graph(text)


def renamed(graph: Graph, index: int, **changes: object) -> Graph:
    nodes = list(graph.nodes)
    nodes[index] = replace(nodes[index], **changes)
    return replace(graph, nodes=tuple(nodes))


def test_v1_names_are_unique_identifiers() -> None:
    with pytest.raises(IntaglioError, match="V1: '2x' is not an identifier"):
        verify(renamed(small_graph(), 0, name="2x"))
    with pytest.raises(IntaglioError, match="V1: the name x is used twice"):
        verify(renamed(small_graph(), 0, name="x"))


def test_v2_inputs_are_made_before_they_are_read() -> None:
    with pytest.raises(IntaglioError, match="V2: conv reads later"):
        verify(renamed(small_graph(), 0, inputs=("later",)))


def test_v3_operators_accept_their_inputs() -> None:
    with pytest.raises(IntaglioError, match=r"net.py:7: V3: conv2d takes 1 inputs, not 2"):
        verify(renamed(small_graph(), 0, inputs=("x", "x")))


def test_v4_outputs_exist() -> None:
    with pytest.raises(IntaglioError, match="V4: the output nothing does not exist"):
        verify(replace(small_graph(), outputs=("best", "nothing")))


def test_v5_nothing_is_left_unread() -> None:
    with pytest.raises(IntaglioError, match="V5: nothing reads best"):
        verify(replace(small_graph(), outputs=("fc",)))


def test_v6_types_hold_their_bounds() -> None:
    graph = small_graph()
    narrow = replace(graph.inputs["x"], dtype=IntType(True, 3))
    with pytest.raises(IntaglioError, match="V6: x is i3, too narrow"):
        verify(replace(graph, inputs={"x": narrow}))


def test_v7_operators_are_registered() -> None:
    class Nameless(Flatten):
        name = "nameless"

    with pytest.raises(IntaglioError, match="V7: nameless is not a registered operator"):
        verify(renamed(small_graph(), 4, op=Nameless()))


def test_v8_nothing_is_real_once_lowered() -> None:
    graph = Graph({"x": TensorType((4,))}, (Node("y", SourceRelu(), ("x",)),), ("y",))
    verify(graph, lowered=False)
    with pytest.raises(IntaglioError, match="V8: x is still real"):
        verify(graph)


def test_v9_no_float_constant_is_left() -> None:
    op = Dense(as_integers(np.ones((5, 27))).astype(np.float64), as_integers(np.zeros(5)))
    with pytest.raises(IntaglioError, match=r"V9: fc.weight is a float"):
        verify(renamed(small_graph(), 5, op=op))


def test_an_error_says_where_what_the_other_culprit_and_a_hint() -> None:
    error = IntaglioError("they differ", where="net.py:3", other="net.py:9", hint="make them equal")
    assert str(error) == "net.py:3: they differ\n  against: net.py:9\n  hint: make them equal"
