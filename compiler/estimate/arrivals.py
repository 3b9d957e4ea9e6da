"""The earliest cycle of each beat: what FIFOs that never fill would give.

Every block is a rigid step machine (ir/op.py, Program), so the cycle of each step is then the longest path in a graph
of "one step a cycle" and "a beat must have come": a running maximum. With F the step of beat b and A its arrival,
time(step) - step = max over beats read so far of (A - F).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ..ir import Int64, Program

if TYPE_CHECKING:
    from ..ops.netlist import Netlist


def earliest(netlist: Netlist, frames: int, depths: Mapping[str, int]) -> dict[str, Int64]:
    """For every channel, the cycle in which each beat of each frame can first be taken from it."""
    ready: dict[str, Int64] = {}
    for channel in netlist.outputs_of[""]:
        ready[channel.name] = np.arange(channel.beats * frames, dtype=np.int64) + (depths[channel.name] > 0)
    for block in netlist.blocks:
        arrivals = [ready[c.name] for c in netlist.inputs_of[block.name]]
        offered = earliest_writes(block.program, arrivals, frames)
        for channel in netlist.outputs_of[block.name]:
            ready[channel.name] = offered + (depths[channel.name] > 0)
    return ready


def earliest_writes(program: Program, arrivals: list[Int64], frames: int) -> Int64:
    """The cycle in which each output beat is offered, if nothing downstream ever waits."""
    reads = np.concatenate([repeat(r, program.steps, frames) for r in program.reads])
    slack = np.concatenate(arrivals) - reads
    order = np.argsort(reads, kind="stable")
    steps, lead = reads[order], np.maximum.accumulate(slack[order])
    writes = repeat(program.writes, program.steps, frames)
    index = np.searchsorted(steps, writes, side="right") - 1
    return writes + np.where(index >= 0, lead[index], 0) + program.latency


def repeat(steps: Int64, period: int, frames: int) -> Int64:
    """The same steps in each of so many frames."""
    return (steps[None] + period * np.arange(frames, dtype=np.int64)[:, None]).ravel()
