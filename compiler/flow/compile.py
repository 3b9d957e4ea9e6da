"""compile: an integer graph and a board become a design: requantisers chosen, kernels and FIFO depths solved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import floor, inf
from pathlib import Path
from typing import Any

from ..codegen.border import check_name
from ..errors import IntaglioError
from ..estimate.board import load_board
from ..estimate.cycles import count_cycles
from ..estimate.prices import load_prices
from ..estimate.resources import Resources, price
from ..estimate.resources import estimate as estimate_resources
from ..frontend.finn_folding import read_finn_folding
from ..ir import Graph, Parts, verify
from ..ops.netlist import Netlist
from ..passes.choose_requantisers import choose_requantisers
from ..schedule.folding import Folding, as_folding, kernels_by_hand, read_folding, with_depths_by_hand
from ..schedule.solver import excess, solve
from .design import Design

UNLIMITED = 1e6
"""Of a board: room for whatever a comparison needs."""


def compile(  # noqa: A001  the product's verb
    graph: Graph,
    board: str = "pynq-z2",
    *,
    clock_mhz: float | None = None,
    target_fps: float | None = None,
    target_interval: int | None = None,
    target_latency_us: float | None = None,
    budget: float = 0.8,
    strategy: str = "auto",
    folding: str | Path | Mapping[str, Any] | None = None,
    name: str = "network",
) -> Design:
    """The fastest design that fits `budget` of the board, or the cheapest that reaches the targets.

    Args:
        graph: a lowered graph (`intaglio.lower`).
        board: a name from `intaglio boards`, or the path of a board file.
        clock_mhz: the clock; the board's default if left out.
        target_fps: frames per second to reach; the cheapest such design is chosen instead of the fastest.
        target_interval: the same demand, in cycles between frames.
        target_latency_us: microseconds from a frame's first input beat to its last output beat, at most.
        budget: share of each resource of the board that may be used, 0 < budget <= 1.
        strategy: `auto`: every layer's kernel is chosen freely. `adders`: every layer works on a whole pixel a cycle,
            its products with constants are graphs of shared adders. `da4ml`: likewise, and da4ml makes the graphs.
        folding: kernels by hand: a `folding.toml` as `Design.write` leaves it, FINN's folding in `.json`, or a mapping
            of node to kernel. What it does not say is chosen as ever.
        name: the core's name: an identifier.

    Raises:
        IntaglioError: for an unknown board, a graph that is not lowered, or demands that cannot be met.
    """
    if not 0 < budget <= 1:
        raise IntaglioError(f"a budget is a share above 0 and up to 1, not {budget}", where="budget")
    check_name(name)
    target = load_board(board)
    clock = target.default_clock_mhz if clock_mhz is None else clock_mhz
    if not 1 <= clock <= 1000:
        raise IntaglioError(f"a clock of {clock} MHz is out of range", where="clock_mhz", hint="1 to 1000")
    interval, latency = _in_cycles(clock, target_fps, target_interval, target_latency_us)
    prices = load_prices(target.prices)

    def total(netlist: Netlist) -> Resources:
        return estimate_resources(netlist, prices).total

    def chosen(source: Graph) -> Graph:
        return replace(verify(choose_requantisers(verify(source))), notes=source.notes)

    def priced(parts: Parts, operator: str) -> Resources:
        return price(parts, prices, operator)

    def solved(source: Graph, capacity: Resources, **demands: Any) -> Netlist:
        return solve(source, priced, total, capacity, clock_mhz=clock, strategy=strategy, **demands)

    given, capacity = chosen(graph), target.capacity * budget
    by_hand = _folding(folding, given)
    fixed = kernels_by_hand(by_hand, given, clock)
    netlist = solved(given, capacity, target_interval=interval, target_latency=latency, fixed=fixed)
    netlist = with_depths_by_hand(netlist, by_hand)
    if by_hand.depths and not (used := total(netlist)) <= capacity:
        raise IntaglioError("with FIFOs so deep nothing fits", where=by_hand.where, other=excess(used, capacity))
    before = None
    if "before" in graph.notes:
        # the network as it was, at the rate that was reached: what carving saved; it need not fit any board
        reached = count_cycles(netlist).interval
        before = solved(chosen(graph.notes["before"]), target.capacity * UNLIMITED, target_interval=reached)
    said = {"from": by_hand.where, "nodes": sorted(fixed), "skipped": list(by_hand.skipped)}
    asked = {
        "budget": budget,
        "target_fps": target_fps,
        "target_interval": target_interval,
        "target_latency_us": target_latency_us,
        "strategy": strategy,
        "folding": said if folding else None,
    }
    return Design(netlist, target, clock, name, before, {k: v for k, v in asked.items() if v is not None})


def _in_cycles(
    clock_mhz: float, fps: float | None, interval: int | None, latency_us: float | None
) -> tuple[int | None, int | None]:
    """The interval and the latency asked for, in cycles; of two intervals the shorter."""
    for name, value in (("target_fps", fps), ("target_interval", interval), ("target_latency_us", latency_us)):
        if value is not None and not 0 < value < inf:
            raise IntaglioError(f"{name} must be positive, not {value}", where=name)
    intervals = [] if interval is None else [interval]
    if fps is not None:
        intervals.append(floor(clock_mhz * 1e6 / fps))
    # the product of two decimal fractions may lie just below the whole number that is meant
    latency = None if latency_us is None else floor(round(latency_us * clock_mhz, 6))
    return min(intervals, default=None), latency


def _folding(source: str | Path | Mapping[str, Any] | None, graph: Graph) -> Folding:
    """What is given by hand, of whatever kind."""
    if source is None or isinstance(source, Mapping):
        return as_folding(source or {}, graph)
    path = Path(source)
    if path.suffix == ".json":
        return read_finn_folding(path, graph)
    return as_folding(read_folding(path), graph, str(path))
