"""Where registers lie in an adder graph: the shortest clock period that so many of them allow (ops/timing.py).

Registers cut the graph into segments, from the operands' registers to the results'. Every node is as early as it can
be, since an adder mostly makes one value of two that are not used again; where they are, it waits.
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
    return _later(graph, best, stages)


def stages_for(graph: AdderGraph, clock_mhz: float) -> int:
    """The fewest rows of registers that let everything between two of them happen in a clock cycle."""
    return max(_packed(graph, _delays(graph), room_ns(clock_mhz))[0], default=0)


def _later(graph: AdderGraph, segment: list[int], stages: int) -> list[int]:
    """Nodes in later segments where that takes fewer bits of registers, each before the first that reads it.

    What is moved reads registers and is read from registers, so no way becomes longer.
    """
    placed = list(segment)
    readers: list[list[int]] = [[] for _ in placed]
    for node, a in enumerate(graph.adders, graph.inputs):
        for operand in {a.left, a.right}:
            readers[operand].append(node)
    ends = {tap.node for tap in graph.outputs}

    def last_use(operand: int, besides: int) -> int:
        found = [placed[n] for n in readers[operand] if n != besides] + [stages] * (operand in ends)
        return max(found, default=placed[operand])

    for node in range(len(placed) - 1, graph.inputs - 1, -1):
        a, bits = graph.adders[node - graph.inputs], graph.types[node].bits
        latest = min([placed[n] - 1 for n in readers[node]] + [stages] * (node in ends), default=placed[node])
        waits = [(graph.types[n].bits, max(last_use(n, node), placed[node])) for n in {a.left, a.right}]

        def more(place: int, node: int = node, bits: int = bits, waits: list[tuple[int, int]] = waits) -> int:
            """Bits of registers beyond those of today."""
            return sum(b * max(place - last, 0) for b, last in waits) - bits * (place - placed[node])

        placed[node] = min(range(placed[node], max(latest, placed[node]) + 1), key=lambda place: (more(place), place))
    return placed


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
