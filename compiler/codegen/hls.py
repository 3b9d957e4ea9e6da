"""A netlist as a Vitis HLS project: one function per block and a dataflow top, with a self-checking testbench.

hls/<name>.cpp .h        the functions and the top
hls/intaglio*.h          pragmas as macros, AXI4-Stream words
hls/<name>_test.cpp      testbench; its vectors are rendered by `testbench.py`
hls/build.tcl            Vitis HLS and `vitis-run --mode hls --tcl`
hls/hls_config.cfg       the component flow of Vitis 2023.2 and later
hls/Makefile, hls/shim/  C-simulation with g++ alone
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ..ops.netlist import Block, Channel, Netlist
from .border import Port, check_name, input_ports, output_ports, probe_channels, summary
from .env import render

SLACK = 16
"""Words that a deep channel gets beyond its depth in RTL: pipelines that Vitis builds hold more beats than ours."""


def render_hls(
    netlist: Netlist, name: str, *, part: str = "xc7z020clg400-1", clock_mhz: float = 100.0
) -> dict[str, str]:
    """The files of the project for the core `name`, by path (without the testbench's vectors)."""
    context = _context(netlist, check_name(name)) | {"part": part, "period": f"{1000 / clock_mhz:.3f}"}
    files = {
        f"hls/{name}.cpp": "hls/top/top.cpp.j2",
        f"hls/{name}.h": "hls/top/top.h.j2",
        "hls/intaglio.h": "hls/intaglio.h.j2",
        "hls/intaglio_axis.h": "hls/top/intaglio_axis.h.j2",
        f"hls/{name}_test.cpp": "hls/top/test.cpp.j2",
        "hls/build.tcl": "hls/top/build.tcl.j2",
        "hls/hls_config.cfg": "hls/top/hls_config.cfg.j2",
        "hls/Makefile": "hls/top/Makefile.j2",
        "hls/README.md": "hls/top/README.md.j2",
        "hls/shim/ap_axi_sdata.h": "hls/top/ap_axi_sdata.h.j2",
    }
    return {path: render(template, **context) for path, template in files.items()}


def render_csim_main(netlist: Netlist, name: str) -> str:
    """A `main` for the project that reads and writes binary files: how `verify` runs many frames."""
    return render("hls/top/csim_main.cpp.j2", **_context(netlist, name))


def _context(netlist: Netlist, name: str) -> dict[str, Any]:
    sources = [_port(port) for port in input_ports(netlist)]
    sinks = [_port(port) for port in output_ports(netlist)]
    ports = sources + sinks
    probes = {node: channel.name for node, channel in probe_channels(netlist).items()}
    return {
        "name": name,
        "summary": summary(netlist),
        "sources": sources,
        "sinks": sinks,
        "ports": ports,
        "signature": ", ".join(f"hls::stream<{port['axis']}_t> &{port['axis']}" for port in ports),
        "arguments": ", ".join(port["axis"] for port in ports),
        "functions": [_function(name, block) for block in netlist.blocks],
        "channels": [{"name": c.name, "width": c.width, "depth": _depth(c)} for c in netlist.channels],
        "blocks": [
            {
                "name": block.name,
                "module": f"{name}_{block.name}",
                "streams": ", ".join(c.name for c in (*netlist.inputs_of[block.name], *netlist.outputs_of[block.name])),
                "probe": probes.get(block.name, ""),
            }
            for block in netlist.blocks
        ],
    }


def _function(name: str, block: Block) -> str:
    return render(f"hls/{block.template}.cpp.j2", **(block.params | {"module": f"{name}_{block.name}"}))


def _port(port: Port) -> dict[str, Any]:
    return asdict(port) | {"kind": port.kind, "bits": 8 * port.bytes}


def _depth(channel: Channel) -> int:
    return max(2, channel.depth) if channel.depth <= 2 else channel.depth + SLACK
