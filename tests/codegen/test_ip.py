"""Packaging, block design and build scripts: valid Tcl that wires every port of the core, for every kind of board."""

from __future__ import annotations

from pathlib import Path

import pytest
from intaglio.codegen.ip import render_ip
from intaglio.codegen.rtl import render_rtl
from intaglio.ops.netlist import Netlist
from some_boards import BOARDS, Board
from tcl import run_tcl


def test_boards_without_a_processor_only_get_the_packaging(chain: Netlist, board: Board) -> None:
    files = set(render_ip(chain, "net", board, 100))
    whole = {"ip/package.tcl", "ip/block_design.tcl", "ip/build.tcl"}
    assert files == (whole if board.family.startswith("zynq") else {"ip/package.tcl"})


def test_packaging_takes_all_of_the_rtl_and_insists_on_its_interfaces(
    ports: Netlist, board: Board, tmp_path: Path
) -> None:
    files = render_rtl(ports, "net") | render_ip(ports, "net", board, 100)
    calls = run_tcl(files, "ip/package.tcl", tmp_path)
    added = next(call for call in calls if call.startswith("add_files"))
    assert all(Path(path).name in added for path in files if path.startswith("rtl/"))
    for bus in ("s_axis_0", "s_axis_1", "m_axis_0", "m_axis_1", "m_axis_2"):
        assert f"ipx::associate_bus_interfaces -busif {bus} -clock ap_clk ipx::current_core" in calls
    assert calls[-3:] == ["ipx::check_integrity ipx::current_core", "ipx::save_core ipx::current_core", "close_project"]
    assert "ipx::update_checksums ipx::current_core" in calls


@pytest.mark.parametrize("family", ["zynq7", "zynqmp"])
def test_build_wires_every_port_once(ports: Netlist, family: str, tmp_path: Path) -> None:
    files = render_rtl(ports, "net") | render_ip(ports, "net", BOARDS[family], 125)
    handoff = tmp_path / "ip/system_project/net_system.gen/sources_1/bd/system/hw_handoff/system.hwh"
    handoff.parent.mkdir(parents=True)
    handoff.write_text("hwh")
    calls = run_tcl(files, "ip/build.tcl", tmp_path)
    assert (tmp_path / "ip/net.bit").read_text() == "bits"
    assert (tmp_path / "ip/net.hwh").read_text() == "hwh"
    wires = [call.split()[1:] for call in calls if call.startswith("connect_bd_intf_net")]
    ends = [end for wire in wires for end in wire]
    assert all(len(wire) == 2 for wire in wires)
    assert len(set(ends)) == len(ends), "an interface is connected twice"
    for bus in ("s_axis_0", "s_axis_1", "m_axis_0", "m_axis_1", "m_axis_2"):
        assert f"net_0/{bus}" in ends
    # two inputs and three outputs: three DMAs, the third of which only receives
    assert [end for end in ends if end.endswith("S_AXI_LITE")] == [f"axi_dma_{k}/S_AXI_LITE" for k in range(3)]
    assert "axi_dma_2/M_AXIS_MM2S" not in ends
    # an interface whose width is no power of two of bytes goes through a converter
    pins = [call.split()[2] for call in calls if call.startswith("connect_bd_net")]
    assert len(set(pins)) == len(pins), "a pin is driven twice"
    assert {"net_0/ap_clk", "net_0/ap_rst_n", *(f"axi_dma_{k}/axi_resetn" for k in range(3))} <= set(pins)


@pytest.mark.parametrize("family", ["zynq7", "zynqmp"])
def test_odd_widths_go_through_converters(chain: Netlist, family: str) -> None:
    text = render_ip(chain, "net", BOARDS[family], 100)["ip/block_design.tcl"]
    assert "CONFIG.M_TDATA_NUM_BYTES {3}" in text  # seven lanes of three bits come out of a DMA of four bytes
    assert "CONFIG.c_m_axis_mm2s_tdata_width {32}" in text
    assert "CONFIG.HAS_MI_TKEEP {1}" in text


def test_no_version_of_any_tool_or_core_is_fixed(chain: Netlist) -> None:
    text = "".join(render_ip(chain, "net", BOARDS["zynq7"], 100).values())
    for core in ("axi_dma", "smartconnect", "processing_system7", "proc_sys_reset"):
        assert f"xilinx.com:ip:{core} " in text
