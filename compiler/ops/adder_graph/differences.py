"""A matrix as a tree of differences: rows that are like others are made from them, by one adder and what differs.

As in da4ml's first stage (2025), after O. Gustafsson's minimum spanning trees of coefficients: the root is 0, an edge
costs the signed digits of the difference or of the sum of two rows, and the tree is grown by the cheapest edge first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...ir import Array, Int64

ROOT = -1


@dataclass(frozen=True)
class Tree:
    """order: the rows, each after its parent. parent: ROOT or a row. sign: what the parent is multiplied by.
    rest: (rows, columns) what is added to it.
    """

    order: tuple[int, ...]
    parent: tuple[int, ...]
    sign: tuple[int, ...]
    rest: Int64


def trivial(matrix: Int64) -> Tree:
    """Every row by itself."""
    count = len(matrix)
    return Tree(tuple(range(count)), (ROOT,) * count, (1,) * count, matrix)


def spanning(matrix: Int64, depth: int) -> Tree:
    """The tree of fewest digits, grown greedily, of at most `depth` rows on the way from the root."""
    count = len(matrix)
    cost = digit_counts(matrix).astype(np.int64)  # of the cheapest edge that reaches each row so far
    parent, sign, level = [ROOT] * count, [1] * count, [0] * count
    order: list[int] = []
    open_rows = np.ones(count, bool)
    for _ in range(count):
        row = int(np.where(open_rows, cost, np.iinfo(np.int64).max).argmin())
        open_rows[row] = False
        order.append(row)
        level[row] = 1 if parent[row] == ROOT else level[parent[row]] + 1
        if level[row] == depth:
            continue
        for factor in (1, -1):
            reach = digit_counts(matrix - factor * matrix[row]) + 1
            for other in np.flatnonzero(open_rows & (reach < cost)).tolist():
                cost[other], parent[other], sign[other] = reach[other], row, factor
    found, signs = np.array(parent), np.array(sign)[:, None]
    rest = np.where(found[:, None] == ROOT, matrix, matrix - signs * matrix[found])
    return Tree(tuple(order), tuple(parent), tuple(sign), rest)


def digit_counts(matrix: Int64) -> Array:
    """Signed digits that are not zero, of each row in canonical form."""
    magnitude = np.abs(matrix)
    return np.asarray(np.bitwise_count(magnitude ^ (3 * magnitude)).sum(axis=1, dtype=np.int64))
