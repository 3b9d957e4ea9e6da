"""Orders of elements: as nested loops over addresses, and as ties between channels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..ir import Int64

MOST_LOOPS = 6


@dataclass(frozen=True, slots=True)
class Loop:
    """`count` places, `stride` apart."""

    count: int
    stride: int


def loops_of(order: Int64) -> list[Loop] | None:
    """Nested loops, the innermost first, that run through these addresses; None where few loops do not."""
    loops: list[Loop] = []
    rest = order
    while len(rest) > 1:
        steps = np.diff(rest)
        other = np.flatnonzero(steps != steps[0])
        count = int(other[0]) + 1 if len(other) else len(rest)
        if len(rest) % count or len(loops) == MOST_LOOPS:
            return None
        blocks = rest.reshape(-1, count)
        if (blocks != blocks[:, :1] + np.arange(count) * steps[0]).any():
            return None
        loops.append(Loop(count, int(steps[0])))
        rest = blocks[:, 0]
    return loops


def gathered_labels(sources: Int64, inputs: int, outputs: int) -> tuple[tuple[Int64, ...], Int64]:
    """Labels that tie every output channel to all input channels it draws from. sources: of every output element.

    Input channels that nothing draws from have labels of their own.
    """
    columns = np.tile(np.arange(outputs), len(sources) // outputs)
    pairs = np.unique(sources * outputs + columns)
    parent = np.arange(inputs + outputs)

    def find(cell: int) -> int:
        while parent[cell] != cell:
            parent[cell] = parent[parent[cell]]
            cell = int(parent[cell])
        return cell

    for pair in pairs.tolist():
        a, b = find(pair // outputs), find(inputs + pair % outputs)
        parent[max(a, b)] = min(a, b)
    labels = np.array([find(cell) for cell in range(inputs + outputs)], np.int64)
    return (labels[:inputs],), labels[inputs:]
