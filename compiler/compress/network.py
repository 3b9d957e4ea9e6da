"""Questions about a network's graph: where it ends, which tensors share a scale, what is fused, what keeps zero."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from ..ir import Graph, Node, Op
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


def multiplications(graph: Graph) -> dict[str, int]:
    """For every layer with weights, the multiplications of one input."""
    found = {}
    for node in graph.nodes:
        if isinstance(node.op, PRODUCERS):
            pixels = 1
            for size in graph.types[node.name].shape[:-1]:
                pixels *= size
            found[node.name] = pixels * node.op.weight.size
    return found


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
