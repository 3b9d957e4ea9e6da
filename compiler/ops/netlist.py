"""A graph with its schedule, as hardware: blocks (operators, width converters, forks) joined by channels (FIFOs).

Estimates, cycle counts and both backends read this one structure; none of them knows an operator by name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ..errors import IntaglioError
from ..ir import Graph, Kernel, Parts, Program, TensorType
from ..ir.schedule import Schedule
from .links import Fifo, Fork, Frame, Width


@dataclass(frozen=True)
class Block:
    """One module. `template` names rtl/<template>.sv.j2 and hls/<template>.cpp.j2; `node` is empty for a link."""

    name: str
    template: str
    node: str
    kernel: Kernel
    program: Program
    outputs: int
    make_parts: Callable[[], Parts] = field(repr=False)
    make_params: Callable[[], dict[str, Any]] = field(repr=False)

    @cached_property
    def parts(self) -> Parts:
        return self.make_parts()

    @cached_property
    def params(self) -> dict[str, Any]:
        """The context of its templates; `module` is the name of the module or function."""
        return self.make_params() | {"module": self.name}


@dataclass(frozen=True)
class Channel:
    """A stream of `lanes` elements of `tensor` per beat, through a FIFO of `depth` words (0: a wire).

    source, sink: (block name, port number); the block name is "" at the border, where the port number is that of the
    graph's input or output.
    """

    name: str
    tensor: str
    kind: TensorType
    lanes: int
    depth: int
    source: tuple[str, int]
    sink: tuple[str, int]

    @property
    def width(self) -> int:
        return self.lanes * self.kind.bits

    @property
    def beats(self) -> int:
        """Beats per frame."""
        return self.kind.pixels * -(-self.kind.channels // self.lanes)

    @property
    def fifo(self) -> Fifo:
        return Fifo(self.width, self.depth)


@dataclass(frozen=True)
class Netlist:
    """Blocks in topological order, and the channels between them."""

    graph: Graph
    schedule: Schedule
    blocks: tuple[Block, ...]
    channels: tuple[Channel, ...]

    @cached_property
    def inputs_of(self) -> dict[str, tuple[Channel, ...]]:
        """The channels into each block, by port; under "" those that leave through the border, by output."""
        return {n: self._sorted(lambda c: c.sink, n) for n in ("", *(b.name for b in self.blocks))}

    @cached_property
    def outputs_of(self) -> dict[str, tuple[Channel, ...]]:
        """The channels out of each block, by port; under "" those that come in through the border, by input."""
        return {n: self._sorted(lambda c: c.source, n) for n in ("", *(b.name for b in self.blocks))}

    @cached_property
    def frames(self) -> dict[str, Frame]:
        """The frame counter of every port of the core, by the name of its channel."""
        return {c.name: Frame(c.beats) for c in self.channels if not c.source[0] or not c.sink[0]}

    def _sorted(self, end: Callable[[Channel], tuple[str, int]], name: str) -> tuple[Channel, ...]:
        return tuple(sorted((c for c in self.channels if end(c)[0] == name), key=lambda c: end(c)[1]))


def elaborate(graph: Graph, schedule: Schedule) -> Netlist:
    """The hardware of a graph under a schedule.

    A tensor with several readers is forked; a reader that takes other lanes than the producer gives gets a width
    converter. Raises IntaglioError for a node without a kernel.
    """
    lanes: dict[str, tuple[tuple[int, ...], int]] = {}
    for node in graph.nodes:
        if node.name not in schedule.kernels:
            raise IntaglioError(f"the schedule has no kernel for {node.name}", where=node.loc)
        lanes[node.name] = node.op.lanes(schedule.kernels[node.name], *graph.input_types(node))
    blocks: list[Block] = []
    channels: list[Channel] = []
    forks: set[str] = set()
    taken = {*graph.inputs, *graph.by_name}
    channel_names: set[str] = set()

    def channel(name: str, tensor: str, beat: int, source: tuple[str, int], sink: tuple[str, int]) -> None:
        name = _unique(name, channel_names)
        wire = not source[0] or not sink[0] or sink[0] in forks
        depth = schedule.depths.get(name, 0 if wire else schedule.spare)
        channels.append(Channel(name, tensor, graph.types[tensor], beat, depth, source, sink))

    def distribute(tensor: str, beat: int, source: tuple[str, int]) -> None:
        """Bring a tensor from its source to all its readers."""
        kind = graph.types[tensor]
        readers = [(reader, port, lanes[reader][0][port]) for reader, port in graph.consumers[tensor]]
        readers += [("", port, beat) for port, name in enumerate(graph.outputs) if name == tensor]
        if len(readers) > 1:
            fork = Fork(kind, beat, len(readers))
            name = _unique(f"{tensor}_fork", taken)
            forks.add(name)
            channel(f"{tensor}__fork", tensor, beat, source, (name, 0))
            blocks.append(_link_block(name, fork, len(readers)))
            source = (name, 0)
        for copy, (reader, port, wanted) in enumerate(readers):
            here = (source[0], source[1] + copy)
            label = f"{tensor}__{reader}{port}" if reader else f"{tensor}__out{port}"
            if wanted != beat:
                name = _unique(f"{tensor}_to_{reader}{port}", taken)
                channel(f"{label}_wide", tensor, beat, here, (name, 0))
                blocks.append(_link_block(name, Width(kind, beat, wanted), 1))
                here = (name, 0)
            channel(label, tensor, wanted, here, (reader, port))

    for port, name in enumerate(graph.inputs):
        readers = graph.consumers[name]
        first = lanes[readers[0][0]][0][readers[0][1]] if readers else 1
        distribute(name, first, ("", port))
    for node in graph.nodes:
        kernel, ins, op = schedule.kernels[node.name], graph.input_types(node), node.op
        blocks.append(
            Block(
                node.name,
                op.name,
                node.name,
                kernel,
                op.program(kernel, *ins),
                1,
                lambda op=op, kernel=kernel, ins=ins: op.parts(kernel, *ins),  # type: ignore[misc]
                lambda op=op, kernel=kernel, ins=ins: op.params(kernel, *ins),  # type: ignore[misc]
            )
        )
        distribute(node.name, lanes[node.name][1], (node.name, 0))
    return Netlist(graph, schedule, tuple(blocks), tuple(channels))


def _unique(name: str, taken: set[str]) -> str:
    """The name, or with a number behind it where a node of the user's already has it."""
    found, count = name, 1
    while found in taken:
        count += 1
        found = f"{name}_{count}"
    taken.add(found)
    return found


def _link_block(name: str, link: Fork | Width, outputs: int) -> Block:
    return Block(name, link.template, "", Kernel(), link.program(), outputs, link.parts, link.params)
