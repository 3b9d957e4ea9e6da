"""Channels that masks of weights have left without a use: nothing makes them, or nothing reads them.

A group of coupled channels is dead where each weight that makes it is masked, or where each weight that reads it is. It
leaves with all its weights, which may leave other channels unread; so it is repeated until nothing changes.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ..ir import Graph
from .layers import Producer


@torch.no_grad()
def bury_dead(graph: Graph, producers: Mapping[str, Producer], ids: Mapping[str, Tensor], masks: Tensor) -> None:
    """Sets `masks` (rows; the last one never goes) to 0 for dead groups, and masks their weights."""
    while True:
        makes, reads = torch.zeros_like(masks), torch.zeros_like(masks)
        makes[-1] = reads[-1] = 1
        for name, producer in producers.items():
            alive = (producer.provisional != 0) & (masks[ids[name]] != 0).reshape(-1, *_ones(producer))
            grouped = getattr(producer.op, "groups", 1) > 1
            source = graph.by_name[name].inputs[0]
            if not grouped:
                alive &= (masks[ids[source]] != 0).reshape(1, -1, *_ones(producer)[1:])
            producer.provisional.mul_(alive)
            _any_into(makes, ids[name], alive.flatten(1).any(dim=1))
            through = grouped and torch.equal(ids[source], ids[name])  # depthwise: who reads its output reads its input
            if grouped and not through:
                reads[ids[source]] = 1
            elif not grouped:
                _any_into(reads, ids[source], alive.movedim(1, 0).flatten(1).any(dim=1))
        for name in graph.outputs:
            reads[ids[name]] = 1
        dead = ((makes == 0) | (reads == 0)) & (masks != 0)
        if not dead.any():
            return
        masks[dead] = 0


def _any_into(rows: Tensor, ids: Tensor, alive: Tensor) -> None:
    rows[ids[alive]] = 1


def _ones(producer: Producer) -> tuple[int, ...]:
    return (1,) * (producer.weight.dim() - 1)
