"""Tcl that makes an IP core of the RTL, and, for boards with a processing system, a whole design up to the bitstream.

ip/package.tcl       ipx::package_project on ../rtl, interfaces recognised or an error
ip/block_design.tcl  Zynq or MPSoC, AXI DMA, width converters where TDATA is no power of two of bytes
ip/build.tcl         both, then implementation, .bit and .hwh
"""

from __future__ import annotations

from typing import Any, Protocol

from ..ops.netlist import Netlist
from .border import Port, check_name, input_ports, output_ports, summary
from .env import render

PROCESSING_SYSTEMS = {"zynq7": 32, "zynqmp": 40}
"""Families with a processing system, and the address bits that their DMAs take."""

WIDEST_DMA = 128
"""Bytes of the widest stream that an AXI DMA has."""


class BoardLike(Protocol):
    """What of a board matters here."""

    @property
    def name(self) -> str: ...
    @property
    def part(self) -> str: ...
    @property
    def family(self) -> str: ...
    @property
    def board_part(self) -> str: ...


def has_processor(board: BoardLike) -> bool:
    """Whether a block design and a driver can be made for the board."""
    return board.family in PROCESSING_SYSTEMS


def render_ip(netlist: Netlist, name: str, board: BoardLike, clock_mhz: float) -> dict[str, str]:
    """The scripts, by path; for a board without a processing system only the packaging."""
    sources, sinks = input_ports(netlist), output_ports(netlist)
    context: dict[str, Any] = {
        "name": check_name(name),
        "summary": summary(netlist).replace("[", " ").replace("]", " "),
        "board": board.name,
        "part": board.part,
        "family": board.family,
        "board_part": board.board_part,
        "preset": 1 if board.board_part else 0,
        "clock_mhz": f"{clock_mhz:g}",
        "address_bits": PROCESSING_SYSTEMS.get(board.family, 32),
        "buses": " ".join(port.axis for port in (*sources, *sinks)),
        "memory_ports": len(sources) + len(sinks),
        "dmas": _dmas(sources, sinks),
    }
    scripts = ["package", "block_design", "build"] if has_processor(board) else ["package"]
    return {f"ip/{script}.tcl": render(f"ip/{script}.tcl.j2", **context) for script in scripts}


def _dmas(sources: tuple[Port, ...], sinks: tuple[Port, ...]) -> list[dict[str, Any]]:
    """axi_dma_k serves input k and output k; each direction takes the next port of the memory interconnect."""
    result = []
    used = 0
    for k in range(max(len(sources), len(sinks))):
        dma: dict[str, Any] = {"name": f"axi_dma_{k}", "control": f"M{k:02}_AXI", "source": None, "sink": None}
        for end, ports in (("source", sources), ("sink", sinks)):
            if k < len(ports):
                dma[end] = _channel(ports[k], used)
                used += 1
        result.append(dma)
    return result


def _channel(port: Port, number: int) -> dict[str, Any]:
    size = min(WIDEST_DMA, 1 << (port.bytes - 1).bit_length())
    return {
        "axis": port.axis,
        "bytes": port.bytes,
        "dma_bytes": size,
        "dma_bits": 8 * size,
        "memory_bits": max(32, 8 * size),
        "memory": f"S{number:02}_AXI",
        "interrupt": f"In{number}",
        "converter": f"{port.axis}_width" if size != port.bytes else "",
    }
