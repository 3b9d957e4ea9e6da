"""The smallest interval that fits a board, or the cheapest design that reaches an interval.

For a given interval every node independently takes its cheapest kernel that is fast enough, so the total cost falls
as the interval grows, and the smallest interval that fits is found by bisection over the intervals that kernels have.
Cost: the sum of the shares of the board that a kernel takes. Links are priced with the whole netlist, at the end.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, replace

from ..errors import IntaglioError
from ..estimate.cycles import count_cycles, fifo_depths
from ..estimate.resources import Resources
from ..ir import Graph, Kernel, Node, Parts
from ..ir.schedule import Schedule
from ..ops.netlist import Netlist, elaborate


@dataclass(frozen=True)
class Choice:
    """One kernel of one node: its interval alone and its share of the board."""

    steps: int
    cost: float
    kernel: Kernel


def solve(
    graph: Graph,
    price: Callable[[Parts], Resources],
    total: Callable[[Netlist], Resources],
    capacity: Resources,
    *,
    clock_mhz: float,
    target_interval: int | None = None,
) -> Netlist:
    """The fastest netlist within `capacity`, or the cheapest with an interval of `target_interval` cycles at most.

    Raises:
        IntaglioError: where not even the smallest design fits, or the target cannot be met; it says what binds.
    """
    if not graph.nodes:
        raise IntaglioError("the network has no operators: there is nothing to build", where="compile")
    choices = {node.name: _choices(graph, node, price, capacity, clock_mhz) for node in graph.nodes}
    floor = max(options[-1].steps for options in choices.values())
    if target_interval is not None:
        if floor > target_interval:
            slow = max(choices, key=lambda name: choices[name][-1].steps)
            raise IntaglioError(
                f"no design reaches an interval of {target_interval} cycles",
                where=slow,
                other=f"its fastest kernel takes {floor} cycles a frame",
                hint="lower target_fps, or raise clock_mhz",
            )
        netlist = _build(graph, choices, target_interval)
        used = total(netlist)
        if not used <= capacity:
            raise IntaglioError(
                f"the cheapest design with an interval of {target_interval} cycles does not fit",
                where="target_fps",
                other=excess(used, capacity),
                hint="lower target_fps, raise budget, or take a larger board",
            )
        return netlist
    intervals = sorted({choice.steps for options in choices.values() for choice in options if choice.steps >= floor})
    found: dict[int, Netlist] = {}

    def fits(interval: int) -> bool:
        found[interval] = _build(graph, choices, interval)
        return total(found[interval]) <= capacity

    index = bisect_left(intervals, True, key=fits)
    if index == len(intervals):
        smallest = total(found[intervals[-1]])
        raise IntaglioError(
            "not even the smallest design fits the budget",
            where="budget",
            other=excess(smallest, capacity),
            hint="prune more, use fewer bits, raise budget, or take a larger board",
        )
    return found.get(intervals[index]) or _build(graph, choices, intervals[index])


def with_depths(netlist: Netlist) -> Netlist:
    """The same netlist with the FIFO depths that its full rate needs."""
    depths = fifo_depths(netlist, count_cycles(netlist).interval)
    return elaborate(netlist.graph, replace(netlist.schedule, depths=depths))


def _build(graph: Graph, choices: dict[str, list[Choice]], interval: int) -> Netlist:
    kernels = {
        name: min((c for c in options if c.steps <= interval), key=lambda c: c.cost).kernel
        for name, options in choices.items()
    }
    return with_depths(elaborate(graph, Schedule(kernels)))


def _choices(
    graph: Graph, node: Node, price: Callable[[Parts], Resources], capacity: Resources, clock_mhz: float
) -> list[Choice]:
    """The kernels worth having: each faster than all that cost less, slowest first."""
    ins = graph.input_types(node)
    found = []
    for kernel in node.op.choices(*ins):
        staged = node.op.pipelined(kernel, clock_mhz, *ins)
        share = sum(price(node.op.parts(staged, *ins)).shares(capacity).values())
        found.append(Choice(node.op.steps(staged, *ins), share, staged))
    found.sort(key=lambda c: (c.cost, c.steps))
    best: list[Choice] = []
    for choice in found:
        if not best or choice.steps < best[-1].steps:
            best.append(choice)
    return best


def excess(used: Resources, capacity: Resources) -> str:
    """Which resources bind, and by how much."""
    names = [name for name, share in used.shares(capacity).items() if share > 1]
    return ", ".join(f"{getattr(used, n):.0f} {n.upper()} of {getattr(capacity, n):.0f}" for n in names)
