"""Cycles, exactly, from the programs of the blocks: interval, latency, and the FIFO depths that full rate needs.

Every block is a rigid step machine (ir/op.py, Program), so with FIFOs that never fill, the cycle of each step is the
longest path in a graph of "one step a cycle" and "a beat must have come": a running maximum. With F the step of beat b
and A its arrival,  time(step) - step = max over beats read so far of (A - F).

Times count from the cycle in which the first input beat is accepted (0), by a core that has idled since its reset: the
steps before a block's first read need no input and are done. A word written to a FIFO in cycle t can be read in t+1; a
channel of depth 0 is a wire.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..ir import Int64, Program

if TYPE_CHECKING:
    from ..ops.netlist import Netlist

FRAMES = 4
"""Frames over which depths are computed, besides those that the core holds at a time: the first on an empty core, then
the steady state."""


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
    steps = {block.name: block.program.steps for block in netlist.blocks}
    border = {f"{c.tensor} (stream)": c.beats for c in (*netlist.outputs_of[""], *netlist.inputs_of[""])}
    slowest = max({**border, **steps}.items(), key=lambda item: item[1])
    arrivals = _earliest(netlist, 1, {c.name: int(c.depth > 0) for c in netlist.channels})
    latency = max(int(arrivals[c.name][-1]) for c in netlist.inputs_of[""])
    return Cycles(slowest[1], latency, slowest[0], steps)


def fifo_depths(netlist: Netlist, interval: int) -> dict[str, int]:
    """Words per channel with which the netlist reaches its full rate and its unhindered latency.

    Outputs are due as early as they can come; every block then works as LATE as its readers allow, so that nothing is
    kept longer than it must be. What a channel holds at most under that schedule is its depth; the self-timed hardware
    is never later than any schedule that its depths admit. Beats in the pipeline of a block when it could be stalled
    are added, because the block cannot issue a step while its output waits.

    With a beat of every tensor in every cycle (interval 1) nothing ever waits, and channels are wires; not so behind a
    fork, whose branches may meet again with different latencies.
    """
    forks = {block.name for block in netlist.blocks if interval > 1 or block.outputs > 1}
    delays = {c.name: int(c.source[0] in forks and c.sink[0] != "") for c in netlist.channels}
    latency = max(int(_earliest(netlist, 1, delays)[c.name][-1]) for c in netlist.inputs_of[""])
    count = FRAMES + latency // interval
    first = _earliest(netlist, count, delays)
    due: dict[str, Int64] = {}
    for channel in netlist.inputs_of[""]:
        frames = first[channel.name].reshape(count, -1)
        # steady: each frame an interval after the one before it, late enough for the first frames' transient
        spread = frames - frames[0] - interval * np.arange(count)[:, None]
        late = np.maximum.accumulate(np.maximum(spread.max(axis=1), 0))
        due[channel.name] = (frames[0] + interval * np.arange(count)[:, None] + late[:, None]).ravel()
    depths: dict[str, int] = {}
    for block in reversed(netlist.blocks):
        writes = [due[c.name] - delays[c.name] for c in netlist.outputs_of[block.name]]
        latest = np.minimum.reduce(writes) if len(writes) > 1 else writes[0]
        program = block.program
        limits = latest - program.latency
        ins = netlist.inputs_of[block.name]
        times = _latest_reads(program, limits, count)
        for channel, reads in zip(ins, times, strict=True):
            due[channel.name] = reads
        issue = _latest_writes(program, limits, count)
        for channel in netlist.outputs_of[block.name]:
            if not delays[channel.name]:
                depths[channel.name] = 0
                continue
            written, read = issue + program.latency, due[channel.name]
            waiting = np.arange(1, len(written) + 1) - np.searchsorted(read, written, side="left")
            depths[channel.name] = max(2, int(waiting.max()) + _in_flight(program))
    for channel in netlist.outputs_of[""]:
        depths[channel.name] = 0
    return depths


def _in_flight(program: Program) -> int:
    """The most output beats issued within `latency` consecutive steps."""
    if not len(program.writes) or program.latency <= 0:
        return 0
    steps = _repeat(program.writes, program.steps, 2 + program.latency // program.steps)
    return int((np.arange(len(steps)) - np.searchsorted(steps, steps - program.latency, side="right") + 1).max())


def _earliest(netlist: Netlist, frames: int, delays: dict[str, int]) -> dict[str, Int64]:
    """For every channel, the cycle in which each beat of each frame can first be taken from it."""
    ready: dict[str, Int64] = {}
    for channel in netlist.outputs_of[""]:
        ready[channel.name] = np.arange(channel.beats * frames, dtype=np.int64) + delays[channel.name]
    for block in netlist.blocks:
        arrivals = [ready[c.name] for c in netlist.inputs_of[block.name]]
        offered = earliest_writes(block.program, arrivals, frames)
        for channel in netlist.outputs_of[block.name]:
            ready[channel.name] = offered + delays[channel.name]
    return ready


def earliest_writes(program: Program, arrivals: list[Int64], frames: int) -> Int64:
    """The cycle in which each output beat is offered, if nothing downstream ever waits."""
    reads = np.concatenate([_repeat(r, program.steps, frames) for r in program.reads])
    slack = np.concatenate(arrivals) - reads
    order = np.argsort(reads, kind="stable")
    steps, lead = reads[order], np.maximum.accumulate(slack[order])
    writes = _repeat(program.writes, program.steps, frames)
    index = np.searchsorted(steps, writes, side="right") - 1
    return writes + np.where(index >= 0, lead[index], 0) + program.latency


def _latest_writes(program: Program, limits: Int64, frames: int) -> Int64:
    """The latest issue of each output beat, in order, one step a cycle, none after its limit."""
    writes = _repeat(program.writes, program.steps, frames)
    return writes + np.minimum.accumulate((limits - writes)[::-1])[::-1]


def _latest_reads(program: Program, limits: Int64, frames: int) -> list[Int64]:
    """The latest cycles of the reads such that every output beat is issued by its limit."""
    writes = _repeat(program.writes, program.steps, frames)
    slack = np.minimum.accumulate((limits - writes)[::-1])[::-1]
    result = []
    for reads in program.reads:
        steps = _repeat(reads, program.steps, frames)
        index = np.searchsorted(writes, steps, side="left")
        # reads after the last output beat (rows that no window needs) are due with the machine's next frame: now
        result.append(steps + slack[np.minimum(index, len(writes) - 1)])
    return result


def _repeat(steps: Int64, period: int, frames: int) -> Int64:
    return (steps[None] + period * np.arange(frames, dtype=np.int64)[:, None]).ravel()
