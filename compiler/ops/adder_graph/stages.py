"""Where registers lie in an adder graph: the shortest clock period that so many of them allow (ops/timing.py).

Registers cut the graph into segments, from the operands' registers to the results'. Every node is as early as it can
be: an adder makes one value of two, so the earlier it is, the fewer bits are registered.
"""

from __future__ import annotations

from ..timing import adder_ns, room_ns
from .graph import NOTHING, AdderGraph

SEARCH_STEPS = 24
"""Halvings of the range of periods: far finer than the model of delays is."""


def segments(graph: AdderGraph, stages: int) -> list[int]:
    """For each node, behind how many of `stages` rows of registers it lies."""
    delays = _delays(graph)
    best, high = _packed(graph, delays, float("inf"))
    low = max(delays, default=0.0)
    for _ in range(SEARCH_STEPS if stages else 0):
        middle = (low + high) / 2
        found, _ = _packed(graph, delays, middle)
        if max(found, default=0) <= stages:
            best, high = found, middle
        else:
            low = middle
    return best


def stages_for(graph: AdderGraph, clock_mhz: float) -> int:
    """The fewest rows of registers that let everything between two of them happen in a clock cycle."""
    return max(_packed(graph, _delays(graph), room_ns(clock_mhz))[0], default=0)


def _packed(graph: AdderGraph, delays: list[float], period: float) -> tuple[list[int], float]:
    """The segment of each node, as early as it can be within `period`, and the longest way within a segment."""
    segment, arrival = [0] * graph.inputs, [0.0] * graph.inputs
    final = _final(graph)
    for node, a in enumerate(graph.adders, graph.inputs):
        place = max(segment[a.left], segment[a.right])
        start = max(arrival[n] for n in (a.left, a.right) if segment[n] == place)
        if start and start + delays[node] + final.get(node, 0.0) > period:
            place, start = place + 1, 0.0
        segment.append(place)
        arrival.append(start + delays[node])
    longest = max((ns + final.get(node, 0.0) for node, ns in enumerate(arrival)), default=0.0)
    return segment, longest


def _delays(graph: AdderGraph) -> list[float]:
    return [0.0 if node < graph.inputs else adder_ns(kind.bits) for node, kind in enumerate(graph.types)]


def _final(graph: AdderGraph) -> dict[int, float]:
    """The adder of a bias, or the negation, behind a node: in its own segment."""
    ends = zip(graph.outputs, graph.bias, strict=True)
    behind = [tap.node for tap, bias in ends if tap.node != NOTHING and (bias or tap.minus)]
    return {node: adder_ns(graph.types[node].bits) for node in behind}
