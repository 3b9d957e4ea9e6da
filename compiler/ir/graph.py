"""The integer graph: inputs, nodes in order, outputs. Immutable; every pass returns a new one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from ..errors import IntaglioError
from .border import Border
from .op import Op
from .types import TensorType


@dataclass(frozen=True)
class Node:
    """One operator at work. Its name is also the name of the tensor it makes; `loc` is the user's file:line."""

    name: str
    op: Op
    inputs: tuple[str, ...]
    loc: str = ""


@dataclass(frozen=True)
class Graph:
    """A network. `inputs` maps names to types; `nodes` are in topological order; `outputs` are names of tensors.

    `border` says how the user's arrays become inputs and come of outputs, where that is not `Border.standard`.
    `notes` is what a report tells of its making (recipe, accuracies); it is no part of the network.
    """

    inputs: Mapping[str, TensorType]
    nodes: tuple[Node, ...]
    outputs: tuple[str, ...]
    border: Mapping[str, Border] = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def types(self) -> dict[str, TensorType]:
        """The type of every tensor, inferred front to back. Raises IntaglioError at the first node that misfits."""
        types = dict(self.inputs)
        for node in self.nodes:
            try:
                ins = tuple(types[name] for name in node.inputs)
            except KeyError as error:
                raise IntaglioError(f"node {node.name} reads {error} before it is made", where=node.loc) from None
            try:
                node.op.arity(ins)
                types[node.name] = node.op.infer(*ins)
            except IntaglioError as error:
                where = error.where or node.loc or f"node {node.name}"
                raise IntaglioError(error.what, where=where, other=error.other, hint=error.hint) from None
        return types

    def input_types(self, node: Node) -> tuple[TensorType, ...]:
        return tuple(self.types[name] for name in node.inputs)

    def with_nodes(self, nodes: Iterable[Node]) -> Graph:
        """The same network with other nodes."""
        return replace(self, nodes=tuple(nodes))

    def border_of(self, name: str) -> Border:
        """How the user's array of an input or output relates to the tensor."""
        return self.border.get(name) or Border.standard(self.types[name])

    @cached_property
    def by_name(self) -> dict[str, Node]:
        return {node.name: node for node in self.nodes}

    @cached_property
    def consumers(self) -> dict[str, tuple[tuple[str, int], ...]]:
        """For every tensor, the (node, input position) pairs that read it, in order."""
        found: dict[str, list[tuple[str, int]]] = {name: [] for name in (*self.inputs, *self.by_name)}
        for node in self.nodes:
            for position, name in enumerate(node.inputs):
                found[name].append((node.name, position))
        return {name: tuple(readers) for name, readers in found.items()}

    def __str__(self) -> str:
        from .text import print_graph

        return print_graph(self)
