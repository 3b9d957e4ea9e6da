"""An accumulator that is constant hands its constant on to its requantiser, and becomes 0.

    fc = dense(x) weight=0 bias=7                               fc = dense(x) weight=0 bias=0
    fc_q = requantise(fc) slope=s offset=o                ->    fc_q = requantise(fc) slope=s offset=o+7*s

Only then is a pruned channel with a bias proven to be 0 on both sides of its requantiser.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..ir import Graph, Node, as_integers
from ..ops import Conv2d, Dense, Requantise


def settle_constants(graph: Graph) -> Graph:
    changed: dict[str, Node] = {}
    for node in graph.nodes:
        if not isinstance(node.op, Dense | Conv2d) or node.name in graph.outputs:
            continue
        readers = [graph.by_name[name] for name, _ in graph.consumers[node.name]]
        kind = graph.types[node.name]
        settled = (kind.lo_array == kind.hi_array) & (kind.lo_array == node.op.bias) & (node.op.bias != 0)
        quantisers = [(reader, reader.op) for reader in readers if isinstance(reader.op, Requantise)]
        if not settled.any() or len(quantisers) < len(readers):
            continue
        bias = np.where(settled, node.op.bias, 0)
        changed[node.name] = replace(node, op=replace(node.op, bias=as_integers(node.op.bias - bias)))
        for reader, op in quantisers:
            offset = op.offset.copy()
            for channel in np.flatnonzero(settled):
                offset[channel] += int(bias[channel]) * op.slope[channel]
            changed[reader.name] = replace(reader, op=replace(op, offset=offset))
    if not changed:
        return graph
    return graph.with_nodes(changed.get(node.name, node) for node in graph.nodes)
