"""How a graph is built: a kernel per node, a FIFO depth per channel. Made for a board; lives beside the graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .op import Kernel


@dataclass(frozen=True)
class Schedule:
    """kernels: by node name. depths: words by channel name (see ops/netlist.py); a channel not named gets `spare`."""

    kernels: Mapping[str, Kernel]
    depths: Mapping[str, int] = field(default_factory=dict)
    spare: int = 2
