"""Our own adder graphs: shared sums of two terms, over the matrix itself or over the differences of its rows.

For each plan a graph is made, and the one that costs least (cost.graph_cost) is kept. Everything is deterministic.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...ir import Int64
from .cost import graph_cost
from .differences import ROOT, Tree, digit_counts, spanning, trivial
from .graph import NOTHING, AdderGraph, Tap
from .share import WEIGHTS, Sharing
from .summing import least_depth, total
from .wiring import Wiring, outputs_of

LARGE, HUGE = 3000, 8000
"""Signed digits of a matrix from which on fewer plans are tried, and only one."""


@dataclass(frozen=True)
class Plan:
    """weigh: see share.WEIGHTS. depth: of the tree of differences, 1 for none."""

    weigh: str
    depth: int = 1


PLANS = (Plan("both"), Plan("overlap"), Plan("both", 6), Plan("overlap", 6), Plan("both", 2), Plan("overlap", 2))


def optimise(weight: Int64, bias: Int64, lo: Int64, hi: Int64) -> AdderGraph:
    """A graph of `weight @ x + bias` for lo <= x <= hi, proven."""
    digits = int(digit_counts(weight).sum())
    plans = PLANS if digits < LARGE else PLANS[:2] if digits < HUGE else PLANS[:1]
    trees = {depth: spanning(weight, depth) if depth > 1 else trivial(weight) for depth in {p.depth for p in plans}}
    graphs = [build(trees[plan.depth], plan, bias, lo, hi) for plan in plans]
    return min(graphs, key=graph_cost).prove(weight, bias)


PAIRS = 2_000_000
"""Pairs of terms that are looked at together: of more, the inputs are cut into blocks that share nothing."""


def blocks_of(matrix: Int64) -> int:
    counts = digit_counts(matrix).astype(np.int64)
    pairs = int((counts * counts).sum()) // 2
    return min(max(1, matrix.shape[1]), 1 + pairs // PAIRS)


def build(tree: Tree, plan: Plan, bias: Int64, lo: Int64, hi: Int64) -> AdderGraph:
    wiring = Wiring(lo, hi)
    left: list[list[Tap]] = [[] for _ in tree.order]
    for block in np.array_split(np.arange(len(lo)), blocks_of(tree.rest)):
        shared = Sharing(tree.rest[:, block], wiring, block.tolist(), WEIGHTS[plan.weigh]).run()
        left = [own + more for own, more in zip(left, shared, strict=True)]
    levels = max((least_depth([wiring.depths[t.node] for t in terms]) for terms in left if terms), default=0)
    taps = [Tap(NOTHING)] * len(left)
    for row in tree.order:
        own, parent = total(left[row], wiring, levels), tree.parent[row]
        if parent == ROOT:
            taps[row] = own
        else:
            above = taps[parent]
            taps[row] = wiring.add(Tap(above.node, above.shift, above.minus ^ (tree.sign[row] < 0)), own)
    return outputs_of(wiring, taps, bias)
