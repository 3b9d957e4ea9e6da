"""What the simulator prepares once per graph: each node's executor, and when a tensor is no longer needed."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..ir import Array, Graph

CHUNK_ELEMENTS = 1 << 18
"""Elements of the widest tensor that run through the graph side by side: as many as a core's caches hold."""


@dataclass(frozen=True)
class Step:
    """One node. last_use: tensors that nothing reads afterwards."""

    name: str
    inputs: tuple[str, ...]
    execute: Callable[..., Array]
    last_use: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """A graph made ready to run. chunk: frames that run side by side."""

    steps: tuple[Step, ...]
    chunk: int

    def execute(self, inputs: Mapping[str, Array], wanted: frozenset[str]) -> dict[str, Array]:
        """The wanted tensors for these frames, in whatever dtype carries them."""
        tensors: dict[str, Any] = dict(inputs)
        for step in self.steps:
            tensors[step.name] = step.execute(*(tensors[name] for name in step.inputs))
            for name in step.last_use:
                if name not in wanted:
                    del tensors[name]
        return {name: tensors[name] for name in wanted}


_plans: dict[int, Plan] = {}


def plan_of(graph: Graph) -> Plan:
    """The graph's plan, made on first use and kept as long as the graph lives."""
    plan = _plans.get(id(graph))
    if plan is None:
        plan = _plans[id(graph)] = _make(graph)
        weakref.finalize(graph, _plans.pop, id(graph), None)
    return plan


def _make(graph: Graph) -> Plan:
    last = {name: reader for reader in graph.nodes for name in reader.inputs}
    steps = []
    for node in graph.nodes:
        done = tuple(dict.fromkeys(name for name in node.inputs if last[name] is node))
        steps.append(Step(node.name, node.inputs, node.op.executor(*graph.input_types(node)), done))
    widest = max(kind.size for kind in graph.types.values())
    return Plan(tuple(steps), max(1, CHUNK_ELEMENTS // widest))
