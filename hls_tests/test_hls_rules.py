"""HLS that a synthesiser accepts: the rules hold in the rendered text of every operator and project, and each bites."""

from __future__ import annotations

from dataclasses import replace

import networks
import numpy as np
import pytest
from hls_rules import problems
from hls_source import expand
from intaglio.codegen.env import render
from intaglio.codegen.hls import render_hls
from intaglio.flow.specimens import COUNTS, draw
from intaglio.ir import Kernel, TensorType, as_integers
from intaglio.ops import Conv2d
from intaglio.ops.links import Fork, Width
from test_registry import OPERATORS, cases_of

HEADER = '#include "intaglio.h"\n'


def wrong_in(*texts: str) -> list[str]:
    return problems(expand({"layers.cpp": HEADER + "\n".join(texts)}, "layers.cpp"))


@pytest.mark.parametrize("name", OPERATORS)
def test_every_kernel_of_an_operator_keeps_the_rules(name: str) -> None:
    drawn = [draw(name, index) for index in range(COUNTS[name])]
    cases = [(case.op, case.kernel, case.ins) for case in cases_of(name)] + drawn
    others = [
        (op, replace(kernel, memory=memory), ins) for op, kernel, ins in drawn[:2] for memory in ("lutram", "bram")
    ]
    texts = [
        render(f"hls/{name}.cpp.j2", **op.params(kernel, *ins), module=f"{name}_{index}")
        for index, (op, kernel, ins) in enumerate([*cases, *others])
    ]
    assert wrong_in(*texts) == []


def test_every_link_keeps_the_rules() -> None:
    kind = TensorType.integer((3, 37), -4, 3)
    links = [Width(kind, *lanes) for lanes in ((4, 1), (1, 4), (5, 4), (4, 37), (37, 4), (37, 37))] + [Fork(kind, 4, 3)]
    texts = [render(f"hls/{link.template}.cpp.j2", **link.params(), module=f"k{k}") for k, link in enumerate(links)]
    assert wrong_in(*texts) == []


@pytest.mark.parametrize("network", ["chain", "fork", "residual", "unrolled"])
def test_a_whole_project_keeps_the_rules(network: str) -> None:
    """The project's file with its headers, as it goes to the synthesiser."""
    files = render_hls(getattr(networks, network)(), "net")
    headers = {
        path.removeprefix("hls/"): text for path, text in files.items() if path.endswith(".h") and "shim" not in path
    }
    text = expand({**headers, "net.cpp": files["hls/net.cpp"]}, "net.cpp")
    assert "#pragma HLS dataflow" in text
    assert "intaglio_probe" not in text
    assert problems(text) == []


# ---- the rules bite ----------------------------------------------------------------------------------------------

LAYER = """\
void layer(hls::stream<ap_uint<8> > &s0, hls::stream<ap_uint<8> > &m0) {
    const int STEPS = 6, LANES = 4, DEPTH = 4;
    static const ap_uint<8> table[DEPTH][LANES] = {{1, 2, 3, 4}, {1, 2, 3, 4}, {1, 2, 3, 4}, {1, 2, 3, 4}};
    PARTITION(table, 2)
    ap_uint<8> buffer[DEPTH];
    DISTANCE(buffer, 4)
    int place = 0;
    for (int step = 0; step < STEPS; ++step) {
        PIPELINE(1)
        ap_uint<8> word = s0.read();
        ap_uint<8> sum = buffer[place];
        for (int p = 0; p < LANES; ++p) {
            UNROLL
            const ap_uint<2> piece = word.range(2 * p + 1, 2 * p);
            sum += piece * table[place][p];
        }
        buffer[place] = sum;
        m0.write(sum);
        place = (place == DEPTH - 1) ? 0 : place + 1;
    }
}
"""
TOP = """\
void net(hls::stream<ap_uint<8> > &s_axis_0, hls::stream<ap_uint<8> > &m_axis_0) {
    INTERFACE(axis, s_axis_0)
    INTERFACE(axis, m_axis_0)
    INTERFACE(ap_ctrl_none, return)
    DATAFLOW
    hls::stream<ap_uint<8> > a;
    STREAM_DEPTH(a, 2)
    layer(s_axis_0, a);
    layer(a, m_axis_0);
}
"""

FAULTS = {
    "new": ("int place = 0;", "int place = 0;\n    int *p = new int[4];", "dynamic memory"),
    "malloc": ("int place = 0;", "int place = int(malloc(4));", "dynamic memory: malloc"),
    "vector": ("int place = 0;", "int place = 0;\n    std::vector<int> values;", "the standard library: std::vector"),
    "pointer": ("int place = 0;", "int place = 0;\n    const int *p = &STEPS;", "a pointer"),
    "float": ("int place = 0;", "int place = 0;\n    double x = 0;", "a floating-point number"),
    "while": ("place = (place", "while (place > 9) --place;\n        place = (place", "a loop without a bound"),
    "recursion": ("m0.write(sum);", "layer(s0, m0);\n        m0.write(sum);", "calls itself"),
    "bound": ("step < STEPS", "step < place", "the bound of a loop is no constant"),
    "counter": ("m0.write(sum);", "m0.write(sum);\n        step = 3;", "a loop changes its own variable"),
    "step": ("++step", "step *= 2", "the bound of a loop is no constant"),
    "not_pipelined": ("PIPELINE(1)", "", "neither pipelined nor unrolled"),
    "interval": ("PIPELINE(1)", "PIPELINE(2)", "another interval than 1"),
    "not_unrolled": ("UNROLL", "", "is not unrolled"),
    "not_partitioned": ("PARTITION(table, 2)", "", "table, dimension 2, is indexed by p of an unrolled loop"),
    "wrong_dimension": ("PARTITION(table, 2)", "PARTITION(table, 1)", "table, dimension 2, is indexed by p"),
    "by_another_name": (
        "sum += piece * table[place][p];",
        "const int lane = LANES - 1 - p;\n sum += piece * buffer[lane];",
        "buffer, dimension 1, is indexed by p",
    ),
    "not_static": ("static const ap_uint<8> table", "const ap_uint<8> table", "table are not static const"),
    "not_const": ("static const ap_uint<8> table", "static ap_uint<8> table", "table are not static const"),
    "state": ("ap_uint<8> buffer[DEPTH];", "static ap_uint<8> buffer[DEPTH];", "buffer is kept from call to call"),
    "third_port": ("m0.write(sum);", "m0.write(sum + buffer[word]);", "buffer is reached too often in one step"),
    "every_lane": ("table[place][p]", "table[piece][0]", "table is reached too often in one step: read [piece] x 4"),
    "two_writes": ("m0.write(sum);", "buffer[3] = 0;\n m0.write(sum);", "buffer is reached too often"),
    "no_distance": ("DISTANCE(buffer, 4)", "", "buffer is made from itself, and the distance"),
    "no_room": ("DISTANCE(buffer, 4)", "DISTANCE(buffer, 1)", "which a memory cannot do"),
    "denied": (
        "DISTANCE(buffer, 4)",
        "INTAGLIO_PRAGMA(HLS dependence variable=buffer type=inter dependent=false)",
        "nobody can check what is said of the dependence on buffer",
    ),
    "polls": (
        "ap_uint<8> word = s0.read();",
        "ap_uint<8> word = s0.empty() ? 0 : 1;",
        "other than by read() and write()",
    ),
    "operator": (
        "ap_uint<8> word = s0.read();",
        "ap_uint<8> word;\n        s0 >> word;",
        "other than by read() and write()",
    ),
    "twice": ("m0.write(sum);", "m0.write(sum);\n        m0.write(word);", "2 words of stream m0 in one step"),
    "both_ways": ("m0.write(sum);", "m0.write(m0.read());", "stream m0 is read and write used"),
    "unused": ("m0.write(sum);", "", "stream m0 is not used"),
    "by_value": ("&m0) {", "m0) {", "m0 is no stream but"),
    "range": ("const ap_uint<2> piece = word", "const ap_uint<2> piece = 1 + word", "a range is calculated with"),
    "syntax": ("m0.write(sum);", "m0.write(sum;", "is not understood"),
}

TOP_FAULTS = {
    "named": ("ap_uint<8> > a;", 'ap_uint<8> > a("a");', "a stream with a name"),
    "two_readers": (
        "layer(a, m_axis_0);",
        "layer(a, m_axis_0);\n layer(a, m_axis_0);",
        "stream a is used in the order",
    ),
    "no_reader": ("layer(a, m_axis_0);", "layer(s_axis_0, m_axis_0);", "stream a is used in the order ['write']"),
    "backwards": (
        "layer(s_axis_0, a);\n    layer(a, m_axis_0);",
        "layer(a, m_axis_0);\n    layer(s_axis_0, a);",
        "['read', 'write']",
    ),
    "condition": (
        "    layer(a, m_axis_0);",
        "    if (1) layer(a, m_axis_0);",
        "not a call of a layer in a dataflow region",
    ),
    "loop": ("    layer(s_axis_0, a);", "    for (int k = 0; k < 2; ++k) layer(s_axis_0, a);", "not a call of a layer"),
    "variable": (
        "    DATAFLOW\n",
        "    DATAFLOW\n    int x = 0;\n",
        "not a call of a layer in a dataflow region: int x",
    ),
    "interface": ("INTERFACE(axis, m_axis_0)", "", "missing: interface mode=axis port=m_axis_0"),
    "control": (
        "INTERFACE(ap_ctrl_none, return)",
        "INTERFACE(ap_ctrl_hs, return)",
        "unknown: interface mode=ap_ctrl_hs",
    ),
}


def test_the_example_of_the_faults_is_right() -> None:
    assert wrong_in(LAYER, TOP) == []


@pytest.mark.parametrize("fault", [*FAULTS, *TOP_FAULTS])
def test_every_rule_bites(fault: str) -> None:
    old, new, message = (FAULTS | TOP_FAULTS)[fault]
    text = LAYER + TOP
    assert text.count(old) == 1
    found = wrong_in(text.replace(old, new))
    assert any(message in problem for problem in found), found


def test_a_line_of_one_word_is_a_register() -> None:
    """An image one pixel wide comes to the same place in every step, which only registers can do."""
    op = Conv2d(as_integers(np.ones((2, 3, 1, 1))), as_integers(np.zeros(2)))
    context = op.params(Kernel(2, 3), TensorType.integer((6, 1, 1), 0, 3))
    text = render("hls/conv2d.cpp.j2", **context, module="tall")
    assert "DISTANCE(lines, 1)" in text
    assert wrong_in(text) == []
