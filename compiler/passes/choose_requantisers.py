"""Every requantise or lookup -> the cheapest form that hardware builds, proven equal on every value that can occur.

    relu1_q = requantise(conv1) slope=3/64 ...   ->   relu1_q = mul_shift(conv1) multiplier=3 addend=32 shift=6 ...
                                                 or   relu1_q = shift(conv1) ...   or   relu1_q = threshold(conv1) ...

    act_q = lookup(x) table=…                        ->   act_q = threshold(x) …   where it is monotone, and cheaper

A form equals the function on a channel's whole range [amin, amax] iff it does at amin, at amax and on both sides of
every step of the function there: between two steps both are monotone, and equal at the ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from ..errors import IntaglioError
from ..ir import Graph, Node, Op, TensorType, as_integers
from ..ops import Lookup, MulShift, Requantise, Shift, Threshold
from .multiplier_search import mul_shift_form, shift_form
from .staircase import Staircase, staircase
from .tabulate import MOST_LEVELS

Cost = Callable[[Op, TensorType], float]
MOST_ENTRIES = 1 << 16
MOST_CELLS = 1 << 18
WIDEST_ACCUMULATOR = 1 << 61


def default_cost(form: Op, x: TensorType) -> float:
    """Roughly the LUTs of one lane, and of the tables that hold its parameters."""
    bits, table = x.bits, x.channels / 64
    if isinstance(form, Lookup):
        rows, entries = form.table.shape
        return _width(form.table) * max(1.0, entries / 64) * rows
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
    """The graph with every requantise built as threshold, mul_shift, shift or lookup, whichever `cost` prices lowest.

    Raises:
        IntaglioError: where a requantiser has no form (a range beyond 61 bits, or more than 4096 steps at a slope
            that no multiplier expresses).
    """
    nodes = tuple(_choose(graph, node, cost) for node in graph.nodes)
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
    table = _table_form(op, x)
    if table is not None:
        yield table


def lookup_forms(op: Lookup, x: TensorType) -> Iterator[Op]:
    """The table itself, and thresholds where every channel rises or falls."""
    yield op
    rows = [op.table[c if len(op.table) > 1 else 0][lo - op.first : hi - op.first + 1] for c, (lo, hi) in _ranges(x)]
    steps = [np.diff(row) for row in rows]
    if op.bipolar or any((step < 0).any() and (step > 0).any() for step in steps):
        return
    if max(int(np.abs(row[-1] - row[0])) for row in rows) > MOST_LEVELS:
        return
    directions = [-1 if (step < 0).any() else 1 for step in steps]
    stairs = [
        Staircase.of_row(row.tolist(), lo, direction)
        for row, (_, (lo, _)), direction in zip(rows, _ranges(x), directions, strict=True)
    ]
    form = _threshold_form(op, stairs)
    if form is not None:
        _prove(op, form, stairs)
        yield form


def _ranges(x: TensorType) -> list[tuple[int, tuple[int, int]]]:
    return list(enumerate(zip(x.lo, x.hi, strict=True)))


def _table_form(op: Requantise, x: TensorType) -> Lookup | None:
    """Every reachable value, where the others do not fit or the range is small."""
    first, last = min(x.lo), max(x.hi)
    same = len({*zip(op.slope, op.offset, strict=True)}) == 1
    rows = 1 if same else x.channels
    if rows * (last - first + 1) > MOST_CELLS or last - first >= MOST_ENTRIES:
        return None
    grid = np.broadcast_to(np.arange(first, last + 1)[:, None], (last - first + 1, x.channels))
    return Lookup(as_integers(op.run(grid).T[:rows]), first, op.scale)


def _choose(graph: Graph, node: Node, cost: Cost) -> Node:
    if isinstance(node.op, Lookup):
        (x,) = graph.input_types(node)
        return replace(node, op=min(lookup_forms(node.op, x), key=lambda form: cost(form, x)))
    if not isinstance(node.op, Requantise):
        return node
    (x,) = graph.input_types(node)
    forms = list(requantiser_forms(node.op, x))
    if not forms:
        raise IntaglioError(
            f"the requantiser {node.name} has no form that fits 64 bits",
            where=node.loc or node.name,
            hint="fewer bits for weights or activations",
        )
    return replace(node, op=min(forms, key=lambda form: cost(form, x)))


def _threshold_form(op: Requantise | Lookup, stairs: list[Staircase]) -> Threshold | None:
    levels = max(1, *(len(stair.steps) for stair in stairs))
    if levels > MOST_LEVELS:
        return None
    # a threshold that the channel never reaches fills the rows of channels with fewer steps
    rows = [[*stair.thresholds, *[stair.amax + 1] * (levels - len(stair.steps))] for stair in stairs]
    base, step = [stair.at_amin for stair in stairs], [-1 if stair.falling else 1 for stair in stairs]
    return Threshold(as_integers(rows), as_integers(base), as_integers(step), op.scale)


def _prove(op: Requantise | Lookup, form: Op, stairs: list[Staircase]) -> None:
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
