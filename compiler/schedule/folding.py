"""Foldings by hand: a kernel per node as TOML, written beside every design, edited, and read back.

    conv1 = { pe = 4, simd = 9, memory = "lutram", buffer = "auto", multiplier = "lut", compare = "parallel" }

Nodes that are not named are the solver's. A node has `pe` and `simd`; other fields that are left out are the solver's,
too, and `stages` follow from the clock. A table `[fifos]` makes FIFOs deeper than full rate needs.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from difflib import get_close_matches
from itertools import product
from pathlib import Path
from typing import Any

from ..errors import IntaglioError
from ..ir import Graph, Kernel, Node
from ..ops.netlist import Netlist, elaborate

FIELDS = {f.name: type(f.default) for f in fields(Kernel)}
WORDS = {
    "memory": ("auto", "lutram", "bram", "uram"),
    "buffer": ("auto", "lutram", "bram", "uram"),
    "compare": ("parallel", "search"),
}
"""What fields of text may say; multipliers are the operator's to know."""

FIFOS = "fifos"
"""The table of FIFO depths, unless a node has that name."""


@dataclass(frozen=True)
class Given:
    """What is said of one node's kernel. where: for messages."""

    fields: Mapping[str, Any]
    where: str


@dataclass(frozen=True)
class Folding:
    """nodes: by name. depths: words by channel name. skipped: what a foreign file says that has no place here."""

    nodes: Mapping[str, Given]
    depths: Mapping[str, int] = field(default_factory=dict)
    where: str = "folding"
    skipped: tuple[str, ...] = ()


def read_folding(path: Path) -> dict[str, Any]:
    """The tables of a TOML file. Raises IntaglioError for one that cannot be read."""
    try:
        return tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        said = (error.strerror if isinstance(error, OSError) else None) or error
        raise IntaglioError(f"the folding cannot be read: {said}", where=str(path)) from None


def as_folding(tables: Mapping[str, Any], graph: Graph, where: str = "folding") -> Folding:
    """A mapping of node to kernel, or to a table of its fields, and of FIFO depths under `fifos`.

    Raises:
        IntaglioError: for unknown nodes and fields, or values of the wrong type.
    """
    depths: Any = {}
    if FIFOS in tables and FIFOS not in graph.by_name:
        depths = tables[FIFOS]
        if not isinstance(depths, Mapping):
            raise IntaglioError("[fifos] is a table of depths by name", where=where)
        for name, depth in depths.items():
            if type(depth) is not int or depth < 0:
                raise IntaglioError(f"a depth is a number of words, not {depth!r}", where=f"{where}, [fifos] {name}")
    nodes = {}
    for name, table in tables.items():
        if name == FIFOS and name not in graph.by_name:
            continue
        if name not in graph.by_name:
            raise IntaglioError(f"there is no node {name!r}", where=where, hint=_nearest(name, graph.by_name))
        nodes[name] = checked(Given(_fields(table, f"{where}, {name}"), f"{where}, {name}"))
    return Folding(nodes, depths, where)


def checked(given: Given) -> Given:
    """Itself. Raises IntaglioError for fields that no kernel has, that are missing, or of the wrong type."""
    for name, value in given.fields.items():
        if name not in FIELDS:
            raise IntaglioError(f"a kernel has no {name!r}", where=given.where, hint=_nearest(name, FIELDS))
        wanted = FIELDS[name]
        if type(value) is not wanted or (wanted is int and value < 1):
            kind = "a whole number from 1 up" if wanted is int else "a word"
            raise IntaglioError(f"{name} is {kind}, not {value!r}", where=given.where)
        if name in WORDS and value not in WORDS[name]:
            raise IntaglioError(
                f"{name} cannot be {value!r}", where=given.where, hint=f"one of {', '.join(WORDS[name])}"
            )
    for name in ("pe", "simd"):
        if name not in given.fields:
            raise IntaglioError(
                f"{name} is missing", where=given.where, hint="say both, or leave the node out: it is the solver's then"
            )
    return given


def kernels_by_hand(folding: Folding, graph: Graph, clock_mhz: float) -> dict[str, list[Kernel]]:
    """The kernels that agree with what a folding says: one, or several where it leaves fields open.

    Raises:
        IntaglioError: for a kernel that its node cannot have; it says which it can.
    """
    return {name: _kernels(given, graph, graph.by_name[name], clock_mhz) for name, given in folding.nodes.items()}


def with_depths_by_hand(netlist: Netlist, folding: Folding) -> Netlist:
    """The netlist with FIFOs as deep as the folding says.

    Raises:
        IntaglioError: for a FIFO that is not there, or less deep than full rate needs: what the estimate says of
            interval and latency would not hold.
    """
    if not folding.depths:
        return netlist
    needed = {channel.name: channel.depth for channel in netlist.channels}
    for name, depth in folding.depths.items():
        where = f"{folding.where}, [fifos] {name}"
        if name not in needed:
            raise IntaglioError(f"there is no FIFO {name!r}", where=where, hint=_nearest(name, needed))
        if not needed[name] and depth:
            raise IntaglioError("this is a wire, and no FIFO", where=where, hint="leave it out")
        if depth < needed[name]:
            raise IntaglioError(
                f"a depth of {depth} words is too little for full rate",
                where=where,
                hint=f"{needed[name]} or more; left out, it has what it needs",
            )
    schedule = netlist.schedule
    return elaborate(netlist.graph, replace(schedule, depths={**schedule.depths, **folding.depths}))


def print_folding(netlist: Netlist, clock_mhz: float, title: str) -> str:
    """The kernels of a design as TOML, a line each; what the operator's stages are at that clock need not be said."""
    lines = [
        f"# {title}",
        "# Edit it and give it back: intaglio compile SOURCE --out FOLDER --folding folding.toml",
        "# Nodes that are left out are the solver's to choose, and so are fields other than pe and simd; stages, which",
        "# are registers on the way, follow from the clock. A table [fifos] makes FIFOs deeper than full rate needs.",
        "",
    ]
    steps = {block.node: block.program.steps for block in netlist.blocks if block.node}
    for node in netlist.graph.nodes:
        kernel = netlist.schedule.kernels[node.name]
        said = {name: value for name, value in asdict(kernel).items() if name != "stages"}
        if kernel != node.op.pipelined(kernel, clock_mhz, *netlist.graph.input_types(node)):
            said["stages"] = kernel.stages
        text = ", ".join(f"{name} = {_quoted(value)}" for name, value in said.items())
        lines.append(f"{_key(node.name)} = {{ {text} }}  # {steps[node.name]} cycles")
    return "\n".join(lines) + "\n"


def _fields(table: Any, where: str) -> Mapping[str, Any]:
    if isinstance(table, Kernel):
        return asdict(table)
    if not isinstance(table, Mapping):
        raise IntaglioError(f"a node has a table of fields, not {table!r}", where=where, hint="{ pe = 1, simd = 1 }")
    return table


def _kernels(given: Given, graph: Graph, node: Node, clock_mhz: float) -> list[Kernel]:
    ins, op = graph.input_types(node), node.op
    wanted = Kernel(**given.fields)
    lanes = {(kernel.pe, kernel.simd) for kernel in op.kernels(*ins)}
    if (wanted.pe, wanted.simd) not in lanes:
        raise IntaglioError(
            f"{op.name} has no kernel with pe = {wanted.pe} and simd = {wanted.simd}",
            where=given.where,
            hint=_legal(wanted, lanes),
        )

    def legal(kernel: Kernel) -> Kernel:
        if "stages" not in given.fields:
            kernel = op.pipelined(kernel, clock_mhz, *ins)
        op.program(kernel, *ins)
        op.parts(kernel, *ins)
        return kernel

    found = []
    for kernel in _open(given.fields, node, graph):
        try:
            found.append(legal(kernel))
        except IntaglioError:
            continue
    if found:
        return list(dict.fromkeys(found))
    try:
        return [legal(wanted)]
    except IntaglioError as error:
        raise IntaglioError(error.what, where=given.where, hint=error.hint) from None


def _open(said: Mapping[str, Any], node: Node, graph: Graph) -> Iterator[Kernel]:
    """All kernels that agree with what is said, some of them illegal: other fields as the operator's choices have."""
    unsaid = [name for name in FIELDS if name not in said and name != "stages"]
    if not unsaid:
        return
    choices = [k for k in node.op.choices(*graph.input_types(node)) if k.multiplier != "da4ml"]  # only where said
    values = [sorted({getattr(kernel, name) for kernel in choices}) for name in unsaid]
    for combination in product(*values):
        yield Kernel(**said, **dict(zip(unsaid, combination, strict=True)))


def _legal(wanted: Kernel, lanes: set[tuple[int, int]]) -> str:
    """Which pe and simd there are."""
    outputs = sorted(pe for pe, simd in lanes if simd == wanted.simd)
    inputs = sorted(simd for pe, simd in lanes if pe == wanted.pe)
    texts = [f"with simd = {wanted.simd}, pe is {_ranges(outputs)}"] if outputs else []
    texts += [f"with pe = {wanted.pe}, simd is {_ranges(inputs)}"] if inputs else []
    if not texts:
        all_pe, all_simd = sorted({pe for pe, _ in lanes}), sorted({simd for _, simd in lanes})
        texts = [f"pe is {_ranges(all_pe)}, simd is {_ranges(all_simd)}"]
    return "; ".join(texts)


def _ranges(numbers: list[int]) -> str:
    """1, 2, 3, 4, 8 as `1 to 4, 8`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    texts = [str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs]
    return ", ".join(texts if len(texts) <= 8 else [*texts[:7], f"… {texts[-1]}"])


def _nearest(name: str, known: Mapping[str, Any]) -> str:
    close = get_close_matches(name, known, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    names = list(known)
    return f"there are {', '.join(names[:8])}{', …' if len(names) > 8 else ''}"


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _quoted(name)


def _quoted(value: int | str) -> str:
    """A value as TOML."""
    return json.dumps(value, ensure_ascii=False)
