"""A network with a little more of something: one more bit in a layer's weights or outputs, one more channel.

The functions stay what they were, but for the new bit or channel: what they would cost is what these graphs are for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ..ir import PINNED, Graph, Int64, Op, TensorType
from ..ir.channels import channel_groups
from ..ops.elements import is_bipolar


def finer_weights(graph: Graph, name: str) -> Graph | None:
    """One more bit in the weights of a node; None if it has none.

    Its sums become twice as large, and so do tensors behind, up to nodes whose output does not depend on the unit of
    their input: requantisers, tables, an argmax.
    """
    op = graph.by_name[name].op.finer_weights()
    return None if op is None else _doubled(graph, name, {name: op})


def finer_output(graph: Graph, name: str) -> Graph | None:
    """One more bit in what a requantiser or a table gives; None for other nodes. It spreads as above."""
    node = graph.by_name[name]
    op = node.op.finer_output(*graph.input_types(node))
    return None if op is None else _doubled(graph, name, {name: op})


def finer_input(graph: Graph, name: str) -> Graph:
    """One more bit in an input. It spreads as above."""
    kind = graph.inputs[name]
    lo, hi = kind.lo_array * 2, kind.hi_array * 2 + (0 if is_bipolar(kind) else 1)
    wider = TensorType.integer(kind.shape, lo, hi, kind.scale)
    return replace(_doubled(graph, name, {}), inputs={**graph.inputs, name: wider})


def one_more_channel(graph: Graph, name: str, groups: Mapping[str, Int64] | None = None) -> Graph | None:
    """One more channel in a node's output, a copy of its last that is free, with all that are coupled to it; None if
    none is free. groups: `channel_groups(graph)`, where that is known.
    """
    groups = channel_groups(graph) if groups is None else groups
    free = groups[name][groups[name] != PINNED]
    if not len(free):
        return None
    kept = {
        tensor: np.sort(np.concatenate([np.arange(len(ids)), np.flatnonzero(ids == free[-1])]))
        for tensor, ids in groups.items()
    }
    return graph.with_nodes(
        replace(node, op=node.op.keep(tuple(kept[i] for i in node.inputs), kept[node.name]))
        if any(len(kept[tensor]) > graph.types[tensor].channels for tensor in (*node.inputs, node.name))
        else node
        for node in graph.nodes
    )


def _doubled(graph: Graph, start: str, ops: dict[str, Op]) -> Graph:
    """The graph with these operators, the tensor `start` being twice as large as it was."""
    wide = {start}
    for node in graph.nodes:
        if wide.isdisjoint(node.inputs):
            continue
        op = node.op.taking_finer(*graph.input_types(node))
        if op is None:
            wide.add(node.name)
        else:
            ops[node.name] = op
    return graph.with_nodes(replace(node, op=ops.get(node.name, node.op)) for node in graph.nodes)
