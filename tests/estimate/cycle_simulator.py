"""The timing theory's reference: rigid step machines and bounded FIFOs, cycle by cycle, in plain Python.

It follows the RTL: `enable = !out_valid || out_ready` freezes a whole pipeline; valid bits travel through `latency`
registers; a FIFO's `ready` is its own state (not full), and what is written in cycle t can be read in t+1; a channel of
depth 0 is a wire; a fork (any block of latency 0) is combinational, and each of its readers takes its copy when it can.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count

from intaglio.ops.netlist import Block, Netlist


class _Machine:
    """One block: the step it is at, and the valid bits of its pipeline, the last of which is its out_valid."""

    def __init__(self, block: Block, netlist: Netlist) -> None:
        program = block.program
        self.steps = program.steps
        self.inputs = [c.name for c in netlist.inputs_of[block.name]]
        self.outputs = [c.name for c in netlist.outputs_of[block.name]]
        self.reads = {n: {int(s) for s in beats} for n, beats in zip(self.inputs, program.reads, strict=True)}
        self.writes = {int(s) for s in program.writes}
        self.pipe = [False] * program.latency
        self.copied = dict.fromkeys(self.outputs, False)  # of a fork: who has taken its copy of this beat
        self.step = 0
        self.enabled = self.fires = True

    @property
    def taken(self) -> list[str]:
        """The inputs of which this step takes a beat."""
        return [name for name in self.inputs if self.step in self.reads[name]]

    @property
    def offers(self) -> bool:
        return self.pipe[-1] if self.pipe else self.fires and self.step in self.writes

    def tick(self, written: set[str]) -> None:
        if not self.pipe:
            self.copied = {name: not self.fires and (had or name in written) for name, had in self.copied.items()}
        if self.enabled and self.pipe:
            self.pipe = [self.fires and self.step in self.writes, *self.pipe[:-1]]
        if self.fires:
            self.step = (self.step + 1) % self.steps


def simulate(netlist: Netlist, depths: Mapping[str, int], frames: int) -> list[list[int]]:
    """The cycles in which each graph output's beats leave; the sources always have a beat, the sinks take every one.

    Cycle 0 is that of the first accepted input beat, by a core that has idled. Raises AssertionError on a deadlock.
    """
    machines = {block.name: _Machine(block, netlist) for block in netlist.blocks}
    fill = {channel.name: 0 for channel in netlist.channels}
    sources = {channel.name: frames * channel.beats for channel in netlist.outputs_of[""]}
    sinks = {channel.name: frames * channel.beats for channel in netlist.inputs_of[""]}
    writer = {name: machine for machine in machines.values() for name in machine.outputs}
    reader = {name: machine for machine in machines.values() for name in machine.inputs}
    seen: dict[str, list[int]] = {name: [] for name in sinks}
    awake = False

    def offered(name: str) -> bool:
        if name in sources:
            return awake and sources[name] > 0
        machine = writer[name]
        return machine.offers if machine.pipe else not machine.copied[name] and all(map(valid, machine.inputs))

    def takes(name: str) -> bool:
        return name in sinks or (reader[name].fires and name in reader[name].taken)

    def valid(name: str) -> bool:
        return fill[name] > 0 if depths[name] else offered(name)

    def ready(name: str) -> bool:
        return fill[name] < depths[name] if depths[name] else takes(name)

    def settle() -> None:
        """The combinational logic: the most that can move at once."""
        for machine in machines.values():
            machine.enabled = machine.fires = True
        changed = True
        while changed:
            changed = False
            for machine in machines.values():
                blocked = machine.offers and not all(machine.copied[name] or ready(name) for name in machine.outputs)
                fires = not blocked and all(valid(name) for name in machine.taken)
                changed |= (machine.enabled and blocked) or (machine.fires and not fires)
                machine.enabled &= not blocked
                machine.fires &= fires

    idle = max(min(beats) for machine in machines.values() for beats in machine.reads.values())
    longest = 1 + sum(machine.steps + len(machine.pipe) for machine in machines.values())
    first, moved = None, idle
    for cycle in count():
        if all(len(seen[name]) >= beats for name, beats in sinks.items()):
            return [[t - (first or 0) for t in seen[name][:beats]] for name, beats in sinks.items()]
        if cycle > moved + longest:
            raise AssertionError(f"stuck: { ({n: len(v) for n, v in seen.items()}) } of {sinks} beats")
        awake = cycle >= idle
        settle()
        written = {name for name in fill if offered(name) and ready(name)}
        read = [name for name in fill if valid(name) and takes(name)]
        moved = cycle if written else moved
        for name in written:
            fill[name] += depths[name] > 0
            if name in sources:
                sources[name] -= 1
                first = cycle if first is None else first
        for name in read:
            fill[name] -= depths[name] > 0
            if name in sinks:
                seen[name].append(cycle)
        for machine in machines.values():
            machine.tick(written)
    raise AssertionError("unreachable")
