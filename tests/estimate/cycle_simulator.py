"""The timing theory's reference: rigid step machines and bounded FIFOs, cycle by cycle, in plain Python.

It follows the RTL: `enable = !out_valid || out_ready` freezes a whole pipeline; valid bits travel through `latency`
registers; a FIFO's `ready` is its own state (not full), and what is written in cycle t can be read in t+1; a channel of
depth 0 is a wire; a fork (any block of latency 0) is combinational and moves only when all its readers are ready.
"""

from __future__ import annotations

from collections.abc import Mapping

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
        self.step = 0
        self.enabled = self.fires = True

    @property
    def taken(self) -> list[str]:
        """The inputs of which this step takes a beat."""
        return [name for name in self.inputs if self.step in self.reads[name]]

    @property
    def offers(self) -> bool:
        return self.pipe[-1] if self.pipe else self.fires and self.step in self.writes

    def tick(self) -> None:
        if self.enabled and self.pipe:
            self.pipe = [self.fires and self.step in self.writes, *self.pipe[:-1]]
        if self.fires:
            self.step = (self.step + 1) % self.steps


def simulate(netlist: Netlist, depths: Mapping[str, int], frames: int) -> list[list[int]]:
    """The cycles in which each graph output's beats leave; the sources always have a beat, the sinks take every one.

    Cycle 0 is that of the first accepted input beat. Raises AssertionError on a deadlock.
    """
    machines = {block.name: _Machine(block, netlist) for block in netlist.blocks}
    fill = {channel.name: 0 for channel in netlist.channels}
    sources = {channel.name: frames * channel.beats for channel in netlist.outputs_of[""]}
    sinks = {channel.name: frames * channel.beats for channel in netlist.inputs_of[""]}
    writer = {name: machine for machine in machines.values() for name in machine.outputs}
    reader = {name: machine for machine in machines.values() for name in machine.inputs}
    seen: dict[str, list[int]] = {name: [] for name in sinks}

    def offered(name: str) -> bool:
        return sources[name] > 0 if name in sources else writer[name].offers

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
                blocked = machine.offers and not all(ready(name) for name in machine.outputs)
                fires = not blocked and all(valid(name) for name in machine.taken)
                changed |= (machine.enabled and blocked) or (machine.fires and not fires)
                machine.enabled &= not blocked
                machine.fires &= fires

    first = None
    for cycle in range(2_000 + 100 * frames):
        if all(len(seen[name]) >= count for name, count in sinks.items()):
            return [[t - (first or 0) for t in seen[name][:count]] for name, count in sinks.items()]
        settle()
        written = [name for name in fill if offered(name) and ready(name)]
        read = [name for name in fill if valid(name) and takes(name)]
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
            machine.tick()
    raise AssertionError(f"stuck: { ({n: len(v) for n, v in seen.items()}) } of {sinks} beats after {cycle} cycles")
