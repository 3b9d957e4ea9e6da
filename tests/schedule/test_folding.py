"""Foldings by hand: written, edited, read back; in part; from FINN's JSON; and what is said of wrong ones."""

from __future__ import annotations

import json
import tomllib
from dataclasses import asdict, replace
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any

import intaglio
import numpy as np
import pytest
from intaglio.errors import IntaglioError
from intaglio.flow.design import Design
from intaglio.ir import Graph, Kernel, Node, TensorType, as_integers
from intaglio.ops import Conv2d, Dense
from intaglio.schedule.folding import as_folding, kernels_by_hand, print_folding, with_depths_by_hand
from small_networks import multilayer_perceptron, requantiser, residual_network


@pytest.fixture(scope="module")
def design() -> Design:
    return intaglio.compile(residual_network(), target_fps=50_000)


@pytest.fixture
def written(design: Design, tmp_path: Path) -> Path:
    path = tmp_path / "folding.toml"
    path.write_text(print_folding(design.netlist, design.clock_mhz, "a network"))
    return path


def kernels(design: Design) -> dict[str, Kernel]:
    return dict(design.netlist.schedule.kernels)


def test_what_is_written_is_read_back_as_it_was(design: Design, written: Path) -> None:
    again = intaglio.compile(residual_network(), folding=written)
    assert again.netlist.schedule == design.netlist.schedule
    assert again.asked["folding"] == {"from": str(written), "nodes": sorted(kernels(design)), "skipped": []}


def test_one_edited_kernel_changes_and_all_others_stay(design: Design, written: Path) -> None:
    table = tomllib.loads(written.read_text())
    assert table["conv2"]["pe"] != 3
    line = next(text for text in written.read_text().splitlines() if text.startswith("conv2 = "))
    written.write_text(written.read_text().replace(line, line.replace(f"pe = {table['conv2']['pe']}", "pe = 3")))
    edited = intaglio.compile(residual_network(), folding=written)
    assert kernels(edited)["conv2"].pe == 3
    others = {name: kernel for name, kernel in kernels(edited).items() if name != "conv2"}
    assert others == {name: kernel for name, kernel in kernels(design).items() if name != "conv2"}
    x = np.random.default_rng(0).random((3, 1, 8, 8))
    result = edited.verify(x, backends=("rtl",))
    assert result.passed, result
    cycles = edited.estimate().cycles
    assert (result.interval_cycles, result.latency_cycles) == (cycles.interval, cycles.latency)


def test_stages_follow_the_clock_unless_they_are_said(design: Design) -> None:
    network, clock = multilayer_perceptron(), 400
    node = network.by_name["hidden"]
    staged = node.op.pipelined(Kernel(6, 9), clock, *network.input_types(node))
    assert staged.stages > 1
    said = {"hidden": {"pe": 6, "simd": 9, "multiplier": "lut", "memory": "auto"}}
    free = intaglio.compile(network, clock_mhz=clock, folding=said)
    assert kernels(free)["hidden"].stages == staged.stages
    held = intaglio.compile(network, clock_mhz=clock, folding={"hidden": said["hidden"] | {"stages": 1}})
    assert kernels(held)["hidden"].stages == 1
    text = print_folding(held.netlist, clock, "")
    assert tomllib.loads(text)["hidden"]["stages"] == 1
    assert "stages" not in tomllib.loads(print_folding(free.netlist, clock, ""))["hidden"]
    again = intaglio.compile(network, clock_mhz=clock, folding=tomllib.loads(text))
    assert again.netlist.schedule == held.netlist.schedule


def test_nodes_that_are_not_named_are_solved() -> None:
    network = multilayer_perceptron()
    free = intaglio.compile(network, target_interval=20)
    given = intaglio.compile(network, target_interval=20, folding={"out": {"pe": 3, "simd": 2, "multiplier": "dsp"}})
    out = kernels(given)["out"]
    assert (out.pe, out.simd, out.multiplier) == (3, 2, "dsp")
    assert kernels(free)["out"] != out
    assert set(kernels(given)) == set(kernels(free))
    assert given.estimate().cycles.interval <= 20
    whole = intaglio.compile(network, target_interval=20, folding={"out": out})  # a Kernel is taken as it is
    assert kernels(whole)["out"] == out


def test_fields_that_are_left_out_are_the_solvers() -> None:
    """The cheapest of all multipliers and memories that the operator considers, compiled one by one."""
    graph, lanes = multilayer_perceptron(), {"pe": 2, "simd": 3}
    node = graph.by_name["hidden"]
    considered = list(node.op.choices(*graph.input_types(node)))
    shares = {}
    for multiplier, memory in product({k.multiplier for k in considered}, {k.memory for k in considered}):
        said = {"hidden": lanes | {"multiplier": multiplier, "memory": memory}}
        try:
            tried = intaglio.compile(graph, target_interval=20, folding=said)
        except IntaglioError:  # not for these lanes
            continue
        shares[multiplier, memory] = sum(tried.estimate().total.shares(tried.board.capacity).values())
    assert len(set(shares.values())) > 1
    taken = kernels(intaglio.compile(graph, target_interval=20, folding={"hidden": lanes}))["hidden"]
    assert (taken.pe, taken.simd) == (2, 3)
    assert shares[taken.multiplier, taken.memory] == min(shares.values())


def test_what_a_kernel_may_be_agrees_with_what_is_said(design: Design) -> None:
    said = as_folding({"conv2": {"pe": 2, "simd": 3, "memory": "bram"}}, design.graph)
    found = kernels_by_hand(said, design.graph, 100)["conv2"]
    assert len(found) > 1
    assert {(k.pe, k.simd, k.memory) for k in found} == {(2, 3, "bram")}
    node = design.graph.by_name["conv2"]
    unrolled = {"adders", "da4ml"}  # not at these lanes
    assert {k.multiplier for k in found} == {
        k.multiplier for k in node.op.choices(*design.graph.input_types(node)) if k.multiplier not in unrolled
    }


def test_fifos_can_be_made_deeper(design: Design) -> None:
    channel = max(design.netlist.channels, key=lambda c: c.depth)
    said = {**kernels(design), "fifos": {channel.name: channel.depth + 5}}
    deeper = intaglio.compile(residual_network(), folding=said)
    depths = {c.name: c.depth for c in design.netlist.channels}
    assert {c.name: c.depth for c in deeper.netlist.channels} == depths | {channel.name: channel.depth + 5}
    said["fifos"] = {channel.name: 10_000_000}
    with pytest.raises(IntaglioError, match=r"with FIFOs so deep nothing fits\n  against: .*BRAM36 of 112"):
        intaglio.compile(residual_network(), folding=said)


def test_wrong_depths_are_refused_in_words(design: Design) -> None:
    channel = max(design.netlist.channels, key=lambda c: c.depth)
    for name, depth, message in (
        (channel.name, -1, f"[fifos] {channel.name}: a depth is a number of words, not -1"),
        (channel.name, 2.5, f"[fifos] {channel.name}: a depth is a number of words, not 2.5"),
        (channel.name, channel.depth - 1, f"a depth of {channel.depth - 1} words is too little for full rate"),
        (channel.name, channel.depth - 1, f"hint: {channel.depth} or more"),
        (f"{channel.name}0", 4, f"there is no FIFO '{channel.name}0'\n  hint: did you mean '{channel.name}'?"),
        ("x__conv10", 4, "[fifos] x__conv10: this is a wire, and no FIFO\n  hint: leave it out"),
    ):
        with pytest.raises(IntaglioError) as caught:
            with_depths_by_hand(design.netlist, as_folding({"fifos": {name: depth}}, design.graph))
        assert message in str(caught.value)


def test_a_node_named_fifos_is_a_node() -> None:
    network = multilayer_perceptron()
    hidden, *others = network.nodes
    others[0] = replace(others[0], inputs=("fifos",))
    network = Graph(network.inputs, (replace(hidden, name="fifos"), *others), network.outputs)
    design = intaglio.compile(network)
    tables = tomllib.loads(print_folding(design.netlist, design.clock_mhz, ""))
    assert intaglio.compile(network, folding=tables).netlist.schedule == design.netlist.schedule


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("conv1 =", "folding.toml: the folding cannot be read: Invalid value"),
        ("conv1 = 3", "folding.toml, conv1: a node has a table of fields, not 3"),
        ("conv11 = { pe = 1, simd = 1 }", "folding.toml: there is no node 'conv11'\n  hint: did you mean 'conv1'?"),
        ("[zzz]\npe = 1", "there is no node 'zzz'\n  hint: there are conv1, quantised1, pool1"),
        ("conv1 = { pe = 1 }", "conv1: simd is missing\n  hint: say both"),
        ("conv1 = { pe = 1, simd = 1, simt = 1 }", "conv1: a kernel has no 'simt'\n  hint: did you mean 'simd'?"),
        ("conv1 = { pe = 1.5, simd = 1 }", "conv1: pe is a whole number from 1 up, not 1.5"),
        ("conv1 = { pe = true, simd = 1 }", "conv1: pe is a whole number from 1 up, not True"),
        ("conv1 = { pe = 0, simd = 1 }", "conv1: pe is a whole number from 1 up, not 0"),
        ("conv1 = { pe = 1, simd = 1, memory = 2 }", "conv1: memory is a word, not 2"),
        (
            'conv1 = { pe = 1, simd = 1, memory = "ram" }',
            "conv1: memory cannot be 'ram'\n  hint: one of auto, lutram, bram",
        ),
        ('conv1 = { pe = 1, simd = 1, memory = "uram" }', "conv1: parameters cannot lie in UltraRAM"),
        ('conv1 = { pe = 1, simd = 1, multiplier = "x" }', "conv1: there is no multiplier 'x'\n  hint: choose one of"),
        ("conv1 = { pe = 1, simd = 1, stages = 9 }", "conv1: 9 registers do not fit"),
        (
            "conv1 = { pe = 5, simd = 1 }",
            "conv1: conv2d has no kernel with pe = 5 and simd = 1\n  hint: with simd = 1, pe is 1 to 4",
        ),
        (
            "conv2 = { pe = 4, simd = 35 }",
            "conv2: conv2d has no kernel with pe = 4 and simd = 35\n  hint: with pe = 4, simd is 1 to 4, 36",
        ),
        ("joined = { pe = 1, simd = 2 }", "hint: with simd = 2, pe is 2; with pe = 1, simd is 1"),
        ("fc = { pe = 9, simd = 9 }", "hint: pe is 1 to 5, simd is 1 to 4"),
        ("fifos = 3", "folding.toml: [fifos] is a table of depths by name"),
    ],
)
def test_a_wrong_folding_is_refused_in_words(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "folding.toml"
    path.write_text(text)
    with pytest.raises(IntaglioError) as caught:
        intaglio.compile(residual_network(), target_fps=1000, folding=path)
    assert message in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    for name in ("none.toml", "none.json"):
        with pytest.raises(IntaglioError, match=f"{name}: the folding cannot be read: No such file"):
            intaglio.compile(multilayer_perceptron(), folding=tmp_path / name)


# ---- FINN's JSON -----------------------------------------------------------------------------------------------------


def finn_network() -> Graph:
    """A convolution, a depthwise one, a dense layer, each but the last with a requantiser."""
    rng = np.random.default_rng(0)

    def weights(*shape: int) -> Any:
        return as_integers(rng.integers(-3, 4, shape))

    scale = Fraction(1, 4)
    nodes = (
        Node("first", Conv2d(weights(4, 3, 3, 2), weights(4)), ("x",)),
        Node("quantised1", requantiser(4, Fraction(1, 32), scale), ("first",)),
        Node("depthwise", Conv2d(weights(4, 3, 3, 1), weights(4), groups=4), ("quantised1",)),
        Node("quantised2", requantiser(4, Fraction(1, 64), scale), ("depthwise",)),
        Node("last", Dense(weights(6, 4), weights(6)), ("quantised2",)),
    )
    return Graph({"x": TensorType.integer((6, 6, 2), 0, 15)}, nodes, ("last",))


def from_finn(layers: dict[str, Any], tmp_path: Path) -> Design:
    path = tmp_path / "finn.json"
    path.write_text(json.dumps(layers))
    return intaglio.compile(finn_network(), target_fps=10_000, folding=path)


def test_finn_layers_are_found_by_their_order(tmp_path: Path) -> None:
    layers = {
        "Defaults": {},
        "Thresholding_Batch_0": {"PE": 4, "ram_style": "distributed"},
        "ConvolutionInputGenerator_0": {"SIMD": 2, "ram_style": "distributed"},
        "StreamingFIFO_0": {"depth": 64, "impl_style": "rtl"},
        "MatrixVectorActivation_0": {"PE": 2, "SIMD": 2, "ram_style": "block", "resType": "lut"},
        "Vector_Vector_Activate_Batch_0": {"PE": 2, "resType": "lut"},
        "Thresholding_Batch_1": {"PE": 2},
        "MatrixVectorActivation_1": {"PE": 3, "SIMD": 4, "ram_style": "auto"},
        "LabelSelect_Batch_0": {"PE": 1},
    }
    design = from_finn(layers, tmp_path)
    lanes = {name: (kernel.pe, kernel.simd) for name, kernel in kernels(design).items()}
    assert lanes == {"first": (2, 2), "quantised1": (4, 4), "depthwise": (2, 2), "quantised2": (2, 2), "last": (3, 4)}
    assert kernels(design)["first"].memory == "bram"
    assert design.asked["folding"]["skipped"] == [
        "ConvolutionInputGenerator: Intaglio makes its own",
        "LabelSelect: Intaglio makes its own",
        "StreamingFIFO: Intaglio makes its own",
        "resType: the solver chooses how to multiply",
    ]


def test_hls_and_rtl_layers_count_apart_and_stand_in_order(tmp_path: Path) -> None:
    design = from_finn({"MVAU_rtl_0": {"PE": 4, "SIMD": 2}, "MVAU_hls_0": {"PE": 2, "SIMD": 1}}, tmp_path)
    assert (kernels(design)["first"].pe, kernels(design)["last"].pe) == (4, 2)
    alone = from_finn({"MVAU_hls_1": {"PE": 2, "SIMD": 1}}, tmp_path)  # a file may say less than everything
    assert alone.asked["folding"]["nodes"] == ["last"]


def test_defaults_and_whole_windows_of_depthwise_layers(tmp_path: Path) -> None:
    design = from_finn(
        {"Defaults": {"ram_style": ["block", ["MVAU_hls"]], "SIMD": [9, ["all"]]}, "VVAU_hls_0": {"PE": 2}}, tmp_path
    )
    assert (kernels(design)["depthwise"].pe, kernels(design)["depthwise"].simd) == (2, 18)
    given = from_finn({"Defaults": {"ram_style": ["block", ["MVAU"]]}, "MVAU_1": {"PE": 1, "SIMD": 1}}, tmp_path)
    assert kernels(given)["last"].memory == "bram"


def test_thresholds_that_do_not_match_and_ultraram_are_skipped_in_words(tmp_path: Path) -> None:
    design = from_finn({"Thresholding_0": {"PE": 4}, "MVAU_0": {"PE": 1, "SIMD": 1, "ram_style": "ultra"}}, tmp_path)
    assert design.asked["folding"]["nodes"] == ["first"]
    assert design.asked["folding"]["skipped"] == [
        "ram_style ultra: parameters come with the bitstream, and UltraRAM powers up empty",
        "Thresholding: 1 of them, but 2 requantisers here",
    ]


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([1], "finn.json: FINN's folding is an object of layers, each an object of attributes"),
        ({"MVAU_0": 3}, "finn.json: FINN's folding is an object of layers"),
        (
            {"MVAU_2": {"PE": 1}},
            "MVAU_2: there is no such layer: the network has 2 of that kind\n  against: first, last",
        ),
        ({"MVAU_0": {"PE": "2"}}, "MVAU_0: PE is a whole number from 1 up, not '2'"),
        ({"MVAU_0": {"PE": 2, "SIMD": 0}}, "MVAU_0: SIMD is a whole number from 1 up, not 0"),
        (
            {"MVAU_0": {"PE": 2, "SIMD": 9}},
            "MVAU_0, which is first: conv2d has no kernel with pe = 2 and simd = 9\n"
            "  hint: with pe = 2, simd is 1 to 2, 18",
        ),
    ],
)
def test_a_wrong_finn_folding_is_refused_in_words(tmp_path: Path, layers: Any, message: str) -> None:
    with pytest.raises(IntaglioError) as caught:
        from_finn(layers, tmp_path)
    assert message in str(caught.value)


def test_json_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "finn.json").write_text('{"MVAU_0":')
    with pytest.raises(IntaglioError, match=r"finn.json: the folding cannot be read: Expecting value"):
        intaglio.compile(finn_network(), folding=tmp_path / "finn.json")


def test_kernels_as_tables_and_as_kernels_are_the_same(design: Design) -> None:
    by_table = {name: asdict(kernel) for name, kernel in kernels(design).items()}
    one, other = (intaglio.compile(residual_network(), folding=given) for given in (by_table, kernels(design)))
    assert one.netlist.schedule == other.netlist.schedule == design.netlist.schedule
