"""The rendered RTL as text; that it simulates is for hls_tests/test_top.py."""

from __future__ import annotations

import re

import pytest
from intaglio.codegen.border import check_name
from intaglio.codegen.rtl import library, render_rtl
from intaglio.errors import IntaglioError
from intaglio.ops.netlist import Netlist


def test_every_block_and_only_the_library_in_use_has_a_file(chain: Netlist) -> None:
    files = render_rtl(chain, "net")
    blocks = {f"rtl/net_{block.name}.sv" for block in chain.blocks}
    assert len(blocks) == 3  # two layers and a width converter
    assert set(files) >= blocks | {"rtl/net.v", "rtl/net_core.sv", "rtl/intaglio_fifo.sv", "rtl/intaglio_frame.sv"}
    text = "\n".join(files.values())
    for path in files:
        module = path.removeprefix("rtl/").split(".")[0]
        assert re.search(rf"^module {module}\b", text, re.MULTILINE)
        assert len(re.findall(rf"\b{module}\b", text)) > 1, f"{module} is not used"


def test_library_follows_uses_of_uses() -> None:
    assert library("nothing") == {}
    assert set(library("intaglio_fifo #() f ();")) >= {"rtl/intaglio_fifo.sv"}


def test_the_top_has_the_contracts_ports_and_vivados_attributes(ports: Netlist) -> None:
    top = render_rtl(ports, "net")["rtl/net.v"]
    assert "ASSOCIATED_BUSIF s_axis_0:s_axis_1:m_axis_0:m_axis_1:m_axis_2," in top
    assert "POLARITY ACTIVE_LOW" in top
    assert "FREQ_HZ" not in top.split("module", 1)[1]
    assert "input  wire [31:0] s_axis_0_tdata" in top
    assert "input  wire [15:0] s_axis_1_tdata" in top  # 9 lanes of one bit, padded
    assert "TDATA_NUM_BYTES 2," in top
    for port in ("s_axis_0", "s_axis_1", "m_axis_0", "m_axis_1", "m_axis_2"):
        for signal in ("tdata", "tvalid", "tready", "tlast"):
            assert f'"xilinx.com:interface:axis:1.0 {port} {signal.upper()}"' in top
            assert top.count(f"{port}_{signal}") == 3


def test_probes_are_only_there_when_asked_for(chain: Netlist) -> None:
    assert "probe" not in "".join(render_rtl(chain, "net").values()).lower()
    core = render_rtl(chain, "net", probe=True)["rtl/net_core.sv"]
    assert 'fopen("probe_first.txt"' in core
    assert 'fopen("probe_second.txt"' in core


def test_two_cores_share_no_module_but_the_library(chain: Netlist) -> None:
    shared = set(render_rtl(chain, "one")) & set(render_rtl(chain, "two"))
    assert all(path.startswith("rtl/intaglio_") for path in shared)


def test_rendering_is_deterministic(ports: Netlist) -> None:
    assert render_rtl(ports, "net") == render_rtl(ports, "net")


@pytest.mark.parametrize(
    "name", ["", "9net", "a b", "net-1", "a__b", "net_", "_net", "né", "fork", "class", "main", "intaglio"]
)
def test_a_name_that_some_tool_would_refuse_is_refused(name: str) -> None:
    with pytest.raises(IntaglioError, match="cannot name a core"):
        check_name(name)
