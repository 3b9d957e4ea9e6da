"""The table of structures: what may go under each name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...ir import Graph
from .coupled import Structure
from .places import block_sites
from .sites import WEIGHTS, Labels, Site, channel_sites, weight_sites


@dataclass(frozen=True)
class Kind:
    """channels: coupled ones. blocks: of pixels. weights: groups of those of one layer."""

    channels: bool = False
    blocks: bool = False
    weights: Labels | None = None


STRUCTURES: dict[str, Kind] = {
    "channel": Kind(channels=True),
    "block": Kind(blocks=True),
    "channel-block": Kind(channels=True, blocks=True),
    **{name: Kind(weights=labels) for name, labels in WEIGHTS.items()},
}


def sites_of(
    kind: str,
    graph: Graph,
    structure: Structure,
    shapes: Mapping[str, tuple[int, ...]],
    last: frozenset[str],
    tile: tuple[int, int],
) -> tuple[Site, ...]:
    """Front to back, channels before blocks. shapes: of weights. last: the layers whose outputs are the network's.

    Rows of masks: those of coupled channels, one for what may never go, those of blocks.
    """
    found = STRUCTURES[kind]
    if found.weights is not None:
        return weight_sites(kind, shapes, last, tile)
    channels = channel_sites(structure, shapes) if found.channels else ()
    return (*channels, *(block_sites(graph, structure, structure.count + 1) if found.blocks else ()))
