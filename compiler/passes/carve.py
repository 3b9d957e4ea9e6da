"""Dead channels leave the graph: every operator becomes a smaller dense operator.

    conv1 = conv2d(x) weight=8x3x3x1     // channels 2 and 5 are 0, proven     ->   weight=6x3x3x1
    conv2 = conv2d(relu1_q) weight=4x3x3x8                                     ->   weight=4x3x3x6

A group of coupled channels may go when each of them is proven to be 0 and none is pinned. That can prove further
channels 0, so it is repeated until nothing goes. The carved graph computes what the masked one did, on every input.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..ir import PINNED, Graph, Int64
from ..ir.channels import channel_groups
from .settle_constants import settle_constants


def carve(graph: Graph) -> Graph:
    """The integer graph without its dead channels. At least one channel of every tensor stays."""
    while True:
        graph = settle_constants(graph)
        groups = channel_groups(graph)
        dead = _dead(graph, groups)
        if not dead.any():
            return graph
        graph = _without(graph, groups, dead)


def _dead(graph: Graph, groups: dict[str, Int64]) -> np.ndarray:
    """For every group, whether it may go."""
    count = 1 + max(int(ids.max(initial=PINNED)) for ids in groups.values())
    dead = np.ones(count, dtype=bool)
    for name, ids in groups.items():
        kind = graph.types[name]
        alive = (kind.lo_array != 0) | (kind.hi_array != 0)
        dead[ids[alive & (ids != PINNED)]] = False
    for ids in groups.values():
        free = ids != PINNED
        if free.all() and dead[ids].all():
            dead[ids[0]] = False  # a tensor without channels is none
    return dead


def _without(graph: Graph, groups: dict[str, Int64], dead: np.ndarray) -> Graph:
    kept = {}
    for name, ids in groups.items():
        gone = np.where(ids == PINNED, False, dead[ids]) if len(dead) else np.zeros(len(ids), dtype=bool)
        kept[name] = np.flatnonzero(~gone)
    nodes = tuple(
        replace(node, op=node.op.keep(tuple(kept[name] for name in node.inputs), kept[node.name]))
        for node in graph.nodes
    )
    return graph.with_nodes(nodes)
