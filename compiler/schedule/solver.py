"""The smallest interval that fits a board, or the cheapest design that reaches a rate or a latency.

Kernels and the converters between them are chosen by `selection.cheapest`: for a given interval its answer is optimal
under the prices, with FIFOs of the least depth. The smallest interval that fits is found by bisection over the
intervals that kernels have (what fits at one interval fits at any larger one); where a network is so large that the
program takes long, to four per cent. The netlist is then elaborated and
priced as it is, deep FIFOs included; where these take more than the program knew, the budget of the program shrinks by
as much and it is asked again.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from ..errors import IntaglioError
from ..estimate.cycles import count_cycles, fifo_depths
from ..estimate.resources import Resources
from ..ir import Graph, Kernel
from ..ir.schedule import Schedule
from ..ops.netlist import Netlist, elaborate
from .options import ByHand, Floats, Options, Price, options
from .selection import cheapest, may_fit

TRIES = 4
"""How often a budget is shrunk by what FIFOs take beyond their least depth."""


def solve(
    graph: Graph,
    price: Price,
    total: Callable[[Netlist], Resources],
    capacity: Resources,
    *,
    clock_mhz: float,
    target_interval: int | None = None,
    target_latency: int | None = None,
    strategy: str = "auto",
    fixed: ByHand | None = None,
) -> Netlist:
    """The fastest netlist within `capacity`, or the cheapest with the interval and the latency asked for, in cycles.

    strategy: `auto`, or `adders` or `da4ml` for everything unrolled. fixed: what a node may have, given by hand.

    Raises:
        IntaglioError: where not even the smallest design fits, or a target cannot be met; it says what binds.
    """
    if not graph.nodes:
        raise IntaglioError("the network has no operators: there is nothing to build", where="compile")
    if unknown := sorted(set(fixed or {}) - {node.name for node in graph.nodes}):
        raise IntaglioError(f"there is no node {unknown[0]!r} to give a kernel", where="folding")
    choices = options(graph, price, clock_mhz=clock_mhz, strategy=strategy, fixed=fixed)
    search = _Search(choices, total, capacity)
    if target_latency is not None:
        return _within_latency(search, target_latency, target_interval)
    if target_interval is not None:
        return _within_interval(search, target_interval)
    return search.best(search.intervals)


def _within_interval(search: _Search, interval: int) -> Netlist:
    """The cheapest design of at most so many cycles between frames."""
    if search.floor > interval:
        raise IntaglioError(
            f"no design reaches an interval of {interval} cycles",
            where=search.slowest,
            other=f"its fastest kernel takes {search.floor} cycles a frame",
            hint="lower target_fps, or raise clock_mhz",
        )
    if (netlist := search.at(interval, patient=True)) is not None:
        return netlist
    wanted = f"the cheapest design with an interval of {interval} cycles does not fit"
    later = [cycles for cycles in search.intervals if cycles > interval]
    raise IntaglioError(
        wanted,
        where="target_fps",
        other=search.excess(interval) + search.instead(later),
        hint="lower target_fps, raise budget, or take a larger board",
    )


def _within_latency(search: _Search, latency: int, interval: int | None) -> Netlist:
    """The cheapest design found of at most so many cycles from a frame's first input beat to its last output beat.

    Latency falls with the interval, but for details: the largest interval at which the cheapest design is quick enough
    is taken.
    """
    if interval is not None and search.floor > interval:
        return _within_interval(search, interval)
    tried = [cycles for cycles in search.intervals if interval is None or cycles <= interval] or [search.floor]
    if interval is not None:
        tried = [cycles for cycles in tried if cycles < interval] + [interval]
    quickest = None

    def too_slow(cycles: int) -> bool:
        netlist = search.at(cycles)
        return netlist is not None and count_cycles(netlist).latency > latency

    index = bisect_left(tried, True, key=too_slow)
    for cycles in reversed(tried[:index]):
        if (netlist := search.at(cycles)) is not None:
            return netlist
    for cycles in tried:
        if (quickest := search.at(cycles)) is not None:
            break
    least = f"the quickest design found takes {count_cycles(quickest).latency}" if quickest else "no quicker one fits"
    raise IntaglioError(
        f"no design reaches a latency of {latency} cycles",
        where="target_latency_us",
        other=least,
        hint="raise target_latency_us, clock_mhz or budget, or take a larger board",
    )


@dataclass
class _Search:
    """Designs by interval, each found once."""

    choices: Options
    total: Callable[[Netlist], Resources]
    capacity: Resources

    def __post_init__(self) -> None:
        self.found: dict[int, Netlist | None] = {}
        fastest = {name: min(c.steps for c in listed) for name, listed in self.choices.choices.items()}
        self.slowest = max(fastest, key=lambda name: fastest[name])
        self.floor = fastest[self.slowest]
        steps = {c.steps for listed in self.choices.choices.values() for c in listed}
        self.intervals = sorted({*(s for s in steps if s > self.floor), self.floor})

    def best(self, intervals: list[int]) -> Netlist:
        """The one with the smallest of these intervals that fits."""
        whole, low = np.array(tuple(self.capacity)), 0
        fifos = np.zeros(len(whole))  # the most that those of any design took beyond what its program knew
        while low < len(intervals):
            budget = np.maximum(whole - fifos, 0)
            low = bisect_left(intervals, True, lo=low, key=lambda c: may_fit(self.choices, c, budget))
            if low == len(intervals):
                break
            low = min(self._later(intervals, low), len(intervals) - 1)
            netlist, more = self._build_cheapest(intervals[low], budget)
            if netlist is not None:
                return netlist
            if (more <= fifos).all():
                low = max(low + 1, self._later(intervals, low))
            fifos = np.maximum(fifos, more)
        in_time = may_fit(self.choices, intervals[-1], whole)
        raise IntaglioError(
            "no design was found that fits the budget" if in_time else "not even the smallest design fits the budget",
            where="budget",
            other=self.excess(intervals[-1]),
            hint="prune more, use fewer bits, raise budget, or take a larger board",
        )

    def _later(self, intervals: list[int], low: int) -> int:
        """Where intervals begin that are longer by the tolerance: just above what may fit, a program takes longest."""
        return bisect_left(intervals, intervals[low] * (1 + self.choices.tolerance))

    def at(self, interval: int, *, patient: bool = False) -> Netlist | None:
        """The cheapest design of at most that interval; None where none fits, or none is found in time."""
        if interval not in self.found:
            self.found[interval] = self._at(interval, patient=patient)
        return self.found[interval]

    def _at(self, interval: int, *, patient: bool) -> Netlist | None:
        netlist = self._within(interval)
        if netlist is not None or not patient:
            return netlist
        regardless = self._regardless(interval)  # of the budget: a program that is answered soon
        if regardless is not None and self.total(regardless) <= self.capacity:
            return regardless
        return self._within(interval, patient=True)

    def _within(self, interval: int, *, patient: bool = False) -> Netlist | None:
        """The cheapest design within the budget, its FIFOs included."""
        whole = np.array(tuple(self.capacity))
        fifos = np.zeros(len(whole))
        for _ in range(TRIES):
            netlist, more = self._build_cheapest(interval, np.maximum(whole - fifos, 0), patient=patient)
            if netlist is not None or (more <= fifos).all():
                return netlist
            fifos = np.maximum(fifos, more)
        return None

    def _regardless(self, interval: int) -> Netlist | None:
        """The cheapest design, whether it fits or not; None where no kernels are that fast."""
        selection = cheapest(self.choices, interval, np.array(tuple(self.capacity)) * 1e6)
        return None if selection is None else self._build(selection.kernels)

    def _build_cheapest(self, interval: int, budget: Floats, *, patient: bool = False) -> tuple[Netlist | None, Floats]:
        """The netlist, if it fits; and what its FIFOs take beyond what the program knew."""
        selection = cheapest(self.choices, interval, budget, patient=patient)
        if selection is None:
            return None, np.zeros(len(budget))
        netlist = self._build(selection.kernels)
        used = self.total(netlist)
        more = np.maximum(np.array(tuple(used)) - selection.cost, 0)
        return (netlist if used <= self.capacity else None), more

    def _build(self, kernels: Mapping[str, Kernel]) -> Netlist:
        return with_depths(elaborate(self.choices.graph, Schedule(dict(kernels))))

    def excess(self, interval: int) -> str:
        """Which resources bind at that interval, and by how much."""
        netlist = self._regardless(interval)
        return "no kernels fit" if netlist is None else excess(self.total(netlist), self.capacity)

    def instead(self, intervals: list[int]) -> str:
        """The best that is."""
        try:
            best = self.best(intervals) if intervals else None
        except IntaglioError:
            best = None
        return f"; the best that fits takes {count_cycles(best).interval} cycles" if best else ""


def with_depths(netlist: Netlist) -> Netlist:
    """The same netlist with the FIFO depths that its full rate needs."""
    depths = fifo_depths(netlist, count_cycles(netlist).interval)
    return elaborate(netlist.graph, replace(netlist.schedule, depths=depths))


def excess(used: Resources, capacity: Resources) -> str:
    """Which resources bind, and by how much."""
    names = [name for name, share in used.shares(capacity).items() if share > 1]
    return ", ".join(f"{getattr(used, n):.0f} {n.upper()} of {getattr(capacity, n):.0f}" for n in names)
