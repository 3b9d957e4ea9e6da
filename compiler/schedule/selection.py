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
from functools import partial

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array

from ..ir import Kernel
from .options import Choice, Edge, Floats, Options

GAP = 1e-4
"""Relative distance from the optimum at which a program may stop."""

LARGE = {"mip_rel_gap": 0.05, "time_limit": 20.0}
"""Of large programs: near an interval that hardly fits, the last per cents of cost would take minutes. Where the time
limit (in seconds) is what ends a search, a slower machine may choose a dearer design: fix it with its folding.toml.
"""

PATIENCE = 240.0
"""Seconds for a program that has to be answered, where the limit ended it before it had found anything."""

TIMED_OUT = 1
"""SciPy's status of a program that a limit ended."""


@dataclass(frozen=True)
class Selection:
    """choices by node; cost: what they and their links take of every resource."""

    choices: Mapping[str, Choice]
    cost: Floats

    @property
    def kernels(self) -> dict[str, Kernel]:
        return {name: choice.kernel for name, choice in self.choices.items()}


def cheapest(options: Options, interval: int, budget: Floats, *, patient: bool = False) -> Selection | None:
    """The kernels that take the smallest shares of the budget; None where none fit, or unless `patient` where none were
    found in time.
    """
    choices = {name: _worth(options, name, interval) for name in options.choices}
    if any(not listed for listed in choices.values()):
        return None
    return _Program(options, choices, options.edges, interval, budget).solve(patient=patient)


def may_fit(options: Options, interval: int, budget: Floats) -> bool:
    """Could any kernels fit? Where it says no, none do; where it says yes, `cheapest` nearly always finds some.

    The program without links is small: it says no where kernels alone are too many, and yes where its kernels fit with
    the links that they need. In between the whole program is asked, its kernels being allowed to be fractions.
    """
    slack = np.zeros(len(budget))
    fast = {name: _fast(options, name, interval) for name in options.choices}
    if any(not listed for listed in fast.values()):
        return False
    alone = {name: _front(listed, slack) for name, listed in fast.items()}
    selection = _Program(options, alone, [], interval, budget).solve()
    if selection is None:
        return False
    if _fits(options, selection, interval, budget):
        return True
    choices = {name: _worth(options, name, interval) for name in options.choices}
    return _Program(options, choices, options.edges, interval, budget).solve(whole=False) is not None


def _fits(options: Options, selection: Selection, interval: int, budget: Floats) -> bool:
    """Do these kernels fit with their links?"""
    total = selection.cost.copy()
    for edge in options.edges:
        source, reader = selection.choices[edge.source], selection.choices[edge.reader]
        steps, cost = options.link(edge.kind, source.issues, reader.reads[edge.port])
        if steps > interval:
            return False
        total += cost
    return bool((total <= budget).all())


def _fast(options: Options, name: str, interval: int) -> list[Choice]:
    return [choice for choice in options.choices[name] if choice.steps <= interval]


def _worth(options: Options, name: str, interval: int) -> list[Choice]:
    """The choices that are fast enough, without those that another beats whatever links it would need."""
    fast = _fast(options, name, interval)
    groups: dict[tuple[tuple[int, ...], int], list[Choice]] = {}
    for choice in fast:
        groups.setdefault((choice.reads, choice.issues), []).append(choice)
    slack = np.zeros(len(fast[0].cost)) if fast else np.zeros(0)
    same = [choice for group in groups.values() for choice in _front(group, slack)]
    return _front(same, _dearest_links(options, name, same)) if same else []


def _front(listed: list[Choice], slack: Floats) -> list[Choice]:
    """Without those that cost as much as another and `slack` more, of every resource."""
    kept: list[Choice] = []
    costs = np.empty((len(listed), len(slack)))
    for choice in sorted(listed, key=lambda c: float(c.cost.sum())):
        if not (costs[: len(kept)] + slack <= choice.cost).all(axis=1).any():
            costs[len(kept)] = choice.cost
            kept.append(choice)
    return kept


def _dearest_links(options: Options, name: str, fast: list[Choice]) -> Floats:
    """At most so much more do the links of one choice cost than those of another."""
    total = np.zeros(len(fast[0].cost))
    for edge in options.edges:
        if name in (edge.source, edge.reader):
            total += options.dearest(edge)
    return total


class _Program:
    """The program, row by row."""

    def __init__(
        self,
        options: Options,
        choices: Mapping[str, list[Choice]],
        edges: list[Edge],
        interval: int,
        budget: Floats,
    ) -> None:
        self.budget = budget
        self.limits = LARGE if options.tolerance else {"mip_rel_gap": GAP}
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
        for edge in edges:
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

    def solve(self, *, whole: bool = True, patient: bool = False) -> Selection | None:
        cost = np.array(self.columns).T
        has = self.budget > 0
        cost_free = (cost[~has] <= 0).all(axis=0) if (~has).any() else np.ones(cost.shape[1], bool)
        scaled = cost[has] / self.budget[has][:, None]
        rows, columns, values = (np.array(part) for part in zip(*self.entries, strict=True))
        equal = coo_array((values, (rows, columns)), shape=(len(self.right), cost.shape[1])).tocsr()
        shares = scaled.sum(axis=0)
        program = partial(
            milp,
            shares / max(shares.max(initial=0.0), 1e-300),  # of a huge budget all shares are nothing to a solver
            integrality=(np.arange(cost.shape[1]) < len(self.picks)) * int(whole),
            bounds=Bounds(0, cost_free.astype(float)),
            constraints=[LinearConstraint(equal, self.right, self.right), LinearConstraint(scaled, -np.inf, 1.0)],
        )
        result = program(options=self.limits)
        if patient and result.x is None and result.status == TIMED_OUT:
            result = program(options=self.limits | {"time_limit": PATIENCE})
        if result.x is None:
            return None
        if not whole:
            return Selection({}, (cost * result.x).sum(axis=1))
        taken = result.x > 0.5
        picked = {name: choice for (name, choice), chosen in zip(self.picks, taken, strict=False) if chosen}
        return Selection(picked, (cost * result.x).sum(axis=1))
