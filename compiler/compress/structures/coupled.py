"""Coupled channels: which stand or fall together, and which tensors tell their worth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...ir import PINNED, Graph, Int64
from ...ir.channels import channel_groups
from ...ops.source import Quantise, SourceActivation, SourceRelu
from ..network import PRODUCERS


@dataclass(frozen=True, eq=False)
class Layer:
    """A hidden layer: the coupled groups that its producers make.

    name: of its first producer. groups: rows of the mask. watched: the tensors whose activations tell a group's worth.
    """

    name: str
    producers: tuple[str, ...]
    groups: Int64
    watched: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Structure:
    """ids: for every tensor, the row of the mask of each of its channels; row `count` is for what may never go."""

    layers: tuple[Layer, ...]
    ids: dict[str, Int64]
    count: int


def structure_of(graph: Graph) -> Structure:
    """The prunable layers of a network, front to back."""
    groups = channel_groups(graph)
    made = [node.name for node in graph.nodes if isinstance(node.op, PRODUCERS)]
    fixed = {PINNED}.union(*(groups[name].tolist() for name in (*graph.inputs, *graph.outputs)))
    free = [g for g in dict.fromkeys(g for name in made for g in groups[name].tolist()) if g not in fixed]
    row = {group: number for number, group in enumerate(free)}
    ids = {name: np.array([row.get(g, len(free)) for g in of.tolist()]) for name, of in groups.items()}
    layers: list[tuple[list[str], set[int]]] = []
    for name in made:  # producers that share a group make one layer
        mine, producers = set(ids[name].tolist()) - {len(free)}, [name]
        for other in [layer for layer in layers if layer[1] & mine]:
            layers.remove(other)
            producers, mine = other[0] + producers, mine | other[1]
        if mine:
            layers.append((producers, mine))
    layers.sort(key=lambda layer: made.index(layer[0][0]))
    return Structure(
        tuple(Layer(p[0], tuple(p), np.array(sorted(g)), _watched(graph, ids, g, p)) for p, g in layers),
        ids,
        len(free),
    )


def _watched(graph: Graph, ids: dict[str, Int64], groups: set[int], producers: list[str]) -> tuple[str, ...]:
    inside = [node for node in graph.nodes if groups & set(ids[node.name].tolist())]
    for kind in (SourceRelu | SourceActivation, Quantise):
        found = [node.name for node in inside if isinstance(node.op, kind)]
        if found:
            return tuple(found)
    return tuple(producers)
