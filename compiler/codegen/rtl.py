"""A netlist as SystemVerilog: one module per block, the library modules they use, the core, and the .v that wraps it.

rtl/<name>.v             the top: AXI4-Stream ports with Vivado's interface attributes
rtl/<name>_core.sv       blocks and FIFOs, TLAST counters, the error flag
rtl/<name>_<block>.sv    one per block
rtl/intaglio_*.sv        library modules, only those in use
"""

from __future__ import annotations

import re
from importlib.resources import files

from ..ops.netlist import Block, Netlist
from .border import check_name, input_ports, output_ports, probe_channels, summary
from .env import render


def render_rtl(netlist: Netlist, name: str, *, probe: bool = False) -> dict[str, str]:
    """The files of the core `name`, by path.

    Args:
        netlist: the hardware.
        name: of the top module and the prefix of all others, so that two cores can share a design.
        probe: for simulation: every node's output beats are written to `probe_<node>.txt` in the working folder, and
            at the end the state of every channel to `probe_channels.txt`.
    """
    check_name(name)
    sources, sinks = input_ports(netlist), output_ports(netlist)
    result = {
        f"rtl/{name}.v": render(
            "rtl/top/wrapper.v.j2",
            name=name,
            sources=sources,
            sinks=sinks,
            ports=(*sources, *sinks),
            buses=":".join(port.axis for port in (*sources, *sinks)),
        ),
        f"rtl/{name}_core.sv": render(
            "rtl/top/core.sv.j2",
            name=name,
            summary=summary(netlist),
            probe=probe,
            sources=sources,
            sinks=sinks,
            channels=[
                {
                    "name": channel.name,
                    "tensor": channel.tensor,
                    "kind": channel.kind.dtype,
                    "lanes": channel.lanes,
                    "channels": channel.kind.channels,
                    "beats": channel.beats,
                    "width": channel.width,
                    "msb": channel.width - 1,
                    "depth": channel.depth,
                }
                for channel in netlist.channels
            ],
            blocks=[_instance(netlist, name, block) for block in netlist.blocks],
            probes=[(node, channel.name) for node, channel in probe_channels(netlist).items()],
        ),
    }
    for block in netlist.blocks:
        module = f"{name}_{block.name}"
        result[f"rtl/{module}.sv"] = render(f"rtl/{block.template}.sv.j2", **(block.params | {"module": module}))
    return result | library("\n".join(result.values()))


def library(text: str) -> dict[str, str]:
    """The modules of templates/rtl/lib that this text uses, and those that they use."""
    folder = files("intaglio.templates") / "rtl" / "lib"
    known = sorted(entry.name.removesuffix(".sv.j2") for entry in folder.iterdir() if entry.name.endswith(".sv.j2"))
    found: dict[str, str] = {}
    fresh = text
    while fresh:
        used = [module for module in known if module not in found and re.search(rf"\b{module}\b", fresh)]
        added = {module: render(f"rtl/lib/{module}.sv.j2") for module in used}
        found |= added
        fresh = "\n".join(added.values())
    return {f"rtl/{module}.sv": found[module] for module in sorted(found)}


def _instance(netlist: Netlist, name: str, block: Block) -> dict[str, object]:
    ins = [(f"s{k}", f"{channel.name}_m") for k, channel in enumerate(netlist.inputs_of[block.name])]
    outs = [(f"m{k}", f"{channel.name}_s") for k, channel in enumerate(netlist.outputs_of[block.name])]
    pins = [{"port": port, "wire": wire} for port, wire in ins + outs]
    return {"name": block.name, "module": f"{name}_{block.name}", "pins": pins}
