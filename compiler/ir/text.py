"""The graph as text: `parse_graph(print_graph(g)) == g`, constants included.

intaglio graph 1
input x: i8[28x28x1] -128..127 * 1/128
conv1 = conv2d(x) weight=#0 bias=#1 stride=(1, 1) padding=(2, 2, 2, 2)   // -> i14[28x28x6] -4000..4100 @ net.py:7
output conv1
#0 int64 6x5x5x1 base64...
"""

from __future__ import annotations

import base64
import re
import zlib
from ast import literal_eval
from fractions import Fraction
from typing import Any

import numpy as np

from ..errors import IntaglioError
from .border import Border
from .graph import Graph, Node
from .op import Op
from .types import IntType, TensorType

HEADER = "intaglio graph 1"
LINE = re.compile(r"(?P<name>\w+) = (?P<op>[\w.]+)\((?P<inputs>[^)]*)\)(?P<attributes>[^/]*)//(?P<rest>.*)")


def print_graph(graph: Graph) -> str:
    """The whole graph, one line a node, its constants (zlib, base64) below."""
    tables: list[str] = []
    lines = [HEADER]
    for name, kind in graph.inputs.items():
        lines.append(f"input {name}: {_print_type(kind)}")
    for node in graph.nodes:
        texts = [f" {key}={_print_value(value, tables)}" for key, value in node.op.attributes().items()]
        loc = f" @ {node.loc}" if node.loc else ""
        kind = graph.types[node.name]
        lines.append(f"{node.name} = {node.op.name}({', '.join(node.inputs)}){''.join(texts)} // -> {kind}{loc}")
    lines.append(f"output {', '.join(graph.outputs)}")
    lines += [f"border {name}: {_print_border(border, tables)}" for name, border in graph.border.items()]
    return "\n".join([*lines, *tables]) + "\n"


def parse_graph(text: str) -> Graph:
    """The graph that `print_graph` wrote; its operators must be registered (`import intaglio.ops`).

    Raises IntaglioError with the line where it cannot be read.
    """
    lines = text.splitlines()
    if not lines or lines[0] != HEADER:
        raise IntaglioError("this is not an Intaglio graph", where="line 1", hint=f"the first line reads {HEADER!r}")
    tables = dict(_parse_table(line) for line in lines if line.startswith("#"))
    inputs: dict[str, TensorType] = {}
    nodes: list[Node] = []
    outputs: tuple[str, ...] = ()
    border: dict[str, Border] = {}
    for number, line in enumerate(lines[1:], 2):
        if line.startswith("#") or not line.strip():
            continue
        try:
            if line.startswith("input "):
                name, _, kind = line[6:].partition(": ")
                inputs[name] = _parse_type(kind)
            elif line.startswith("output "):
                outputs = tuple(line[7:].split(", "))
            elif line.startswith("border "):
                name, _, rest = line[7:].partition(": ")
                border[name] = _parse_border(rest, tables)
            else:
                nodes.append(_parse_node(line, tables))
        except (ValueError, KeyError, TypeError, AttributeError, SyntaxError) as error:
            raise IntaglioError(f"cannot read {line[:60]!r}: {error}", where=f"line {number}") from None
    return Graph(inputs, tuple(nodes), outputs, border)


def _print_border(border: Border, tables: list[str]) -> str:
    slope, offset = (",".join(map(str, values)) for values in (border.slope, border.offset))
    order = "None" if border.order is None else _print_value(border.order, tables)
    shape = "x".join(map(str, border.shape))
    return f"shape={shape} order={order} slope={slope} offset={offset} rounding={border.rounding} zero={border.zero}"


def _parse_border(text: str, tables: dict[str, Any]) -> Border:
    fields = dict(item.split("=") for item in text.split())
    return Border(
        tuple(int(n) for n in fields["shape"].split("x")),
        _parse_value(fields["order"], tables),
        tuple(Fraction(v) for v in fields["slope"].split(",")),
        tuple(Fraction(v) for v in fields["offset"].split(",")),
        fields["rounding"],
        int(fields["zero"]),
    )


def _print_type(kind: TensorType) -> str:
    if kind.dtype is None:
        return str(kind)
    shape = "x".join(map(str, kind.shape))
    return f"{kind.dtype}[{shape}] lo={_runs(kind.lo)} hi={_runs(kind.hi)} scale={kind.scale}"


def _runs(values: tuple[int, ...]) -> str:
    return str(values[0]) if len(set(values)) == 1 else ",".join(map(str, values))


def _parse_type(text: str) -> TensorType:
    head, _, rest = text.partition("] ")
    dtype, _, dims = head.rstrip("]").partition("[")
    shape = tuple(int(n) for n in dims.split("x"))
    if dtype == "real":
        return TensorType(shape)
    fields = dict(item.split("=") for item in rest.split())
    bounds = {k: [int(v) for v in fields[k].split(",")] for k in ("lo", "hi")}
    wide = {k: tuple(v) * (shape[-1] if len(v) == 1 else 1) for k, v in bounds.items()}
    scale = None if fields["scale"] == "None" else Fraction(fields["scale"])
    return TensorType(shape, IntType.parse(dtype), wide["lo"], wide["hi"], scale)


def _print_value(value: Any, tables: list[str]) -> str:
    if isinstance(value, np.ndarray):
        shape = "x".join(map(str, value.shape))
        if value.dtype == object:  # exact fractions
            kind, raw = "fraction", " ".join(map(str, value.ravel())).encode()
        else:
            kind, raw = value.dtype.str.lstrip("<|="), np.ascontiguousarray(value).tobytes()
        tables.append(f"#{len(tables)} {kind} {shape} {base64.b64encode(zlib.compress(raw, 9)).decode()}")
        return f"#{len(tables) - 1}"
    if isinstance(value, Fraction):
        return f"{value.numerator}|{value.denominator}"
    if isinstance(value, IntType):
        return str(value)
    return repr(value).replace(" ", "")


def _parse_value(text: str, tables: dict[str, Any]) -> Any:
    if text.startswith("#"):
        return tables[text]
    if re.fullmatch(r"-?\d+\|\d+", text):
        return Fraction(text.replace("|", "/"))
    if re.fullmatch(r"[iu]\d+", text):
        return IntType.parse(text)
    return literal_eval(text)


def _parse_table(line: str) -> tuple[str, Any]:
    try:
        key, kind, dims, packed = line.split(" ")
        raw = zlib.decompress(base64.b64decode(packed))
        shape = tuple(int(n) for n in dims.split("x")) if dims else ()
        if kind == "fraction":
            array = np.array([Fraction(t) for t in raw.decode().split()], dtype=object).reshape(shape)
        else:
            array = np.frombuffer(raw, dtype="<" + kind).reshape(shape)
    except (ValueError, zlib.error) as error:
        raise IntaglioError(f"cannot read the constant {line[:20]!r}: {error}") from None
    array.setflags(write=False)
    return key, array


def _parse_node(line: str, tables: dict[str, Any]) -> Node:
    match = LINE.fullmatch(line)
    if match is None:
        raise ValueError("this is not a node")
    pairs = (item.split("=", 1) for item in match["attributes"].split())
    attributes = {key: _parse_value(value, tables) for key, value in pairs}
    if match["op"] not in Op.registry:
        raise ValueError(f"there is no operator {match['op']!r}; there are {', '.join(sorted(Op.registry))}")
    op = Op.registry[match["op"]](**attributes)
    loc = match["rest"].partition(" @ ")[2]
    return Node(match["name"], op, tuple(n for n in match["inputs"].split(", ") if n), loc)
