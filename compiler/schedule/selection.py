"""The cheapest set of kernels no slower than an interval, within a budget: a mixed-integer linear program.

    one kernel per node               sum over k of x[n, k] = 1
    lanes meet lanes on every edge    sum over b of y[e, a, b] = sum of x[source, k issuing a]
                                      sum over a of y[e, a, b] = sum of x[reader, k reading b]
    every resource within the budget  sum of costs of kernels x and links y <= budget
    cheapest                          the shares of the budget, all resources added

x are 0 or 1; y then are by themselves. HiGHS solves it (Q. Huangfu, J. A. J. Hall, 2018), through SciPy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array

from ..ir import Kernel
from .options import Choice, Floats, Options

GAP = 1e-4
"""Relative distance from the optimum at which large programs may stop."""


@dataclass(frozen=True)
class Selection:
    """kernels by node; cost: what they and their links take of every resource."""

    kernels: Mapping[str, Kernel]
    cost: Floats


def cheapest(options: Options, interval: int, budget: Floats) -> Selection | None:
    """The kernels that take the smallest shares of the budget; None where none fit."""
    choices = {name: _worth(options, name, interval) for name in options.choices}
    if any(not listed for listed in choices.values()):
        return None
    return _Program(options, choices, interval, budget).solve()


def _worth(options: Options, name: str, interval: int) -> list[Choice]:
    """The choices that are fast enough, without those that another beats whatever links it would need."""
    fast = [choice for choice in options.choices[name] if choice.steps <= interval]
    if not fast:
        return []
    cost = np.array([choice.cost for choice in fast])
    slack = _dearest_links(options, name, fast)
    keep = np.ones(len(fast), bool)
    order = np.argsort(cost.sum(axis=1))
    lanes: dict[tuple[tuple[int, ...], int], list[int]] = {}
    for index in order:
        same = lanes.setdefault((fast[index].reads, fast[index].issues), [])
        if same and (cost[same] <= cost[index]).all(axis=1).any():
            keep[index] = False
            continue
        same.append(int(index))
        keep[index] = not (cost[keep & (np.arange(len(fast)) != index)] + slack <= cost[index]).all(axis=1).any()
    return [choice for choice, kept in zip(fast, keep, strict=True) if kept]


def _dearest_links(options: Options, name: str, fast: list[Choice]) -> Floats:
    """At most so much more do the links of one choice cost than those of another."""
    total = np.zeros(len(fast[0].cost))
    for edge in options.edges:
        if name in (edge.source, edge.reader):
            own = {c.issues if edge.source == name else c.reads[edge.port] for c in fast}
            other = edge.reader if edge.source == name else edge.source
            port = edge.port
            theirs = {c.reads[port] if other == edge.reader else c.issues for c in options.choices[other]}
            pairs = ((a, b) if edge.source == name else (b, a) for a in own for b in theirs)
            total += np.max([options.link(edge.kind, a, b)[1] for a, b in pairs], axis=0)
    return total


class _Program:
    """The program, row by row."""

    def __init__(self, options: Options, choices: Mapping[str, list[Choice]], interval: int, budget: Floats) -> None:
        self.budget = budget
        self.columns: list[Floats] = []
        self.entries: list[tuple[int, int, float]] = []
        self.right: list[float] = []
        self.picks: list[tuple[str, Choice]] = []
        self.first: dict[str, int] = {}
        for name, listed in choices.items():
            self.first[name] = len(self.columns)
            row = self._row(1.0)
            for choice in listed:
                self.entries.append((row, len(self.columns), 1.0))
                self.picks.append((name, choice))
                self.columns.append(choice.cost)
        for edge in options.edges:
            issued = self._lanes(edge.source, choices, lambda c: c.issues)
            read = self._lanes(edge.reader, choices, lambda c, port=edge.port: c.reads[port])
            for a, row in issued.items():
                for b, column in read.items():
                    steps, cost = options.link(edge.kind, a, b)
                    if steps <= interval:
                        self.entries += [(row, len(self.columns), 1.0), (column, len(self.columns), 1.0)]
                        self.columns.append(cost)

    def _row(self, right: float) -> int:
        self.right.append(right)
        return len(self.right) - 1

    def _lanes(self, name: str, choices, lanes) -> dict[int, int]:  # type: ignore[no-untyped-def]
        """A row for every number of lanes that the node's choices have."""
        rows: dict[int, int] = {}
        for offset, choice in enumerate(choices[name]):
            row = rows.setdefault(lanes(choice), -1)
            if row < 0:
                row = rows[lanes(choice)] = self._row(0.0)
            self.entries.append((row, self.first[name] + offset, -1.0))
        return rows

    def solve(self) -> Selection | None:
        cost = np.array(self.columns).T
        has = self.budget > 0
        cost_free = (cost[~has] <= 0).all(axis=0) if (~has).any() else np.ones(cost.shape[1], bool)
        scaled = cost[has] / self.budget[has][:, None]
        rows, columns, values = (np.array(part) for part in zip(*self.entries, strict=True))
        equal = coo_array((values, (rows, columns)), shape=(len(self.right), cost.shape[1])).tocsr()
        result = milp(
            scaled.sum(axis=0),
            integrality=(np.arange(cost.shape[1]) < len(self.picks)).astype(int),
            bounds=Bounds(0, cost_free.astype(float)),
            constraints=[LinearConstraint(equal, self.right, self.right), LinearConstraint(scaled, -np.inf, 1.0)],
            options={"mip_rel_gap": GAP},
        )
        if result.x is None:
            return None
        taken = result.x > 0.5
        kernels = {name: choice.kernel for (name, choice), chosen in zip(self.picks, taken, strict=False) if chosen}
        return Selection(kernels, (cost * result.x).sum(axis=1))
