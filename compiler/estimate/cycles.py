"""Cycles, exactly, from the programs of the blocks: interval and latency, of a netlist with FIFOs deep enough.

Times count from the cycle in which the first input beat is accepted (0), by a core that has idled since its reset: the
steps before a block's first read need no input and are done. A word written to a FIFO in cycle t can be read in t+1; a
channel of depth 0 is a wire.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .arrivals import earliest, earliest_writes
from .beat_cycles import Timeline, simulable
from .depths import fifo_depths

if TYPE_CHECKING:
    from ..ops.netlist import Netlist

__all__ = ["Cycles", "count_cycles", "earliest_writes", "fifo_depths", "slowest_block"]


@dataclass(frozen=True)
class Cycles:
    """interval: cycles between frames in the steady state. latency: first accepted input beat to last output beat.

    bottleneck: the block that sets the interval. steps: by block, its own interval.
    """

    interval: int
    latency: int
    bottleneck: str
    steps: dict[str, int]


def count_cycles(netlist: Netlist) -> Cycles:
    """The interval and latency of a netlist whose FIFOs are deep enough (`fifo_depths`)."""
    bottleneck, slowest = slowest_block(netlist)
    return Cycles(slowest, _latency(netlist), bottleneck, {block.name: block.program.steps for block in netlist.blocks})


def slowest_block(netlist: Netlist) -> tuple[str, int]:
    """What sets the interval, and the interval; a stream at the border takes a cycle for each of its beats."""
    steps = {block.name: block.program.steps for block in netlist.blocks}
    border = {f"{c.tensor} (stream)": c.beats for c in (*netlist.outputs_of[""], *netlist.inputs_of[""])}
    return max({**border, **steps}.items(), key=lambda item: item[1])


def _latency(netlist: Netlist) -> int:
    """As simulated; of a large netlist, whose FIFOs hold up nothing, by longest paths."""
    depths = {channel.name: channel.depth for channel in netlist.channels}
    if simulable(netlist) and (timeline := Timeline(netlist, depths)).run(1):
        return timeline.latency
    arrivals = earliest(netlist, 1, depths)
    return max(int(arrivals[c.name][-1]) for c in netlist.inputs_of[""])
