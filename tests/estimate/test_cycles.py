"""count_cycles and fifo_depths against a simulator of step machines and bounded FIFOs: exactly, on any netlist."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from intaglio.estimate.cycles import count_cycles, fifo_depths
from intaglio.ir import Graph, Kernel, Program, TensorType
from intaglio.ir.schedule import Schedule
from intaglio.ops.netlist import Block, Channel, Netlist

from cycle_simulator import simulate

WARM, STEADY = 12, 3


class Sketch:
    """A netlist drawn by hand: `tensors` are loose ends, (block, port, beats per frame)."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.channels: list[Channel] = []

    def connect(self, source: tuple[str, int, int], sink: tuple[str, int]) -> None:
        name, port, beats = source
        kind = TensorType.integer((beats, 1), 0, 1)
        depth = 2 if name and sink[0] else 0
        self.channels.append(Channel(f"c{len(self.channels)}", "t", kind, 1, depth, (name, port), sink))

    def block(self, program: Program, *ins: tuple[str, int, int]) -> tuple[str, int, int]:
        name = f"b{len(self.blocks)}"
        for port, source in enumerate(ins):
            self.connect(source, (name, port))
        self.blocks.append(Block(name, "any", name, Kernel(), program, 1, tuple, dict))
        return name, 0, len(program.writes)

    def fork(self, source: tuple[str, int, int], copies: int = 2) -> list[tuple[str, int, int]]:
        beats = np.arange(source[2], dtype=np.int64)
        name, _, _ = self.block(Program(source[2], (beats,), beats, 0), source)
        return [(name, port, source[2]) for port in range(copies)]

    def netlist(self, *outputs: tuple[str, int, int]) -> Netlist:
        for port, source in enumerate(outputs):
            self.connect(source, ("", port))
        return Netlist(Graph({}, (), ()), Schedule({}), tuple(self.blocks), tuple(self.channels))


def program(steps: int, reads: list[list[int]], writes: list[int], latency: int) -> Program:
    return Program(steps, tuple(np.array(r, np.int64) for r in reads), np.array(writes, np.int64), latency)


def check(netlist: Netlist) -> dict[str, int]:
    """Interval and latency as stated are those of the simulation, with the depths as stated; gives the depths."""
    interval = count_cycles(netlist).interval
    depths = fifo_depths(netlist, interval)
    built = replace(netlist, channels=tuple(replace(c, depth=depths[c.name]) for c in netlist.channels))
    cycles = count_cycles(built)
    assert cycles.interval == interval
    outputs = simulate(built, depths, WARM + STEADY)
    lasts = [beats[len(beats) // (WARM + STEADY) - 1 :: len(beats) // (WARM + STEADY)] for beats in outputs]
    assert max(times[0] for times in lasts) == cycles.latency
    for times in lasts:
        assert times[-1] - times[-1 - STEADY] == STEADY * interval
    return depths


# ---- netlists drawn by hypothesis ----------------------------------------------------------------------------------


@st.composite
def programs(draw: Any, beats_in: list[int], most: int = 6) -> Program:
    beats_out = draw(st.integers(1, most))
    least = max(*beats_in, beats_out)
    steps = draw(st.integers(least, least + draw(st.sampled_from([0, 1, 3, 9]))))
    reads = [[0, *_steps(draw, beats - 1, 1, steps)] for beats in beats_in]
    return program(steps, reads, _steps(draw, beats_out, 0, steps), draw(st.integers(1, 9)))


def _steps(draw: Any, beats: int, first: int, steps: int) -> list[int]:
    chosen = draw(st.lists(st.integers(first, max(first, steps - 1)), min_size=beats, max_size=beats, unique=True))
    return sorted(chosen)


@st.composite
def netlists(draw: Any, most: int = 6) -> Netlist:
    sketch = Sketch()

    def tail(end: tuple[str, int, int], count: int, depth: int) -> tuple[str, int, int]:
        for _ in range(count):
            if depth < 2 and draw(st.integers(0, 3)) == 0:
                left, right = sketch.fork(end)
                left = tail(left, draw(st.integers(0, 3)), depth + 1)
                right = tail(right, draw(st.integers(0, 2)), depth + 1)
                end = sketch.block(draw(programs([left[2], right[2]], most)), left, right)
            else:
                end = sketch.block(draw(programs([end[2]], most)), end)
        return end

    ends = [("", 0, draw(st.integers(1, most)))]
    ends = [tail(ends[0], draw(st.integers(1, 4)), 0)]
    if draw(st.integers(0, 4)) == 0:  # a second output, forked off
        left, right = sketch.fork(ends[0])
        ends = [left, tail(right, draw(st.integers(0, 2)), 1)]
    return sketch.netlist(*ends)


@settings(max_examples=300, deadline=None)
@given(netlists())
def test_any_netlist(netlist: Netlist) -> None:
    check(netlist)


@settings(max_examples=60, deadline=None)
@given(netlists(most=1))
def test_one_beat_per_frame(netlist: Netlist) -> None:
    """Fully parallel blocks among slow ones: intervals down to one cycle."""
    check(netlist)
