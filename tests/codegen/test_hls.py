"""The rendered HLS project as text, and its Tcl under a stubbed tclsh."""

from __future__ import annotations

from pathlib import Path

from intaglio.codegen.hls import SLACK, render_hls
from intaglio.ops.netlist import Netlist
from tcl import run_tcl


def test_the_top_is_a_dataflow_of_one_function_per_block(ports: Netlist) -> None:
    text = render_hls(ports, "net")["hls/net.cpp"]
    top = text[text.index("void net(") :]
    for line in (
        "DATAFLOW",
        "INTERFACE(ap_ctrl_none, return)",
        "INTERFACE(axis, s_axis_1)",
        "INTERFACE(axis, m_axis_2)",
    ):
        assert line in top
    for block in ports.blocks:
        assert text.count(f"void net_{block.name}(") == 1
        assert top.count(f"    net_{block.name}(") == 1
    for channel in ports.channels:
        depth = channel.depth + SLACK if channel.depth > 2 else 2
        assert f"STREAM_DEPTH({channel.name}, {depth})" in top


def test_every_file_that_is_named_is_there(chain: Netlist) -> None:
    files = render_hls(chain, "net", part="xck26-sfvc784-2LV-c", clock_mhz=300)
    config = files["hls/hls_config.cfg"]
    assert "part=xck26-sfvc784-2LV-c\n" in config
    assert "clock=3.333ns" in config
    vectors = {"input_0.txt", "expected_0.txt"}
    named = {line.split("=")[1] for line in config.splitlines() if line.startswith(("syn.file", "tb.file"))}
    assert named == {"net.cpp", "net_test.cpp"} | vectors
    assert all(f"hls/{name}" in files for name in named - vectors)
    assert set(files) >= {"hls/shim/ap_axi_sdata.h", "hls/Makefile", "hls/README.md", "hls/intaglio.h"}


def test_the_tcl_runs(chain: Netlist, tmp_path: Path) -> None:
    calls = run_tcl(render_hls(chain, "net"), "hls/build.tcl", tmp_path)
    assert [call.split()[0] for call in calls] == [
        "open_project", "set_top", "add_files", "add_files", "add_files", "add_files", "open_solution", "set_part",
        "create_clock", "csim_design", "csynth_design", "cosim_design", "export_design",
    ]  # fmt: skip
    assert "set_part xc7z020clg400-1" in calls
    assert "create_clock -period 10.000 -name default" in calls
