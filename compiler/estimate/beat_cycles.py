"""When each beat is read and written, exactly: rigid step machines joined by wires, FIFOs and forks of finite depth.

Nothing happens between beats, so machines go from beat to beat in their own time, and wait for each other's times
rather than for each other: a FIFO of d words takes beat b in the cycle after beat b - d was read.

A machine whose output waits stands still with its whole pipeline. In the time that counts only the cycles in which it
does not, its pipeline is a plain delay, and the time of the beat at its end only grows: that time is `enabled` below,
and `late` what it lags behind. (It is why these times are no longest paths: a gap between two beats in a pipeline that
stands still does not close, so a beat that came earlier may well delay the next one.)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..ir import Program

if TYPE_CHECKING:
    from ..ops.netlist import Netlist

IDLE = -(1 << 40)
"""When the core came out of its reset: long before the first beat."""


MOST_BEATS = 30_000
"""Beats of a frame, on all channels: netlists of more take too long to simulate (a second is some 500,000 beats)."""


def simulable(netlist: Netlist) -> bool:
    """Is it small enough for this?"""
    return sum(channel.beats for channel in netlist.channels) <= MOST_BEATS


class Stream:
    """A channel's times so far. `came`: when each beat could first be read; `taken`: when it was.

    On a wire a beat comes when it is offered, and its writer is free of it when it is taken.
    """

    def __init__(self, depth: int, beats: int, kept: bool) -> None:
        self.depth, self.beats = depth, beats
        self.came: list[int] = []
        self.taken: list[int] | _Sink = [] if kept else _Sink(self.came)


class _Sink:
    """Readings at the border: every beat is taken as it comes."""

    def __init__(self, came: list[int]) -> None:
        self.came = came

    def __len__(self) -> int:
        return len(self.came)

    def __getitem__(self, beat: Any) -> Any:
        return self.came[beat]


class Timeline:
    """The netlist with these depths, run for as many frames as asked for; the sources always have a beat.

    shortest: with pipelines of one register. That is what a longer one holds at least when it stands still, so what
    does not get stuck then never does, whenever sources and sinks stall.
    """

    def __init__(self, netlist: Netlist, depths: Mapping[str, int], *, shortest: bool = False) -> None:
        self.frames = 0
        self.events = 0
        borders = {c.name for c in netlist.inputs_of[""]}
        self.streams = {c.name: Stream(depths[c.name], c.beats, c.name not in borders) for c in netlist.channels}
        self.outputs = [self.streams[c.name] for c in netlist.inputs_of[""]]
        self.inputs = [self.streams[c.name] for c in netlist.outputs_of[""]]
        self._running: list[Iterator[None]] = [self._source(self.streams[c.name]) for c in netlist.outputs_of[""]]
        for block in netlist.blocks:
            ins = [self.streams[c.name] for c in netlist.inputs_of[block.name]]
            outs = [self.streams[c.name] for c in netlist.outputs_of[block.name]]
            if block.program.latency == 0:
                self._running.append(self._fork(ins[0], outs))
            else:
                latency = 1 if shortest else block.program.latency
                self._running.append(self._machine(block.program, latency, ins, outs[0]))

    def run(self, frames: int) -> bool:
        """Go on until so many frames have gone in and come out; False where it gets stuck before."""
        self.frames = frames
        while any(len(stream.taken) < frames * stream.beats for stream in self.inputs + self.outputs):
            before = self.events
            for machine in self._running:
                next(machine)
            if self.events == before:
                return False
        return True

    @property
    def latency(self) -> int:
        """From the first accepted input beat to the last output beat of the first frame."""
        return max(stream.came[stream.beats - 1] for stream in self.outputs) - self.start

    @property
    def start(self) -> int:
        """The cycle in which the first input beat was accepted; a fork may keep it waiting."""
        return min(stream.came[0] - 1 if stream.depth else stream.taken[0] for stream in self.inputs)

    def _source(self, out: Stream) -> Iterator[None]:
        came, taken, depth = out.came, out.taken, out.depth
        free, beat = 0, 0
        while True:
            while beat >= self.frames * out.beats or (depth and len(taken) <= beat - depth):
                yield
            if depth:
                free = max(free, taken[beat - depth] + 1) if beat >= depth else free
                came.append(free + 1)
            else:
                came.append(free)
                self.events += 1
                while len(taken) <= beat:
                    yield
                free = taken[beat]
            free += 1
            beat += 1
            self.events += 1

    def _fork(self, source: Stream, outs: list[Stream]) -> Iterator[None]:
        """Each reader takes its copy when it can; the next beat comes when all have."""
        free, beat = IDLE, 0
        while True:
            while len(source.came) <= beat:
                yield
            free = max(free, source.came[beat])
            last = free
            for out in outs:
                if not out.depth:
                    out.came.append(free)
            self.events += 1
            waiting = outs
            while waiting:
                later = []
                for out in waiting:
                    place = beat - out.depth
                    if len(out.taken) <= place:
                        later.append(out)
                    elif out.depth:
                        at = max(free, out.taken[place] + 1) if place >= 0 else free
                        out.came.append(at + 1)
                        last = max(last, at)
                    else:
                        last = max(last, out.taken[place])
                if len(later) == len(waiting):
                    yield
                else:
                    self.events += 1
                waiting = later
            source.taken.append(last)  # type: ignore[union-attr]
            free = last + 1
            beat += 1

    def _machine(self, program: Program, latency: int, ins: list[Stream], out: Stream) -> Iterator[None]:
        events, tail = _events(program, ins)
        depth, came, taken = out.depth, out.came, out.taken
        pipe: deque[int] = deque()  # enabled times at which the beats that are on their way get to the end
        stops: deque[tuple[int, int]] = deque()  # of those that left: when, and how late the machine was after it
        enabled, late, latest = IDLE, 0, 0  # `late` now, `latest` after all beats that left
        written, offered, frame = 0, False, 0
        counts = [0] * len(ins)

        def leave() -> bool:
            """Let out the first beat on its way, if it is known when that can be."""
            nonlocal written, offered, latest
            end = pipe[0]
            if depth:
                place = written - depth
                if place >= 0:
                    if len(taken) <= place:
                        return False
                    latest = max(latest, taken[place] + 1 - end)
                came.append(end + latest + 1)
            else:
                if not offered:
                    came.append(end + latest)
                    self.events += 1
                    offered = True
                if len(taken) <= written:
                    return False
                latest = taken[written] - end
                offered = False
            pipe.popleft()
            stops.append((end, latest))
            written += 1
            self.events += 1
            return True

        while True:
            while frame >= self.frames:
                while pipe and leave():
                    pass
                yield
            frame += 1
            for gap, reads, writes in events:
                arrival = IDLE
                for port in reads:
                    stream, beat = ins[port], counts[port]
                    while len(stream.came) <= beat:
                        while pipe and leave():
                            pass
                        if len(stream.came) <= beat:
                            yield
                    arrival = max(arrival, stream.came[beat])
                enabled += gap
                while True:  # the first enabled cycle in which all has come
                    while stops and stops[0][0] <= enabled:
                        late = stops.popleft()[1]
                    if pipe and pipe[0] <= enabled:
                        if not leave():
                            yield
                        continue
                    wait = arrival - enabled - late
                    if wait <= 0:
                        break
                    enabled += wait
                    if stops:
                        enabled = min(enabled, stops[0][0])
                    elif pipe:
                        enabled = min(enabled, pipe[0])
                now = enabled + late
                for port in reads:
                    counts[port] += 1
                    ins[port].taken.append(now)  # type: ignore[union-attr]
                self.events += 1
                if writes:
                    pipe.append(enabled + latency)
                    while pipe and leave():
                        pass
            enabled += tail


def _events(program: Program, ins: list[Stream]) -> tuple[list[tuple[int, tuple[int, ...], bool]], int]:
    """The steps that read or write: (steps since the one before, inputs read, does it write), and the steps after."""
    steps = np.unique(np.concatenate([*program.reads, program.writes]))
    reading = [np.isin(steps, reads) for reads in program.reads]
    writing = np.isin(steps, program.writes).tolist()
    ports = [tuple(p for p, at in enumerate(flags) if at) for flags in zip(*reading, strict=True)]
    gaps = np.diff(steps, prepend=-1).tolist()
    return list(zip(gaps, ports, writing, strict=True)), program.steps - 1 - int(steps[-1])
