"""An ONNX file -> its nodes in order, its constants and its border: everything checked before anything is allocated.

Nothing of the file is believed: sizes are compared with the bytes that are there, names with each other, and the order
of the nodes is our own. Every mistake is an IntaglioError that names the file and the place.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

from ...errors import IntaglioError
from .external import fetch_external
from .tensors import RE_EXPORT, check_tensor

MOST_NODES = 10_000
LONGEST_NAME = 500
HELD = re.compile(r"int([2-9]|[12]\d|3[0-2])|uint([1-9]|[12]\d|3[0-2])|bipolar")


@dataclass(frozen=True, eq=False)
class OnnxNode:
    """name: a name of its own, made up where the file has none. attributes: as Python values, tensors as protos."""

    name: str
    op_type: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]

    @property
    def loc(self) -> str:
        return f"ONNX node {self.name} ({self.op_type})"


@dataclass(frozen=True, eq=False)
class OnnxModel:
    """inputs: name -> (element type, shape; None where dynamic). nodes: those that outputs depend on, in order.

    initialisers: the tensors as protos, checked, not yet decoded. hints: shapes that the file claims, for `check`.
    held: what inputs hold, where FINN has noted it (`uint8`).
    """

    path: str
    opset: int
    inputs: dict[str, tuple[int, tuple[int | None, ...]]]
    outputs: tuple[str, ...]
    nodes: tuple[OnnxNode, ...]
    initialisers: dict[str, Any]
    hints: dict[str, tuple[int, ...]] = field(default_factory=dict)
    held: dict[str, str] = field(default_factory=dict)


def read_model(path: str | Path) -> OnnxModel:
    """The file, checked.

    Raises:
        IntaglioError: for a file that is no ONNX network, or one that contradicts itself.
    """
    where = str(path)
    proto = _inlined(_parsed(path), where)
    graph = proto.graph
    _check_names(graph, where)
    opset = _opset(proto, where)
    fetch_external(graph, Path(path))
    initialisers = _initialisers(graph, where)
    nodes = _nodes(graph, where)
    inputs = _inputs(graph, initialisers, where)
    outputs = [o.name for o in graph.output]
    if not outputs:
        raise IntaglioError("the network has no output", where=where, hint=RE_EXPORT)
    for name in outputs:
        if not name:
            raise IntaglioError("an output has no name", where=where, hint=RE_EXPORT)
    ordered = _ordered(nodes, {*inputs, *initialisers}, outputs, where)
    hints = {v.name: shape for v in graph.value_info if (shape := _claimed(v)) is not None}
    return OnnxModel(where, opset, inputs, tuple(outputs), ordered, initialisers, hints, _held(graph, inputs))


def _parsed(path: str | Path) -> Any:
    import onnx
    from google.protobuf.message import DecodeError

    try:
        data = Path(path).read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise IntaglioError(f"cannot read it: {reason}", where=str(path), hint="the path of an .onnx file") from None
    try:
        proto = onnx.ModelProto.FromString(data)
    except (DecodeError, ValueError, RecursionError, MemoryError):
        proto = None
    if proto is None or not proto.HasField("graph") or not proto.opset_import:
        raise IntaglioError("it is no ONNX network, or a damaged one", where=str(path), hint=RE_EXPORT)
    return proto


def _opset(proto: Any, where: str) -> int:
    import onnx

    versions: dict[str, int] = {}
    for entry in proto.opset_import:
        domain = "" if entry.domain == "ai.onnx" else entry.domain
        if versions.setdefault(domain, entry.version) != entry.version:
            raise IntaglioError(f"two opsets are imported for the domain {domain!r}", where=where, hint=RE_EXPORT)
    newest = onnx.defs.onnx_opset_version()
    opset = versions.get("", 0)
    if not 1 <= opset <= newest and any(n.domain in ("", "ai.onnx") for n in proto.graph.node):
        raise IntaglioError(
            f"its opset is {opset or 'not given'}", where=where, hint=f"export with an opset between 7 and {newest}"
        )
    return opset or newest


def _inlined(proto: Any, where: str) -> Any:
    """Functions of the file's own, replaced by what they consist of."""
    if not proto.functions:
        return proto
    import onnx.inliner

    bodies = {(f.domain, f.name): [(n.domain, n.op_type) for n in f.node] for f in proto.functions}
    if len(bodies) != len(proto.functions):
        raise IntaglioError("two functions have one name", where=where, hint=RE_EXPORT)
    counts: dict[tuple[str, str], int] = {}
    state: dict[tuple[str, str], int] = {}
    for root in bodies:
        stack = [root]
        while stack:
            key = stack[-1]
            if state.get(key) == 2:
                stack.pop()
                continue
            waiting = [c for c in bodies[key] if c in bodies and state.get(c) != 2]
            if any(state.get(c) == 1 for c in waiting):
                raise IntaglioError(f"the function {key[1]} calls itself", where=where, hint="export without functions")
            state[key] = 1
            if waiting:
                stack.extend(dict.fromkeys(waiting))
                continue
            counts[key] = sum(counts.get(c, 1) for c in bodies[key])
            state[key] = 2
            stack.pop()
    if sum(counts.get((n.domain, n.op_type), 1) for n in proto.graph.node) > MOST_NODES:
        raise IntaglioError("its functions expand to too many nodes", where=where, hint="export without functions")
    try:
        return onnx.inliner.inline_local_functions(proto)
    except Exception as error:
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise IntaglioError(
            f"its functions cannot be expanded ({text})", where=where, hint="export without functions"
        ) from None


def _check_names(graph: Any, where: str) -> None:
    """Names end up in messages: what a terminal cannot show, or nobody would read, is no name."""
    texts = [("tensor", t.name) for t in (*graph.initializer, *graph.input, *graph.output)]
    for node in graph.node:
        texts += [("node", node.name), ("operator", node.op_type), ("domain", node.domain)]
        texts += [("tensor", name) for name in (*node.input, *node.output)]
        texts += [("attribute", attribute.name) for attribute in node.attribute]
    for kind, text in texts:
        if len(text) > LONGEST_NAME or not _shown(text):
            raise IntaglioError(
                f"{text[:40]!a} is no name of a{'n' if kind[0] in 'ao' else ''} {kind}", where=where, hint=RE_EXPORT
            )


def _shown(text: Any) -> bool:
    """Bytes are what protobuf gives for a text that is no UTF-8."""
    return isinstance(text, str) and text.isprintable()


def _initialisers(graph: Any, where: str) -> dict[str, Any]:
    if graph.sparse_initializer:
        raise IntaglioError("it has sparse initialisers", where=where, hint="store the weights as dense tensors")
    found: dict[str, Any] = {}
    for tensor in graph.initializer:
        if not tensor.name or tensor.name in found:
            what = f"two initialisers are called {tensor.name}" if tensor.name else "an initialiser has no name"
            raise IntaglioError(what, where=where, hint=RE_EXPORT)
        check_tensor(tensor, f"the initialiser {tensor.name}", where)
        found[tensor.name] = tensor
    return found


def _nodes(graph: Any, where: str) -> list[OnnxNode]:
    from onnx import helper

    if len(graph.node) > MOST_NODES:
        raise IntaglioError(f"it has {len(graph.node)} nodes", where=where, hint=f"at most {MOST_NODES}")
    taken = {n.name for n in graph.node}
    seen: set[str] = set()
    nodes = []
    for index, node in enumerate(graph.node):
        name = node.name
        if not name or name in seen:
            base = name or node.op_type.lower()
            name, count = f"{base}_{index}", 0
            while name in taken or name in seen:
                count += 1
                name = f"{base}_{index}_{count}"
        seen.add(name)
        if not node.op_type:
            raise IntaglioError(f"the node {name} has no operator", where=where, hint=RE_EXPORT)
        attributes: dict[str, Any] = {}
        for attribute in node.attribute:
            if attribute.name in attributes or attribute.ref_attr_name:
                raise IntaglioError(
                    f"the attribute {attribute.name} of {name} is given twice or refers to a function's",
                    where=where,
                    hint=RE_EXPORT,
                )
            try:
                attributes[attribute.name] = helper.get_attribute_value(attribute)
            except (ValueError, TypeError):
                raise IntaglioError(
                    f"the attribute {attribute.name} of {name} has no type", where=where, hint=RE_EXPORT
                ) from None
        domain = "" if node.domain == "ai.onnx" else node.domain
        nodes.append(OnnxNode(name, node.op_type, domain, tuple(node.input), tuple(node.output), attributes))
    return nodes


def _inputs(graph: Any, initialisers: Iterable[str], where: str) -> dict[str, tuple[int, tuple[int | None, ...]]]:
    """Those that are no initialisers: old files list the weights as inputs too."""
    known, found = set(initialisers), {}
    for value in graph.input:
        if value.name in known:
            continue
        if not value.name or value.name in found:
            raise IntaglioError(f"two inputs are called {value.name!r}", where=where, hint=RE_EXPORT)
        kind = value.type
        if not kind.HasField("tensor_type") or not kind.tensor_type.HasField("shape"):
            raise IntaglioError(
                f"the input {value.name} has no shape",
                where=where,
                hint="give it one: onnx.tools.update_model_dims.update_inputs_outputs_dims",
            )
        dims = kind.tensor_type.shape.dim
        if len(dims) > 16:
            raise IntaglioError(f"the input {value.name} has {len(dims)} axes", where=where, hint="(N, C, H, W)")
        shape = tuple(int(d.dim_value) if d.HasField("dim_value") else None for d in dims)
        found[value.name] = (int(kind.tensor_type.elem_type), shape)
    if not found:
        raise IntaglioError("the network has no input", where=where, hint=RE_EXPORT)
    return found


def _held(graph: Any, inputs: Iterable[str]) -> dict[str, str]:
    """FINN notes the datatype of a tensor beside it: INT8, UINT4, BIPOLAR."""
    known, found = set(inputs), {}
    for note in graph.quantization_annotation:
        for entry in note.quant_parameter_tensor_names:
            kind = entry.value.lower() if isinstance(entry.value, str) else ""
            if note.tensor_name in known and entry.key == "finn_datatype" and HELD.fullmatch(kind):
                found[note.tensor_name] = kind
    return found


def _claimed(value: Any) -> tuple[int, ...] | None:
    if not value.type.HasField("tensor_type") or not value.type.tensor_type.HasField("shape"):
        return None
    dims = tuple(int(d.dim_value) for d in value.type.tensor_type.shape.dim)
    small = 2 <= len(dims) <= 6 and all(0 < d < 1 << 20 for d in dims[1:]) and prod(dims[1:]) <= 1 << 20
    return (max(dims[0], 1), *dims[1:]) if small else None


def _ordered(nodes: list[OnnxNode], given: set[str], outputs: list[str], where: str) -> tuple[OnnxNode, ...]:
    """The nodes that outputs depend on, each after those that it reads; the file's order where there is a choice."""
    makers: dict[str, OnnxNode] = {}
    for node in nodes:
        for name in node.outputs:
            if not name:
                continue
            if name in makers or name in given:
                raise IntaglioError(
                    f"{name} is made twice", where=f"{where}, {node.loc}", other=_maker(makers, name), hint=RE_EXPORT
                )
            makers[name] = node
    live = _live(makers, given, outputs, where)
    order = {node.name: i for i, node in enumerate(nodes)}
    waiting = {n.name: {makers[i].name for i in n.inputs if i in makers} for n in nodes if n.name in live}
    readers: dict[str, list[str]] = {name: [] for name in waiting}
    for name, needed in waiting.items():
        for maker in needed:
            readers[maker].append(name)
    ready = [order[name] for name, needed in waiting.items() if not needed]
    heapq.heapify(ready)
    result: list[OnnxNode] = []
    while ready:
        node = nodes[heapq.heappop(ready)]
        result.append(node)
        for name in readers[node.name]:
            waiting[name].discard(node.name)
            if not waiting[name]:
                heapq.heappush(ready, order[name])
    if len(result) < len(waiting):
        names = ", ".join([name for name, needed in waiting.items() if needed][:5])
        raise IntaglioError(f"these nodes wait for each other: {names}", where=where, hint=RE_EXPORT)
    return tuple(result)


def _live(makers: dict[str, OnnxNode], given: set[str], outputs: list[str], where: str) -> set[str]:
    live: set[str] = set()
    wanted: list[tuple[str, str]] = [(name, "the outputs") for name in outputs]
    while wanted:
        name, reader = wanted.pop()
        if name in given or not name:
            continue
        node = makers.get(name)
        if node is None:
            raise IntaglioError(f"{reader} read {name}, which nothing makes", where=where, hint=RE_EXPORT)
        if node.name not in live:
            live.add(node.name)
            wanted.extend((i, node.loc) for i in node.inputs)
    return live


def _maker(makers: dict[str, OnnxNode], name: str) -> str:
    return makers[name].loc if name in makers else f"the input or initialiser {name}"
