"""The AXI4-Stream ports of a core, as every renderer sees them: names, beats, widths padded to whole bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import IntaglioError
from ..ir import TensorType
from ..ops.netlist import Channel, Netlist
from .reserved import RESERVED

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Port:
    """One stream at the border. `axis` is its name, `tensor` what it carries, `channel` the channel behind it."""

    axis: str
    index: int
    tensor: str
    channel: str
    kind: TensorType
    lanes: int
    beats: int
    width: int

    @property
    def bytes(self) -> int:
        """Bytes of TDATA."""
        return (self.width + 7) // 8

    @property
    def padding(self) -> int:
        """Bits of TDATA above the elements."""
        return 8 * self.bytes - self.width

    @property
    def msb(self) -> int:
        """The highest bit of TDATA."""
        return 8 * self.bytes - 1

    @property
    def top(self) -> int:
        """The highest bit that carries an element."""
        return self.width - 1


def input_ports(netlist: Netlist) -> tuple[Port, ...]:
    """s_axis_0, s_axis_1, …: one for each input of the graph."""
    return tuple(_port("s_axis", k, channel) for k, channel in enumerate(netlist.outputs_of[""]))


def output_ports(netlist: Netlist) -> tuple[Port, ...]:
    """m_axis_0, m_axis_1, …: one for each output of the graph."""
    return tuple(_port("m_axis", k, channel) for k, channel in enumerate(netlist.inputs_of[""]))


def _port(prefix: str, index: int, channel: Channel) -> Port:
    return Port(
        f"{prefix}_{index}",
        index,
        channel.tensor,
        channel.name,
        channel.kind,
        channel.lanes,
        channel.beats,
        channel.width,
    )


def probe_channels(netlist: Netlist) -> dict[str, Channel]:
    """The channel that each node writes, by the node's name."""
    nodes = {block.name for block in netlist.blocks if block.node}
    return {c.source[0]: c for c in netlist.channels if c.source[0] in nodes and c.source[1] == 0}


def summary(netlist: Netlist) -> str:
    """The network in a few words, for the head of a file."""
    ports = [*input_ports(netlist), *output_ports(netlist)]
    return f"{len(netlist.graph.nodes)} operators; " + ", ".join(
        f"{p.axis} = {p.tensor} {_brief(p.kind)}" for p in ports
    )


def _brief(kind: TensorType) -> str:
    return f"{kind.dtype}[{'x'.join(map(str, kind.shape))}]"


def check_name(name: str) -> str:
    """The name of a core, if Verilog, C++, Tcl and a file system all take it."""
    if not NAME.fullmatch(name) or "__" in name or name.endswith("_"):
        raise IntaglioError(f"{name!r} cannot name a core", hint="use letters, digits and single underscores")
    if name in RESERVED or name.startswith(("intaglio_", "ap_")):
        raise IntaglioError(f"{name!r} cannot name a core: the word is taken", hint=f"{name}_net, say")
    return name
