"""count_cycles and fifo_depths against a simulator of step machines and bounded FIFOs: exactly, on any netlist.

Three simulations agree: cycle by cycle in plain Python (the reference), beat by beat (what the compiler uses), and in
hls_tests the RTL.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from cycle_simulator import simulate
from hypothesis import given, settings
from hypothesis import strategies as st
from intaglio.estimate.beat_cycles import Timeline
from intaglio.estimate.cycles import count_cycles, fifo_depths
from intaglio.estimate.depths import READY_PATH
from intaglio.ir import Graph, Kernel, Node, Program, TensorType, as_integers
from intaglio.ir.schedule import Schedule
from intaglio.ops import Add, Concat, Conv2d, Shift
from intaglio.ops.netlist import Block, Channel, Netlist, elaborate

STEADY = 12
"""Frames that the interval is averaged over: a multiple of the periods that small netlists fall into."""
WARM = (10, 80, 800)
"""Frames before the steady state. An output that leaves before a slow block runs ahead until all FIFOs are full, which
takes long where it is faster by little: then more frames are tried."""


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

    def block(self, program: Program, *ins: tuple[str, int, int], copies: int = 1) -> tuple[str, int, int]:
        name = f"b{len(self.blocks)}"
        for port, source in enumerate(ins):
            self.connect(source, (name, port))
        self.blocks.append(Block(name, "any", name, Kernel(), program, copies, tuple, dict))
        return name, 0, len(program.writes)

    def fork(self, source: tuple[str, int, int], copies: int = 2) -> list[tuple[str, int, int]]:
        beats = np.arange(source[2], dtype=np.int64)
        name, _, _ = self.block(Program(source[2], (beats,), beats, 0), source, copies=copies)
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
    built = with_depths(netlist, depths)
    cycles = count_cycles(built)
    assert cycles.interval == interval
    for warm in WARM:
        lasts = [_last_beats(beats, warm + STEADY) for beats in simulate(built, depths, warm + STEADY)]
        assert max(times[0] for times in lasts) == cycles.latency
        if any(_is_steady(lasts, frames, interval) for frames in range(STEADY, 1 + max(STEADY, warm // 2))):
            return depths
    averages = [(times[-1] - times[-1 - warm // 2]) / (warm // 2) for times in lasts]
    raise AssertionError(f"intervals {averages} in simulation, {interval} stated")


def with_depths(netlist: Netlist, depths: dict[str, int]) -> Netlist:
    return replace(netlist, channels=tuple(replace(c, depth=depths[c.name]) for c in netlist.channels))


def _is_steady(lasts: list[list[int]], frames: int, interval: int) -> bool:
    """Every output took `interval` cycles a frame over the last `frames`: an output ahead of a join comes in bursts."""
    return all(times[-1] - times[-1 - frames] == frames * interval for times in lasts)


def _last_beats(beats: list[int], frames: int) -> list[int]:
    each = len(beats) // frames
    return beats[each - 1 :: each]


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


@settings(max_examples=100, deadline=None)
@given(netlists())
def test_any_netlist(netlist: Netlist) -> None:
    check(netlist)


@settings(max_examples=80, deadline=None)
@given(netlists(most=1))
def test_one_beat_per_frame(netlist: Netlist) -> None:
    """Fully parallel blocks among slow ones: intervals down to one cycle."""
    check(netlist)


@settings(max_examples=150, deadline=None)
@given(netlists(), st.data())
def test_beat_by_beat_is_cycle_by_cycle(netlist: Netlist, data: Any) -> None:
    """At any depths, shallow ones that hold up the flow or stop it for good among them."""
    most = data.draw(st.sampled_from([1, 3, 12]))
    inner = [c.name for c in netlist.channels if c.source[0] and c.sink[0]]
    depths = {c.name: 0 for c in netlist.channels} | {name: data.draw(st.integers(0, most)) for name in inner}
    timeline = Timeline(netlist, depths)
    if timeline.run(6):
        leaves = [[t - timeline.start for t in s.came[: 6 * s.beats]] for s in timeline.outputs]
        assert leaves == simulate(netlist, depths, 6)
    else:
        with pytest.raises(AssertionError, match="stuck"):
            simulate(netlist, depths, 6)


@settings(max_examples=30, deadline=None)
@given(netlists())
def test_no_word_is_to_spare(netlist: Netlist) -> None:
    """With one less on any FIFO: slower, or stuck, if only where a source stalls; or too long a path of `ready`."""
    cycles = count_cycles(netlist)
    depths = fifo_depths(netlist, cycles.interval)
    latency = count_cycles(with_depths(netlist, depths)).latency
    for name in (name for name, depth in depths.items() if depth):
        less = depths | {name: depths[name] - 1}
        long_path = cycles.interval > 1 and ready_path(netlist, less) > READY_PATH
        assert long_path or may_stick(netlist, less) or is_slower(netlist, less, cycles.interval, latency), name


def is_slower(netlist: Netlist, depths: dict[str, int], interval: int, latency: int) -> bool:
    timeline = Timeline(netlist, depths)
    if not timeline.run(900) or timeline.latency > latency:
        return True
    return any(s.came[900 * s.beats - 1] - s.came[300 * s.beats - 1] > 600 * interval for s in timeline.outputs)


def may_stick(netlist: Netlist, depths: dict[str, int]) -> bool:
    """Its pipelines may be full of gaps when they come to a stop, and hold one beat each."""
    return not Timeline(netlist, depths, shortest=True).run(30)


def ready_path(netlist: Netlist, depths: dict[str, int]) -> int:
    """The most blocks that wires join to a chain, by following every chain."""

    def behind(name: str) -> int:
        wires = [c.sink[0] for c in netlist.outputs_of[name] if c.sink[0] and not depths[c.name]]
        return 1 + max(map(behind, wires), default=0)

    return max(behind(block.name) for block in netlist.blocks)


# ---- many folds of real operators ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("pe", "simd"), [(1, 1), (2, 3), (3, 2), (4, 4), (4, 1), (1, 4), (3, 3)])
@pytest.mark.parametrize("join", [Add(), Concat(2)])
def test_networks_at_many_folds(join: Add | Concat, pe: int, simd: int) -> None:
    """A residual network of convolutions, lanes that do not match and all: in the cycles that are stated."""
    rng = np.random.default_rng(0)

    def conv(inputs: int, size: int) -> Conv2d:
        weight = as_integers(rng.integers(-3, 4, (4, size, size, inputs)))
        return Conv2d(weight, as_integers(rng.integers(-9, 9, 4)), padding=(size // 2,) * 4)

    clip = Shift(as_integers(np.full(4, 8)), 4, 0, 15)
    nodes = (
        Node("stem", conv(3, 1), ("x",)),
        Node("clip", clip, ("stem",)),
        Node("deep", conv(4, 3), ("clip",)),
        Node("clip_deep", clip, ("deep",)),
        Node("join", join, ("clip_deep", "clip")),
    )
    graph = Graph({"x": TensorType.integer((3, 3, 3), 0, 15)}, nodes, ("join",))
    kernels = {"clip": Kernel(pe, pe), "clip_deep": Kernel(simd, simd), "deep": Kernel(pe, simd), "join": Kernel(2, 2)}
    check(elaborate(graph, Schedule({"stem": Kernel(simd, 3), **kernels})))


def test_a_large_netlist_is_not_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then depths are those that are enough by argument, and the latency is that of longest paths: the same one."""
    sketch = Sketch()
    left, right = sketch.fork(stage(sketch, ("", 0, 1), 3))
    left = stage(sketch, left, 5, steps=7)
    netlist = sketch.netlist(sketch.block(program(1, [[0], [0]], [0], 2), left, right))
    searched = check(netlist)
    monkeypatch.setattr("intaglio.estimate.beat_cycles.MOST_BEATS", 0)
    assert sum(check(netlist).values()) > sum(searched.values())


# ---- what once went wrong ------------------------------------------------------------------------------------------


def stage(sketch: Sketch, end: tuple[str, int, int], latency: int, steps: int = 1) -> tuple[str, int, int]:
    return sketch.block(program(steps, [[0]], [steps - 1], latency), end)


def test_branches_that_meet_again_need_a_fifo_at_interval_1_too() -> None:
    sketch = Sketch()
    left, right = sketch.fork(stage(sketch, ("", 0, 1), 3))
    left = stage(sketch, left, 5)
    depths = check(sketch.netlist(sketch.block(program(1, [[0], [0]], [0], 2), left, right)))
    assert sorted(depths.values()) == [0, 0, 0, 0, 0, 6]


def test_a_chain_at_interval_1_is_wired_together() -> None:
    sketch = Sketch()
    end = ("", 0, 1)
    for _ in range(5):
        end = stage(sketch, end, 4)
    assert set(check(sketch.netlist(end)).values()) == {0}


def test_a_branch_may_hold_many_frames() -> None:
    """Twelve blocks that each gather a frame before they give one, beside a wire: its FIFO holds a dozen frames."""
    sketch = Sketch()
    left, right = sketch.fork(("", 0, 4))
    for _ in range(12):
        left = sketch.block(program(4, [[0, 1, 2, 3]], [3], 2), left)
        left = sketch.block(program(4, [[0]], [0, 1, 2, 3], 2), left)
    depths = check(sketch.netlist(sketch.block(program(4, [[0, 1, 2, 3]] * 2, [0, 1, 2, 3], 2), left, right)))
    assert max(depths.values()) > 4 * 12


def test_a_short_block_with_a_long_pipeline() -> None:
    """More beats are in flight than two of its frames hold."""
    sketch = Sketch()
    left, right = sketch.fork(stage(sketch, ("", 0, 1), 9))
    right = stage(sketch, right, 1, steps=3)
    left = stage(sketch, stage(sketch, left, 9), 9)
    check(sketch.netlist(sketch.block(program(1, [[0], [0]], [0], 1), left, right)))
