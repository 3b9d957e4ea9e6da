"""What a little more costs: one more bit, channel or lane in each layer, as differences between two estimates.

Of every node, where it can be had:

- `weight bit`, `output bit`: its weights, or what it gives, one bit wider (passes/one_more.py says what follows).
- `channel`: one more output channel, alike the last. All channels that are coupled to it come, too: through the
  elementwise nodes behind it into the next layers' inputs, and around a residual.
- `PE`, `SIMD`: the next kernel with more outputs, or inputs, side by side, that takes fewer steps.

And of every input, `input bit`. Everything else is as it is in the design, kernels included; but what takes all
channels side by side goes on to do so, and registers follow the clock where they did. Where the kernel is one that the
changed operator cannot have, it gives way to the nearest that it can. Width converters and FIFOs are counted, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from ..errors import IntaglioError
from ..estimate.cycles import slowest_block
from ..estimate.prices import Prices
from ..estimate.resources import Resources, price
from ..estimate.resources import estimate as estimate_resources
from ..ir import Graph, Kernel, Node, TensorType
from ..ir.channels import channel_groups
from ..ops.hardware import distinct_lanes
from ..ops.netlist import Netlist, elaborate
from ..passes.one_more import finer_input, finer_output, finer_weights, one_more_channel

CHOSEN = ("memory", "buffer", "multiplier", "compare")
"""Of a kernel, besides its lanes and its stages."""


@dataclass(frozen=True)
class Marginal:
    """What one more `what` at a node costs.

    Attributes:
        node: its name, or that of an input.
        what: `weight bit`, `output bit`, `input bit`, `channel`, `PE`, `SIMD`.
        nodes: those that change with it.
        cost: resources, more or (negative) fewer.
        steps: cycles that the node itself takes a frame, more or fewer.
        interval: cycles between frames of the whole design, more or fewer.
    """

    node: str
    what: str
    nodes: tuple[str, ...]
    cost: Resources
    steps: int
    interval: int

    def row(self) -> dict[str, Any]:
        """Plain values."""
        names = {"node": self.node, "what": self.what, "nodes": list(self.nodes)}
        return names | self.cost.rounded() | {"steps": self.steps, "interval_cycles": self.interval}


@dataclass
class Differences:
    """A design with what was estimated of it, and others near it."""

    netlist: Netlist
    prices: Prices
    clock_mhz: float

    def __post_init__(self) -> None:
        self.graph, self.kernels = self.netlist.graph, self.netlist.schedule.kernels
        self.used = estimate_resources(self.netlist, self.prices).total
        self.interval = slowest_block(self.netlist)[1]
        self.steps = {block.name: block.program.steps for block in self.netlist.blocks}

    def all(self) -> Iterator[Marginal]:
        """Inputs first, then node by node. What cannot be built is left out."""
        graph, groups = self.graph, channel_groups(self.graph)
        for name in graph.inputs:
            yield from self._of(name, "input bit", lambda name=name: finer_input(graph, name))  # type: ignore[misc]
        for node in graph.nodes:
            changed: dict[str, Callable[[], Graph | None]] = {
                "weight bit": lambda node=node: finer_weights(graph, node.name),  # type: ignore[misc]
                "output bit": lambda node=node: finer_output(graph, node.name),  # type: ignore[misc]
                "channel": lambda node=node: (
                    one_more_channel(graph, node.name, groups)
                    if node.op.work(*graph.input_types(node)).weights
                    else None
                ),  # type: ignore[misc]
            }
            for what, make in changed.items():
                yield from self._of(node.name, what, make)
            for what, kernel in self._more_lanes(node).items():
                yield from self._of(node.name, what, lambda: graph, {node.name: kernel})

    def _of(
        self, name: str, what: str, make: Callable[[], Graph | None], kernels: Mapping[str, Kernel] | None = None
    ) -> Iterator[Marginal]:
        """The difference that another graph, or other kernels, make."""
        try:
            graph = make()
            if graph is None:
                return
            changed = {node.name: self._kernel(node, graph) for node in graph.nodes if self._differs(node, graph)}
            changed |= kernels or {}
            other = elaborate(graph, replace(self.netlist.schedule, kernels={**self.kernels, **changed}))
            used = estimate_resources(other, self.prices).total
        except IntaglioError:
            return
        steps = {block.name: block.program.steps for block in other.blocks}
        yield Marginal(
            name,
            what,
            tuple(changed),
            used + self.used * -1,
            steps[name] - self.steps[name] if name in steps else 0,
            slowest_block(other)[1] - self.interval,
        )

    # -- kernels ---------------------------------------------------------------------------------------------------
    def _differs(self, node: Node, graph: Graph) -> bool:
        """Has it another operator, or inputs of other shapes or widths?"""
        before = self.graph.by_name[node.name]
        types = zip(graph.input_types(node), self.graph.input_types(before), strict=True)
        return node.op is not before.op or any((a.shape, a.dtype) != (b.shape, b.dtype) for a, b in types)

    def _kernel(self, node: Node, graph: Graph) -> Kernel:
        """The kernel of a node that has changed."""
        old, kernel = self.graph.by_name[node.name], self.kernels[node.name]
        ins, before = graph.input_types(node), self.graph.input_types(old)
        all_in, all_out = before[0].channels, self.graph.types[node.name].channels
        pe = graph.types[node.name].channels if kernel.pe == all_out else kernel.pe
        whole = kernel.simd // all_in if kernel.simd % all_in == 0 else 0  # all channels, of so many positions
        simd = whole * ins[0].channels if whole else kernel.simd
        wanted = self._staged(replace(kernel, pe=pe, simd=simd), node, ins)
        try:
            node.op.parts(wanted, *ins)
        except IntaglioError:
            return self._staged(self._nearest(wanted, node, ins), node, ins)
        return wanted

    def _staged(self, kernel: Kernel, node: Node, ins: tuple[TensorType, ...]) -> Kernel:
        """With the registers that the clock asks for, if those of the design are such."""
        old, built = self.graph.by_name[node.name], self.kernels[node.name]
        follows = old.op.pipelined(built, self.clock_mhz, *self.graph.input_types(old)) == built
        return node.op.pipelined(kernel, self.clock_mhz, *ins) if follows else kernel

    def _more_lanes(self, node: Node) -> dict[str, Kernel]:
        """The next kernels with more outputs, and with more inputs, side by side, that take fewer steps.

        The other number is as it was; more outputs take more inputs in proportion where they cannot be had otherwise.
        """
        kernel, ins = self.kernels[node.name], self.graph.input_types(node)
        outputs, inputs = self.graph.types[node.name].channels, ins[0].channels
        more = [pe for pe in distinct_lanes(outputs) if pe > kernel.pe]
        alone = (replace(kernel, pe=pe) for pe in more)
        coupled = (replace(kernel, pe=pe, simd=kernel.simd * pe // kernel.pe) for pe in more)

        def wider() -> Iterator[Kernel]:
            """On more channels; where they are all, on more than one position."""
            yield from (replace(kernel, simd=simd) for simd in distinct_lanes(inputs) if simd > kernel.simd)
            whole = {k.simd for k in node.op.kernels(*ins) if k.pe == kernel.pe and k.simd > max(inputs, kernel.simd)}
            yield from (replace(kernel, simd=simd) for simd in sorted(whole))

        found = {"PE": self._first(node, chain(alone, coupled)), "SIMD": self._first(node, wider())}
        return {what: kernel for what, kernel in found.items() if kernel is not None}

    def _first(self, node: Node, kernels: Iterator[Kernel]) -> Kernel | None:
        """The first that can be had and takes fewer steps than that of the design."""
        ins = self.graph.input_types(node)
        for kernel in kernels:
            try:
                staged = self._staged(kernel, node, ins)
                if node.op.steps(staged, *ins) < self.steps[node.name]:
                    node.op.parts(staged, *ins)
                    return staged
            except IntaglioError:
                continue
        return None

    def _nearest(self, kernel: Kernel, node: Node, ins: tuple[TensorType, ...]) -> Kernel:
        """Of a node's choices the one most alike: in its lanes, then in its form; the cheapest of several."""

        def unlike(other: Kernel) -> tuple[int, int, float]:
            lanes = abs(other.pe - kernel.pe) + abs(other.simd - kernel.simd)
            forms = sum(getattr(other, name) != getattr(kernel, name) for name in CHOSEN)
            return lanes, forms, price(node.op.parts(other, *ins), self.prices, node.op.name).lut

        return min(node.op.choices(*ins), key=unlike)


def marginal_costs(netlist: Netlist, prices: Prices, clock_mhz: float) -> list[Marginal]:
    """The price of a little more of everything in a design."""
    return list(Differences(netlist, prices, clock_mhz).all())
