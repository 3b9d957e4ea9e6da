"""The verifier that runs between passes: numbered constraints, cited in the message and in the test's name."""

from __future__ import annotations

import re
from collections import Counter

from ..errors import IntaglioError
from .graph import Graph
from .op import Op
from .types import IntType

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def verify(graph: Graph, *, lowered: bool = True) -> Graph:
    """The graph itself, if it is sound.

    V1 names are unique identifiers. V2 every input is made before it is read. V3 every operator accepts its inputs
    (shape and arity). V4 the graph has inputs and outputs, and every output exists. V5 every tensor that a node makes
    is read or is an output. V6 every type holds its bounds, channel by channel; those of a
    bipolar one are -1 or +1. V7 an operator is a registered one.
    V8 (lowered graphs) no tensor is real. V9 (lowered graphs) no float constant is left in an operator.
    V10 a border belongs to an input or output, and has its size.

    Raises:
        IntaglioError: with the number of the first constraint that fails.
    """
    names = [*graph.inputs, *(node.name for node in graph.nodes)]
    counts = Counter(names)
    for name in names:
        if not NAME.fullmatch(name):
            _fail("V1", f"{name!r} is not an identifier", name)
        if counts[name] > 1:
            _fail("V1", f"the name {name} is used twice", name)
    known = set(graph.inputs)
    for node in graph.nodes:
        for name in node.inputs:
            if name not in known:
                _fail("V2", f"{node.name} reads {name}, which no earlier node makes", node.loc or node.name)
        known.add(node.name)
    try:
        types = graph.types
    except IntaglioError as error:
        raise IntaglioError(f"V3: {error.what}", where=error.where, other=error.other, hint=error.hint) from None
    if not graph.inputs or not graph.outputs:
        _fail("V4", "a graph needs at least one input and one output", "graph")
    for name in graph.outputs:
        if name not in known:
            _fail("V4", f"the output {name} does not exist", name)
    for node in graph.nodes:
        if not graph.consumers[node.name] and node.name not in graph.outputs:
            _fail("V5", f"nothing reads {node.name}", node.loc or node.name)
        if Op.registry.get(node.op.name) is not type(node.op):
            _fail("V7", f"{node.op.name} is not a registered operator", node.loc or node.name)
    for name, kind in types.items():
        if kind.dtype is None:
            if lowered:
                _fail("V8", f"{name} is still real", name)
            continue
        if len(kind.lo) != kind.channels or len(kind.hi) != kind.channels:
            _fail("V6", f"{name} has {kind.channels} channels but {len(kind.lo)} bounds", name)
        if kind.dtype.bipolar:
            if not {*kind.lo, *kind.hi} <= {-1, 1}:
                _fail("V6", f"{name} is bipolar, but not all of its bounds are -1 or +1", name)
            continue
        need = IntType.holding(min(kind.lo), max(kind.hi))
        if kind.dtype.lo > need.lo or kind.dtype.hi < min(max(kind.hi), need.hi):
            _fail("V6", f"{name} is {kind.dtype}, too narrow for {min(kind.lo)}..{max(kind.hi)}", name)
    for name, border in graph.border.items():
        if name not in graph.inputs and name not in graph.outputs:
            _fail("V10", f"{name} is neither an input nor an output, but has a border", name)
        border.check(types[name], f"V10: {name}")
    if lowered:
        for node in graph.nodes:
            for key, value in node.op.attributes().items():
                if isinstance(value, float) or getattr(getattr(value, "dtype", None), "kind", "i") == "f":
                    _fail("V9", f"{node.name}.{key} is a float", node.loc or node.name)
    return graph


def _fail(number: str, what: str, where: str) -> None:
    raise IntaglioError(f"{number}: {what}", where=where)
