"""FIFO depths: sufficient ones from schedules, made as small as they go by trying.

Depths are good if the netlist, simulated beat by beat (beat_cycles.py), takes `interval` cycles a frame for ever, gives
its first frame no later than with the sufficient depths, and cannot get stuck, however sources and sinks stall. Those
of `fifo_depths` are good, and no FIFO can have a word less: the rate falls, the latency grows, or it gets stuck. A FIFO
of no words is a wire, so a FIFO stands only where it is needed.

One thing but speed asks for FIFOs: `ready` runs backwards through wires without a register, so at most READY_PATH
blocks follow each other without a FIFO (but where a frame comes every cycle: such a core is one pipeline, which stalls
as a whole). A FIFO that stands for this reason alone has one word.

Where trying takes longer than EFFORT, or the netlist is too large to simulate, larger depths stay as they are: enough,
by the argument of `sufficient`, and near the least for deep FIFOs, but not proven to be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import ceil, inf
from typing import TYPE_CHECKING

import numpy as np

from ..ir import Int64, Program
from .arrivals import earliest, repeat
from .beat_cycles import Timeline, simulable

if TYPE_CHECKING:
    from ..ops.netlist import Channel, Netlist

FRAMES = 4
"""Frames over which depths are computed, besides those that the core holds at a time: the first on an empty core, then
the steady state."""

READY_PATH = 4
"""Blocks in a row that may be joined by wires."""

EFFORT = 4_000_000
"""Beats that are simulated at most to find the least depths: some seconds."""

LONGEST_PERIOD = 64
"""Frames after which a netlist in its steady state repeats itself, at most."""


def fifo_depths(netlist: Netlist, interval: int) -> dict[str, int]:
    """Words per channel with which the netlist reaches its full rate and its unhindered latency; none is to spare."""
    depths, waiting = sufficient(netlist, interval)
    return _Search(netlist, interval).least(depths, waiting) if simulable(netlist) else depths


# ---- sufficient depths ---------------------------------------------------------------------------------------------


def sufficient(netlist: Netlist, interval: int) -> tuple[dict[str, int], dict[str, int]]:
    """Depths that are enough, and of each the part that waits (the rest is for a pipeline that may have to stop).

    Outputs are due as early as they can come; every block then works as LATE as its readers allow, so that nothing is
    kept longer than it must be. What a channel holds at most under that schedule must fit. The hardware works as early
    as it can, and stops where a FIFO is full; so that it is never later than the schedule, a FIFO holds besides what a
    pipeline may have issued and not yet written: then, whenever a machine stops before its next step is due, the
    reader, which is not late either, makes room in time.

    With a beat of every tensor in every cycle (interval 1) nothing ever waits, and channels are wires; not so behind a
    fork, whose branches may meet again with different latencies.
    """
    programs = {block.name: block.program for block in netlist.blocks}
    forks = {name for name, program in programs.items() if program.latency == 0}
    depths = {c.name: int(_may_hold(c, forks) and (interval > 1 or c.source[0] in forks)) for c in netlist.channels}
    latency = max(int(earliest(netlist, 1, depths)[c.name][-1]) for c in netlist.inputs_of[""])
    count = FRAMES + latency // interval
    first = earliest(netlist, count, depths)
    due: dict[str, Int64] = {}
    for channel in netlist.inputs_of[""]:
        frames = first[channel.name].reshape(count, -1)
        # steady: each frame an interval after the one before it, late enough for the first frames' transient
        spread = frames - frames[0] - interval * np.arange(count)[:, None]
        late = np.maximum.accumulate(np.maximum(spread.max(axis=1), 0))
        due[channel.name] = (frames[0] + interval * np.arange(count)[:, None] + late[:, None]).ravel()
    written: dict[str, Int64] = {}
    for block in reversed(netlist.blocks):
        program = block.program
        limits = np.minimum.reduce([due[c.name] - depths[c.name] for c in netlist.outputs_of[block.name]])
        limits -= program.latency
        for channel, reads in zip(netlist.inputs_of[block.name], _latest_reads(program, limits, count), strict=True):
            due[channel.name] = reads
        written[block.name] = _latest_writes(program, limits, count) + program.latency
    waiting: dict[str, int] = {}
    for channel in netlist.channels:
        if depths[channel.name]:
            writer = channel.source[0]
            while writer in forks and (behind := netlist.inputs_of[writer][0].source[0]):
                writer = behind  # through a wire, so that the copies are made when it writes
            times = written[writer]
            held = np.arange(1, len(times) + 1) - np.searchsorted(due[channel.name], times, side="left")
            waiting[channel.name] = int(held.max())
            depths[channel.name] = max(2, waiting[channel.name] + _in_flight(programs[writer]))
    return depths, waiting


def _may_hold(channel: Channel, forks: set[str]) -> bool:
    """Borders are wires, and so is the way into a fork: its readers have FIFOs of their own."""
    return channel.source[0] != "" and channel.sink[0] != "" and channel.sink[0] not in forks


def _in_flight(program: Program) -> int:
    """The most output beats issued within `latency` consecutive steps."""
    if not len(program.writes) or program.latency <= 0:
        return 0
    steps = repeat(program.writes, program.steps, 2 + program.latency // program.steps)
    return int((np.arange(len(steps)) - np.searchsorted(steps, steps - program.latency, side="right") + 1).max())


def _latest_writes(program: Program, limits: Int64, frames: int) -> Int64:
    """The latest issue of each output beat, in order, one step a cycle, none after its limit."""
    writes = repeat(program.writes, program.steps, frames)
    return writes + np.minimum.accumulate((limits - writes)[::-1])[::-1]


def _latest_reads(program: Program, limits: Int64, frames: int) -> list[Int64]:
    """The latest cycles of the reads such that every output beat is issued by its limit."""
    writes = repeat(program.writes, program.steps, frames)
    slack = np.minimum.accumulate((limits - writes)[::-1])[::-1]
    result = []
    for reads in program.reads:
        steps = repeat(reads, program.steps, frames)
        index = np.searchsorted(writes, steps, side="left")
        # reads after the last output beat (rows that no window needs) are due with the machine's next frame: now
        result.append(steps + slack[np.minimum(index, len(writes) - 1)])
    return result


# ---- the least -----------------------------------------------------------------------------------------------------


class _Search:
    """Depths of one netlist, each vector tried once."""

    def __init__(self, netlist: Netlist, interval: int) -> None:
        self.netlist, self.interval = netlist, interval
        self.spent = 0
        self.latency: float = inf
        self.tried: dict[tuple[int, ...], float] = {}
        self.paces = _paces(netlist)
        self.may_stick = any(block.outputs > 1 for block in netlist.blocks)

    def least(self, depths: dict[str, int], waiting: Mapping[str, int]) -> dict[str, int]:
        """Good depths below these, of which none can be one less; the dearest FIFOs are the first to shrink."""
        bits = {c.name: c.width * depths[c.name] for c in self.netlist.channels if depths[c.name]}
        if not self.good(depths):
            return depths
        for name in sorted(bits, key=lambda name: -bits[name]):
            depths = self._shrink(depths, name, waiting[name])
        while True:
            before = depths
            for name in bits:
                while depths[name] and self.good(less := depths | {name: depths[name] - 1}):
                    depths = less
            if depths == before:
                return depths

    def _shrink(self, depths: dict[str, int], name: str, guess: int) -> dict[str, int]:
        """The least depth of one FIFO, between bounds that a guess narrows."""
        least, enough = 0, depths[name]
        for depth in (guess, guess - 1) if guess > 2 else (0, 1):
            if least <= depth < enough:
                if self.good(depths | {name: depth}):
                    enough = depth
                else:
                    least = depth + 1
        while least < enough:
            middle = (least + enough) // 2
            if self.good(depths | {name: middle}):
                enough = middle
            else:
                least = middle + 1
        return depths | {name: enough}

    def good(self, depths: Mapping[str, int]) -> bool:
        """Do they keep the rate, and the latency of the good ones so far? No, where that takes too long to find out."""
        key = tuple(depths.values())
        if key not in self.tried:
            self.tried[key] = self._try(depths) if self._cuts(depths) else inf
        if self.tried[key] == inf or self.tried[key] > self.latency:
            return False
        self.latency = self.tried[key]
        return True

    def _cuts(self, depths: Mapping[str, int]) -> bool:
        """No ready passes through more than READY_PATH blocks."""
        if self.interval == 1:
            return True
        path: dict[str, int] = {"": 0}
        for block in reversed(self.netlist.blocks):
            wires = [c.sink[0] for c in self.netlist.outputs_of[block.name] if not depths[c.name]]
            path[block.name] = 1 + max((path[reader] for reader in wires), default=0)
        return max(path.values()) <= READY_PATH

    def _try(self, depths: Mapping[str, int]) -> float:
        """The latency of a netlist that keeps its rate and never gets stuck; infinite for others."""
        timeline = Timeline(self.netlist, depths)
        try:
            if self.spent >= EFFORT or not timeline.run(1) or timeline.latency > self.latency:
                return inf
            held = 1 + max(self._frames_held(depths))
            frames = held + 3
            right = None
            while right is None and self.spent + timeline.events // timeline.frames * frames < EFFORT:
                if not timeline.run(frames):
                    return inf
                right = self._rate(timeline, held)
                frames *= 2
            return timeline.latency if right and not self._sticks(depths, held) else inf
        finally:
            self.spent += timeline.events

    def _sticks(self, depths: Mapping[str, int], frames: int) -> bool:
        if not self.may_stick:
            return False
        timeline = Timeline(self.netlist, depths, shortest=True)
        runs = timeline.run(frames)
        self.spent += timeline.events
        return not runs

    def _frames_held(self, depths: Mapping[str, int]) -> Iterator[int]:
        for channel in self.netlist.channels:
            yield ceil(depths[channel.name] / channel.beats)
        for block in self.netlist.blocks:
            yield ceil(block.program.latency / block.program.steps)

    def _rate(self, timeline: Timeline, held: int) -> bool | None:
        """Is it the right one? None while it still changes.

        Once the times between frames, of every beat of as many frames as the core can hold, are those of some frames
        before, and all channels have moved by as much since then, this goes on for ever.
        """
        streams = list(timeline.streams.values())
        done = min(min(len(s.came), len(s.taken)) // s.beats for s in streams)
        times = [np.array(t[: done * s.beats]).reshape(done, -1) for s in streams for t in (s.came, s.taken)]
        paces = np.concatenate([np.full(2 * s.beats, pace) for s, pace in zip(streams, self.paces, strict=True)])
        steps = np.diff(np.concatenate(times, axis=1), axis=0)
        for period in range(1, min(LONGEST_PERIOD, len(steps) - held) + 1):
            recent, before = steps[-held:], steps[-held - period : -period]
            if (recent[:, -1] == before[:, -1]).all() and (recent == before).all():
                slower = steps[-period:].sum(axis=0) - period * paces
                if (slower == 0).all():
                    return True
                if (slower > 0).any():
                    return False
        return None


def _paces(netlist: Netlist) -> list[int]:
    """Cycles a frame on each channel: the steps of the slowest among the blocks that hang together with it."""
    part = {block.name: block.name for block in netlist.blocks}

    def root(name: str) -> str:
        while part[name] != name:
            name = part[name]
        return name

    for channel in netlist.channels:
        if channel.source[0] and channel.sink[0]:
            part[root(channel.source[0])] = root(channel.sink[0])
    paces: dict[str, int] = {}
    for block in netlist.blocks:
        paces[root(block.name)] = max(paces.get(root(block.name), 0), block.program.steps)
    for channel in netlist.channels:
        block_name = channel.source[0] or channel.sink[0]
        if block_name:
            paces[root(block_name)] = max(paces[root(block_name)], channel.beats)
    ends = [(c.source[0] or c.sink[0], c.beats) for c in netlist.channels]
    return [paces[root(name)] if name else beats for name, beats in ends]
