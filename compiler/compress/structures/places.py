"""Blocks of pixels of a feature map, all channels of it, that stand or fall together (SpQuant-SNN)."""

from __future__ import annotations

import torch
from torch import Tensor

from ...ir import Graph
from ...ops.source import Quantise
from .coupled import Structure
from .sites import Site

BLOCK = 2
"""Pixels along each side of a block; the last ones of an odd side are smaller."""


def blocks_of(height: int, width: int) -> Tensor:
    """The block of every pixel, (height, width), row by row from 0."""
    down, right = torch.arange(height) // BLOCK, torch.arange(width) // BLOCK
    return down[:, None] * (int(right[-1]) + 1) + right


def block_sites(graph: Graph, structure: Structure, first_row: int) -> tuple[Site, ...]:
    """A site for every feature map of a hidden layer, named after it; its rows begin at `first_row`."""
    sites: list[Site] = []
    for name in feature_maps(graph, structure):
        *sides, channels = graph.types[name].shape
        blocks = blocks_of(*sides) if sides else torch.zeros(1, dtype=torch.int64)
        sizes = torch.bincount(blocks.reshape(-1)) * channels
        if len(sizes) > 1:  # a single one would have to stay
            rows = torch.arange(first_row, first_row + len(sizes))
            sites.append(Site(name, {}, len(sizes), sizes, rows, (name,), rows[blocks]))
            first_row += len(sizes)
    return tuple(sites)


def feature_maps(graph: Graph, structure: Structure) -> list[str]:
    """What the activations of hidden layers are for those that read them: their codes."""
    watched = {name for layer in structure.layers for name in layer.watched}
    return [node.name for node in graph.nodes if isinstance(node.op, Quantise) and {node.name, *node.inputs} & watched]
