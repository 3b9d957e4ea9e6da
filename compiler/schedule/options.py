"""What a solver may choose from: the kernels of every node, and what joins one kernel's stream to the next.

A `Choice` is a kernel with its lanes, its cycles a frame and its price. Kernels with the same lanes and the same
cycles, or more, that cost no less of any resource are left out: they are never part of a best design.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ..errors import IntaglioError
from ..estimate.depths import READY_PATH
from ..estimate.resources import Resources
from ..ir import Graph, Kernel, Node, Parts, TensorType
from ..ops.links import Fifo, Fork, Width

Floats = npt.NDArray[np.float64]
Price = Callable[[Parts, str], Resources]
"""What parts cost in the operator or link of a name."""

ByHand = Mapping[str, Kernel | Sequence[Kernel]]
"""The kernels, one or more, that a node may have, by its name."""

STRATEGIES = ("auto", "adders", "da4ml")
"""How `solve` chooses: freely, or everything unrolled, products with constants being adder graphs of one kind."""

MANY, ROUGH = 2000, 0.04
"""From so many kernels on, the interval found may be so much longer than the least: to prove that one takes minutes."""


@dataclass(frozen=True, eq=False)
class Choice:
    """One kernel of one node. lanes: elements per beat of each input, and of the output. steps: cycles a frame."""

    kernel: Kernel
    reads: tuple[int, ...]
    issues: int
    steps: int
    cost: Floats = field(repr=False)


@dataclass(frozen=True, eq=False)
class Edge:
    """A tensor's way from its source to one reader. source: the node that makes it, or "" at the border."""

    tensor: str
    kind: TensorType
    source: str
    reader: str
    port: int


@dataclass(frozen=True, eq=False)
class Options:
    """Choices by node, and the prices of links. Everything is priced once."""

    graph: Graph
    price: Price
    choices: Mapping[str, list[Choice]]

    @cached_property
    def edges(self) -> list[Edge]:
        """Those between nodes: a graph input comes in the lanes of its first reader."""
        made = {node.name for node in self.graph.nodes}
        return [
            Edge(tensor, self.graph.types[tensor], tensor, node.name, port)
            for node in self.graph.nodes
            for port, tensor in enumerate(node.inputs)
            if tensor in made
        ]

    @cached_property
    def _links(self) -> dict[tuple[TensorType, int, int], tuple[int, Floats]]:
        return {}

    def link(self, kind: TensorType, issues: int, reads: int) -> tuple[int, Floats]:
        """(cycles a frame, price) of the way from lanes to lanes: FIFOs, and a width converter where they differ; FIFOs
        alone take no more cycles than the kernels at their ends.
        """
        key = kind, issues, reads
        if key not in self._links:
            if issues == reads:
                found = 0, _fifo(self.price, issues * kind.bits)
            else:
                width = Width(kind, issues, reads)
                fifos = _fifo(self.price, issues * kind.bits) + _fifo(self.price, reads * kind.bits)
                found = width.steps, _vector(self.price(width.parts(), width.template)) + fifos
            self._links[key] = found
        return self._links[key]

    @property
    def tolerance(self) -> float:
        """How much of an interval a search may pass over: nothing, unless there are very many choices."""
        return ROUGH if sum(map(len, self.choices.values())) > MANY else 0.0

    def dearest(self, edge: Edge) -> Floats:
        """The most that any two kernels at its ends need to be joined, of every resource."""
        if edge not in self._dearest:
            issued = {c.issues for c in self.choices[edge.source]}
            read = {c.reads[edge.port] for c in self.choices[edge.reader]}
            costs = [self.link(edge.kind, a, b)[1] for a in issued for b in read]
            self._dearest[edge] = np.max(costs, axis=0)
        return self._dearest[edge]

    @cached_property
    def _dearest(self) -> dict[Edge, Floats]:
        return {}


def options(
    graph: Graph, price: Price, *, clock_mhz: float, strategy: str = "auto", fixed: ByHand | None = None
) -> Options:
    """All that there is to choose. A node in `fixed` has what is given there, and nothing else.

    Raises:
        IntaglioError: for an unknown strategy, or a fixed kernel that its node cannot have.
    """
    if strategy not in STRATEGIES:
        raise IntaglioError(f"there is no strategy {strategy!r}", where="strategy", hint=f"one of {STRATEGIES}")
    return Options(
        graph, price, {n.name: _choices(graph, n, price, clock_mhz, strategy, fixed or {}) for n in graph.nodes}
    )


def _choices(graph: Graph, node: Node, price: Price, clock_mhz: float, strategy: str, fixed: ByHand) -> list[Choice]:
    ins, op, copies = graph.input_types(node), node.op, _readers(graph, node.name)
    out = graph.types[node.name]
    forks: dict[int, Floats] = {}

    def fork(lanes: int) -> Floats:
        """What it takes to give the output to several readers."""
        if copies < 2:
            return np.zeros(len(tuple(Resources())))
        if lanes not in forks:
            link = Fork(out, lanes, copies)
            forks[lanes] = _vector(price(link.parts(), link.template)) + _fifo(price, lanes * out.bits)
        return forks[lanes]

    def choice(kernel: Kernel) -> Choice:
        reads, issues = op.lanes(kernel, *ins)
        cost = _vector(price(op.parts(kernel, *ins), op.name)) + fork(issues)
        return Choice(kernel, reads, issues, op.steps(kernel, *ins), cost)

    if node.name in fixed:
        try:
            given = fixed[node.name]
            return best(map(choice, [given] if isinstance(given, Kernel) else given))
        except IntaglioError as error:
            raise IntaglioError(error.what, where=node.name, other=error.other, hint=error.hint) from None
    chosen = _by_strategy(strategy, op.choices(*ins), lambda kernel: op.steps(kernel, *ins))
    return best(choice(op.pipelined(kernel, clock_mhz, *ins)) for kernel in chosen)


def _by_strategy(strategy: str, kernels: Iterable[Kernel], steps: Callable[[Kernel], int]) -> list[Kernel]:
    if strategy == "auto":
        return [kernel for kernel in kernels if kernel.multiplier != "da4ml"]  # only where a user asks for it
    listed = list(kernels)
    fewest = min(map(steps, listed))
    fastest = [kernel for kernel in listed if steps(kernel) == fewest]
    return [kernel for kernel in fastest if kernel.multiplier == strategy] or fastest


def best(choices: Iterable[Choice]) -> list[Choice]:
    """Those that no other with the same lanes beats: in cycles and every resource no worse."""
    groups: dict[tuple[tuple[int, ...], int], list[Choice]] = {}
    for choice in choices:
        groups.setdefault((choice.reads, choice.issues), []).append(choice)
    return [kept for group in groups.values() for kept in _front(group)]


def _front(group: list[Choice]) -> list[Choice]:
    group.sort(key=lambda c: (c.steps, float(c.cost.sum())))
    front: list[Choice] = []
    for choice in group:
        if not any((kept.cost <= choice.cost).all() for kept in front):
            front.append(choice)
    return front


def _readers(graph: Graph, name: str) -> int:
    return len(graph.consumers[name]) + sum(output == name for output in graph.outputs)


def _fifo(price: Price, width: int) -> Floats:
    """Of a link, on average: most are wires, and so many blocks on is a FIFO of one word, for the sake of `ready`
    (estimate/depths.py). Those that hold more are priced with the whole netlist.
    """
    return _vector(price(Fifo(width, 1).parts(), Fifo.template)) / READY_PATH


def _vector(resources: Resources) -> Floats:
    return np.array(tuple(resources))
