"""Structures: which channels stand or fall together, which tensors tell their worth, which tensors share a scale."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..ir import PINNED, Graph, Int64, Node, Op
from ..ir.channels import channel_groups
from ..ops.functions import FUNCTIONS
from ..ops.source import (
    Affine,
    BatchNorm,
    Quantise,
    SourceActivation,
    SourceConv2d,
    SourceLinear,
    SourceMultiply,
    SourcePad,
    SourcePositionAffine,
    SourceRelu,
    SourceSoftmax,
)
from ..ops.source.kinds import CHOICES, MOVES, RANKS
from .functions import HOMOGENEOUS

PRODUCERS = (SourceConv2d, SourceLinear)
"""Operators that mix channels: each makes channels of its own."""
MULTIPLIERS = (*PRODUCERS, BatchNorm, Affine, SourcePositionAffine)
"""Operators whose constants can absorb a change of unit between their input and their output."""


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


def reaches_output_unquantised(graph: Graph, name: str) -> bool:
    """Whether a tensor meets a graph output before any quantiser: a last layer, which needs one scale for all."""
    if name in graph.outputs:
        return True
    readers = [graph.by_name[reader] for reader, _ in graph.consumers[name]]
    return any(
        isinstance(node.op, RANKS)
        or (not isinstance(node.op, (Quantise, *PRODUCERS)) and reaches_output_unquantised(graph, node.name))
        for node in readers
    )


def is_last_softmax(graph: Graph, node: Node) -> bool:
    """Whether only the user, or an argmax, reads this softmax: training takes the logits."""
    readers = [graph.by_name[reader].op for reader, _ in graph.consumers[node.name]]
    return isinstance(node.op, SourceSoftmax) and all(isinstance(op, RANKS) for op in readers)


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


def keeps_zero(op: Op) -> bool:
    """Whether a channel of zeros stays one."""
    if not isinstance(op, SourceActivation):
        return not isinstance(op, SourcePad) or op.value == 0
    rows = [[Fraction(v) for v in row] for row in op.parameters.tolist()]
    return all(FUNCTIONS[op.function].exact(Fraction(0), *row) == 0 for row in rows)


def source_quantiser(graph: Graph, name: str) -> Node | None:
    """The quantiser whose codes a tensor carries, behind operators that pass codes on; None where there is none."""
    node = graph.by_name.get(name)
    while node is not None and isinstance(node.op, (*MOVES, *CHOICES, SourceRelu)):
        node = graph.by_name.get(node.inputs[0])
    return node if node is not None and isinstance(node.op, Quantise) else None


def fixed_units(graph: Graph, classes: dict[str, str]) -> set[str]:
    """The classes whose unit is not ours to choose.

    The user gave those of inputs and outputs. A function that is not positively homogeneous (sigmoid, a clip at 6), a
    softmax and a border that is not zero mean something in one unit only; a product's unit is the product of its
    factors', so all three stay.
    """
    found = {classes[name] for name in (*graph.inputs, *graph.outputs)}
    for node in graph.nodes:
        op = node.op
        curved = isinstance(op, SourceActivation) and op.function not in HOMOGENEOUS
        bordered = isinstance(op, SourcePad) and op.value != 0
        if curved or bordered or isinstance(op, SourceSoftmax | SourceMultiply):
            found.update(classes[name] for name in (node.name, *node.inputs))
    return found


def scale_classes(graph: Graph) -> dict[str, str]:
    """Tensor -> the first tensor of its class. Tensors of one class are scaled together or not at all.

    Relu, pools, additions, moves and quantisers (scale and all) commute with a positive factor; only what multiplies by
    constants (convolutions, linear layers, batch norms, affine maps) separates classes. What does not commute is in
    `fixed_units`.
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
        if not isinstance(node.op, MULTIPLIERS):
            join((node.name, *node.inputs), order)
        if isinstance(node.op, Quantise) and node.op.group:
            groups.setdefault(node.op.group, []).append(node.name)
    for members in groups.values():
        join(members, order)
    return {name: find(name) for name in order}
