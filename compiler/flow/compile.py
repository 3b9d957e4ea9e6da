"""compile: an integer graph and a board become a design: requantisers chosen, kernels and FIFO depths solved."""

from __future__ import annotations

from dataclasses import replace
from math import floor

from ..codegen.border import check_name
from ..errors import IntaglioError
from ..estimate.board import load_board
from ..estimate.cycles import count_cycles
from ..estimate.prices import load_prices
from ..estimate.resources import Resources, price
from ..estimate.resources import estimate as estimate_resources
from ..ir import Graph, verify
from ..ops.netlist import Netlist
from ..passes.choose_requantisers import choose_requantisers
from ..schedule.solver import solve
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
    budget: float = 0.8,
    name: str = "network",
) -> Design:
    """The fastest design that fits `budget` of the board, or the cheapest that reaches `target_fps`.

    Args:
        graph: a lowered graph (`intaglio.lower`).
        board: a name from `intaglio boards`, or the path of a board file.
        clock_mhz: the clock; the board's default if left out.
        target_fps: frames per second to reach; the cheapest such design is chosen instead of the fastest.
        target_interval: the same demand, in cycles between frames.
        budget: share of each resource of the board that may be used, 0 < budget <= 1.
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
    interval = target_interval
    if target_fps is not None:
        if target_fps <= 0:
            raise IntaglioError(f"target_fps must be positive, not {target_fps}", where="target_fps")
        interval = floor(clock * 1e6 / target_fps)
    prices = load_prices(target.prices)

    def total(netlist: Netlist) -> Resources:
        return estimate_resources(netlist, prices).total

    def solved(source: Graph, capacity: Resources, cycles: int | None) -> Netlist:
        chosen = replace(verify(choose_requantisers(verify(source))), notes=source.notes)
        return solve(
            chosen, lambda parts: price(parts, prices), total, capacity, clock_mhz=clock, target_interval=cycles
        )

    netlist = solved(graph, target.capacity * budget, interval)
    before = None
    if "before" in graph.notes:
        # the network as it was, at the rate that was reached: what carving saved; it need not fit any board
        before = solved(graph.notes["before"], target.capacity * UNLIMITED, count_cycles(netlist).interval)
    return Design(netlist, target, clock, name, before)
