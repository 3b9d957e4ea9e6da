"""The passes in order, and the verifier between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..ir import Graph, verify
from .carve import carve
from .lower import lower

Pass = Callable[[Graph], Graph]

MASKED: tuple[Pass, ...] = (lower,)
CARVED: tuple[Pass, ...] = (carve,)
LOWER: tuple[Pass, ...] = (*MASKED, *CARVED)


def run_passes(graph: Graph, passes: Sequence[Pass], *, lowered: bool = True) -> Graph:
    """The graph after every pass; each one's result is verified. lowered: whether they leave an integer graph."""
    for step in passes:
        graph = verify(step(graph), lowered=lowered)
    return graph
