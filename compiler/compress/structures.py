"""Structures: which channels stand or fall together, which tensors tell their worth, which tensors share a scale."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ..ir import PINNED, Graph, Int64, Node
from ..ir.channels import channel_groups
from ..ops.source import BatchNorm, Quantise, SourceArgmax, SourceConv2d, SourceFlatten, SourceLinear, SourceRelu

PRODUCERS = (SourceConv2d, SourceLinear)
"""Operators that mix channels: each makes channels of its own."""


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
    for kind in (SourceRelu, Quantise):
        found = [node.name for node in inside if isinstance(node.op, kind)]
        if found:
            return tuple(found)
    return tuple(producers)


def reaches_output_unquantised(graph: Graph, name: str) -> bool:
    """Whether a tensor meets a graph output before any quantiser: a last layer, which needs one scale for all."""
    if name in graph.outputs:
        return True
    readers = [graph.by_name[reader] for reader, _ in graph.consumers[name]]
    return any(
        isinstance(node.op, SourceArgmax)
        or (not isinstance(node.op, (Quantise, *PRODUCERS)) and reaches_output_unquantised(graph, node.name))
        for node in readers
    )


def fused_batch_norms(graph: Graph) -> dict[str, str]:
    """Producer -> the batch norm that is its only reader: the two become one multiplier and shift per channel."""
    found = {}
    for node in graph.nodes:
        readers = graph.consumers[node.name]
        if isinstance(node.op, PRODUCERS) and len(readers) == 1 and node.name not in graph.outputs:
            reader = graph.by_name[readers[0][0]]
            if isinstance(reader.op, BatchNorm):
                found[node.name] = reader.name
    return found


def source_quantiser(graph: Graph, name: str) -> Node | None:
    """The quantiser whose codes a tensor carries, behind operators that pass codes on; None where there is none."""
    from ..ops.source import SourceMaxPool

    node = graph.by_name.get(name)
    while node is not None and isinstance(node.op, SourceFlatten | SourceMaxPool | SourceRelu):
        node = graph.by_name.get(node.inputs[0])
    return node if node is not None and isinstance(node.op, Quantise) else None


def scale_classes(graph: Graph) -> dict[str, str]:
    """Tensor -> the first tensor of its class. Tensors of one class are scaled together or not at all.

    Relu, pools, additions, flattening and quantisers (scale and all) commute with a positive factor; only what
    multiplies (convolutions, linear layers, batch norms) separates classes.
    """
    parent = {name: name for name in (*graph.inputs, *graph.by_name)}

    def find(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    def join(names: Iterable[str], order: list[str]) -> None:
        roots = sorted({find(name) for name in names}, key=order.index)
        for root in roots[1:]:
            parent[root] = roots[0]

    order = list(parent)
    groups: dict[str, list[str]] = {}
    for node in graph.nodes:
        if not isinstance(node.op, (*PRODUCERS, BatchNorm)):
            join((node.name, *node.inputs), order)
        if isinstance(node.op, Quantise) and node.op.group:
            groups.setdefault(node.op.group, []).append(node.name)
    for members in groups.values():
        join(members, order)
    return {name: find(name) for name in order}
