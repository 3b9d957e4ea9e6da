"""Every requantise -> the cheapest form that hardware builds, proven equal on every value that can occur.

    relu1_q = requantise(conv1) slope=3/64 ...   ->   relu1_q = mul_shift(conv1) multiplier=3 addend=32 shift=6 ...
                                                 or   relu1_q = shift(conv1) ...   or   relu1_q = threshold(conv1) ...

A form equals the function on a channel's whole range [amin, amax] iff it does at amin, at amax and on both sides of
every step of the function there: between two steps both are monotone, and equal at the ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from ..errors import IntaglioError
from ..ir import Graph, Node, Op, TensorType, as_integers
from ..ops import MulShift, Requantise, Shift, Threshold
from .multiplier_search import mul_shift_form, shift_form
from .staircase import Staircase, staircase

Cost = Callable[[Op, TensorType], float]
MOST_LEVELS = 1 << 12
WIDEST_ACCUMULATOR = 1 << 61


def default_cost(form: Op, x: TensorType) -> float:
    """Roughly the LUTs of one lane, and of the tables that hold its parameters."""
    bits, table = x.bits, x.channels / 64
    if isinstance(form, Threshold):
        levels = int(form.thresholds.shape[1])
        return levels * bits + levels * bits * table
    clip = 2.0 * max(abs(form.lo), abs(form.hi)).bit_length() if isinstance(form, MulShift | Shift) else 0.0
    if isinstance(form, Shift):
        return bits + clip + _width(form.addend) * table
    if isinstance(form, MulShift):
        multiplier = _width(form.multiplier)
        return bits * multiplier + bits + multiplier + clip + (multiplier + _width(form.addend)) * table
    return float("inf")


def choose_requantisers(graph: Graph, cost: Cost = default_cost) -> Graph:
    """The graph with every requantise built as threshold, mul_shift or shift, whichever `cost` prices lowest.

    Raises:
        IntaglioError: where a requantiser has no form (a range beyond 61 bits, or more than 4096 steps at a slope
            that no multiplier expresses).
    """
    nodes = tuple(_choose(graph, node, cost) if isinstance(node.op, Requantise) else node for node in graph.nodes)
    return graph.with_nodes(nodes)


def requantiser_forms(op: Requantise, x: TensorType) -> Iterator[Op]:
    """Every form that is equal to the function on the range of x."""
    if x.magnitude >= WIDEST_ACCUMULATOR:
        return
    stairs = [staircase(op, channel, lo, hi) for channel, (lo, hi) in enumerate(zip(x.lo, x.hi, strict=True))]
    for form in (shift_form(op, stairs), mul_shift_form(op, stairs), _threshold_form(op, stairs)):
        if form is not None:
            _prove(op, form, stairs)
            yield form


def _choose(graph: Graph, node: Node, cost: Cost) -> Node:
    (x,) = graph.input_types(node)
    forms = list(requantiser_forms(node.op, x))  # type: ignore[arg-type]
    if not forms:
        raise IntaglioError(
            f"the requantiser {node.name} has no form that fits 64 bits",
            where=node.loc or node.name,
            hint="fewer bits for weights or activations",
        )
    return replace(node, op=min(forms, key=lambda form: cost(form, x)))


def _threshold_form(op: Requantise, stairs: list[Staircase]) -> Threshold | None:
    levels = max(1, *(len(stair.steps) for stair in stairs))
    if levels > MOST_LEVELS:
        return None
    # a threshold that the channel never reaches fills the rows of channels with fewer steps
    rows = [[*stair.thresholds, *[stair.amax + 1] * (levels - len(stair.steps))] for stair in stairs]
    base, step = [stair.at_amin for stair in stairs], [-1 if stair.falling else 1 for stair in stairs]
    return Threshold(as_integers(rows), as_integers(base), as_integers(step), op.scale)


def _prove(op: Requantise, form: Op, stairs: list[Staircase]) -> None:
    """Raises IntaglioError unless the form is the function at both ends and on both sides of every step."""
    points = [stair.decisive() for stair in stairs]
    longest = max(map(len, points))
    grid = np.array([[*p, *[p[0]] * (longest - len(p))] for p in points], dtype=np.int64).T
    want, got = op.run(grid), form.run(grid)
    if not np.array_equal(want, got):
        row, channel = np.argwhere(np.asarray(want != got))[0]
        raise IntaglioError(
            f"{form.name} is not the requantiser: channel {channel}, input {grid[row, channel]}: "
            f"{got[row, channel]} instead of {want[row, channel]}",
            hint="this is a fault of Intaglio; please report it with the network",
        )


def _width(values: np.ndarray) -> int:
    return max(1, int(max(values.max(initial=0), -values.min(initial=0))).bit_length())
