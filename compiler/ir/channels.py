"""Coupled channels: the finest partition of (tensor, channel) pairs that every operator's couplings allow."""

from __future__ import annotations

import numpy as np

from .graph import Graph
from .op import PINNED
from .types import Int64


def channel_groups(graph: Graph) -> dict[str, Int64]:
    """For every tensor, the group of each of its channels: dense ids from 0, or PINNED.

    The channels of one group stand or fall together. Those of inputs and outputs are pinned, and so is every group
    that touches them or an operator that pins.
    """
    sets = _Sets(graph)
    for node in graph.nodes:
        ins, out = node.op.couplings(*graph.input_types(node))
        cells = [sets.cells(name) for name in (*node.inputs, node.name)]
        sets.join(np.concatenate(cells), np.concatenate([*ins, out]))
    for name in (*graph.inputs, *graph.outputs):
        sets.pin(sets.cells(name))
    return sets.groups()


class _Sets:
    """Union-find over cells; cell 0 stands for everything that is pinned."""

    def __init__(self, graph: Graph) -> None:
        self.start: dict[str, int] = {}
        self.channels = {name: kind.channels for name, kind in graph.types.items()}
        size = 1
        for name, channels in self.channels.items():
            self.start[name] = size
            size += channels
        self.parent = list(range(size))

    def cells(self, name: str) -> Int64:
        return np.arange(self.start[name], self.start[name] + self.channels[name])

    def find(self, cell: int) -> int:
        parent = self.parent
        while parent[cell] != cell:
            parent[cell] = parent[parent[cell]]
            cell = parent[cell]
        return cell

    def union(self, a: int, b: int) -> None:
        a, b = self.find(a), self.find(b)
        self.parent[max(a, b)] = min(a, b)

    def join(self, cells: Int64, labels: Int64) -> None:
        """Cells of equal label belong together."""
        first: dict[int, int] = {}
        for cell, label in zip(cells.tolist(), labels.tolist(), strict=True):
            self.union(cell, 0 if label == PINNED else first.setdefault(label, cell))

    def pin(self, cells: Int64) -> None:
        for cell in cells.tolist():
            self.union(cell, 0)

    def groups(self) -> dict[str, Int64]:
        dense: dict[int, int] = {0: PINNED}
        result = {}
        for name in self.channels:
            roots = [self.find(cell) for cell in self.cells(name).tolist()]
            ids = [dense.setdefault(root, len(dense) - 1) for root in roots]
            result[name] = np.array(ids, dtype=np.int64)
        return result
