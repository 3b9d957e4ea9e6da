"""Residual networks with the computed FIFO depths: at full rate in RTL, and slower or stuck with one word less on any.

Every variant is a core of its own, all of them in one Verilator build; blocks are the same modules in all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from intaglio.codegen.border import input_ports, output_ports
from intaglio.codegen.rtl import render_rtl
from intaglio.estimate.beat_cycles import Timeline
from intaglio.estimate.cycles import count_cycles
from intaglio.ir import Graph, Kernel, Node, Op, TensorType, as_integers
from intaglio.ops import Add, Concat, Conv2d, Shift
from intaglio.ops.beats import to_beats
from intaglio.ops.netlist import Netlist
from intaglio.toolchain.stream import StreamJob, StreamResult, run_stream_jobs
from networks import frames_of, scheduled

FRAMES = 8


def network(join: Op, short_size: int, lanes: dict[str, tuple[int, int]]) -> Netlist:
    """Two 3x3 convolutions beside a wire (short_size 0) or another convolution, joined; `lanes` (pe, simd) by role."""
    rng = np.random.default_rng(0)

    def conv(inputs: int, size: int) -> Conv2d:
        weight = as_integers(rng.integers(-3, 4, (6, size, size, inputs)))
        return Conv2d(weight, as_integers(rng.integers(-9, 9, 6)), padding=(size // 2,) * 4)

    clip = Shift(as_integers(np.full(6, 8)), 4, 0, 15)
    nodes = [Node("stem", conv(3, 1), ("x",)), Node("clip", clip, ("stem",))]
    nodes += [Node("first", conv(6, 3), ("clip",)), Node("clip_first", clip, ("first",))]
    nodes += [Node("second", conv(6, 3), ("clip_first",)), Node("clip_second", clip, ("second",))]
    short = "clip"
    if short_size:
        nodes += [Node("short", conv(6, short_size), ("clip",)), Node("clip_short", clip, ("short",))]
        short = "clip_short"
    nodes.append(Node("join", join, ("clip_second", short)))
    graph = Graph({"x": TensorType.integer((4, 4, 3), 0, 15)}, tuple(nodes), ("join",))
    kernels = {n.name: Kernel(*lanes.get(n.name, lanes["clip" if n.name.startswith("clip") else "all"])) for n in nodes}
    return scheduled(graph, kernels | {"stem": replace(kernels["stem"], simd=3)})


NETWORKS = {
    "add beside a wire": network(Add(), 0, {"all": (2, 3), "clip": (2, 2), "join": (2, 2)}),
    "add beside a convolution": network(Add(), 1, {"all": (3, 6), "clip": (3, 3), "join": (3, 3)}),
    "concat beside a wire": network(Concat(2), 0, {"all": (6, 6), "clip": (6, 6), "join": (4, 4)}),
}


@dataclass(frozen=True)
class Variant:
    """A network with the computed depths, or with one less on the FIFO that is named."""

    network: str
    fifo: str

    @property
    def netlist(self) -> Netlist:
        netlist = NETWORKS[self.network]
        channels = (replace(c, depth=c.depth - (c.name == self.fifo)) for c in netlist.channels)
        return replace(netlist, channels=tuple(channels))

    @property
    def stated(self) -> list[int] | None:
        """When each frame ends, beat by beat; None if it gets stuck."""
        netlist = self.netlist
        timeline = Timeline(netlist, {c.name: c.depth for c in netlist.channels})
        if not timeline.run(FRAMES):
            return None
        beats = timeline.outputs[0].beats
        return [timeline.outputs[0].came[(k + 1) * beats - 1] - timeline.start for k in range(FRAMES)]


VARIANTS = [
    Variant(name, fifo)
    for name, netlist in NETWORKS.items()
    for fifo in ("", *(c.name for c in netlist.channels if c.depth))
]


def bench(folder: Path) -> list[Path]:
    """The cores side by side, their ports behind v0_, v1_, …"""
    texts, ports, body = {}, ["input wire ap_clk", "input wire ap_rst_n"], []
    for index, variant in enumerate(VARIANTS):
        name = f"net{list(NETWORKS).index(variant.network)}"
        files = {Path(path).name: text for path, text in render_rtl(variant.netlist, name).items()}
        core = files.pop(f"{name}_core.sv").replace(f"module {name}_core", f"module core{index}")
        texts |= files | {f"core{index}.sv": core}
        pins = [".ap_clk(ap_clk)", ".ap_rst_n(ap_rst_n)", ".error()"]
        for port, into in ((input_ports(variant.netlist)[0], True), (output_ports(variant.netlist)[0], False)):
            signals = {"tdata": (into, f"[{port.msb}:0] "), "tvalid": (into, ""), "tlast": (into, "")}
            for signal, (inwards, span) in (signals | {"tready": (not into, "")}).items():
                ports.append(f"{'input' if inwards else 'output'} wire {span}v{index}_{port.axis}_{signal}")
                pins.append(f".{port.axis}_{signal}(v{index}_{port.axis}_{signal})")
        body.append(f"    core{index} core{index} ({', '.join(pins)});\n")
    texts["bench.sv"] = "module bench (\n    " + ",\n    ".join(ports) + "\n);\n" + "".join(body) + "endmodule\n"
    sources = []
    for path, text in texts.items():
        if not path.endswith(".v"):
            sources.append(folder / path)
            sources[-1].write_text(text)
    return sources


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[Variant, StreamResult]:
    folder = tmp_path_factory.mktemp("residual")
    jobs = []
    for index, variant in enumerate(VARIANTS):
        netlist = variant.netlist
        source, sink = input_ports(netlist)[0], output_ports(netlist)[0]
        inputs, _ = frames_of(netlist, FRAMES)
        idle = max(int(reads[0]) for block in netlist.blocks for reads in block.program.reads)
        limit = 4 * FRAMES * count_cycles(netlist).interval
        data = to_beats(inputs[0], source.kind, source.lanes)
        jobs.append(StreamJob((data,), ((FRAMES, sink.beats),), f"v{index}_", idle=idle, max_cycles=limit))
    found = run_stream_jobs(bench(folder), "bench", jobs, folder, strict=False)
    return dict(zip(VARIANTS, found, strict=True))


@pytest.mark.parametrize("name", NETWORKS)
def test_full_rate_in_the_stated_cycles(name: str, results: dict[Variant, StreamResult]) -> None:
    result, cycles = results[Variant(name, "")], count_cycles(NETWORKS[name])
    assert (result.interval, result.latency) == (cycles.interval, cycles.latency)
    sink = output_ports(NETWORKS[name])[0]
    tensors = frames_of(NETWORKS[name], FRAMES)[1]
    assert (result.outputs[0] == to_beats(tensors["join"], sink.kind, sink.lanes)).all()


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_every_variant_takes_the_cycles_that_are_simulated(
    variant: Variant, results: dict[Variant, StreamResult]
) -> None:
    result = results[variant]
    if variant.stated is None:
        assert result.problem
    else:
        assert (result.last_out[0] - result.first_in[0][0]).tolist() == variant.stated


@pytest.mark.parametrize("variant", [v for v in VARIANTS if v.fifo], ids=str)
def test_one_word_less_is_slower_or_stuck(variant: Variant, results: dict[Variant, StreamResult]) -> None:
    computed, less = results[Variant(variant.network, "")], results[variant]
    assert less.problem or less.interval > computed.interval or less.latency > computed.latency


def test_there_are_deep_and_shallow_fifos() -> None:
    depths = [c.depth for netlist in NETWORKS.values() for c in netlist.channels if c.depth]
    assert min(depths) <= 3
    assert max(depths) > 20
