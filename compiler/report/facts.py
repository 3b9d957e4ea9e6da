"""The facts of a design as plain values: what report.json holds and what the page and the tables show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from ..estimate.board import Board
from ..estimate.cycles import Cycles
from ..estimate.resources import KINDS, Estimate
from ..ir import Graph
from ..ops.hardware import weight_type
from ..ops.netlist import Netlist


@dataclass(frozen=True)
class Measured:
    """One design with what was estimated of it."""

    netlist: Netlist
    resources: Estimate
    cycles: Cycles


def facts(
    name: str,
    board: Board,
    clock_mhz: float,
    after: Measured,
    before: Measured | None,
    notes: Mapping[str, Any],
) -> dict[str, Any]:
    """Everything a report says of `after`, beside the same network `before` its channels were carved out.

    Of each layer: `cycles` a frame, alone; `busy`, its share of the interval; and whether it is a `bottleneck`. Of the
    total: the `bottleneck`, and the `binding` resource, of which the largest share of the board is used.
    """
    return {
        "intaglio": _version(),
        "name": name,
        "board": {"name": board.name, "title": board.title, "part": board.part, "capacity": board.capacity.rounded()},
        "clock_mhz": clock_mhz,
        "total": _totals(after, board, clock_mhz),
        "before": None if before is None else _totals(before, board, clock_mhz),
        "layers": _layers(after, before),
        "fifos": {c.name: c.depth for c in after.netlist.channels},
        **{key: value for key, value in notes.items() if key != "before"},
    }


def _totals(design: Measured, board: Board, clock_mhz: float) -> dict[str, Any]:
    used = design.resources.total
    shares = used.shares(board.capacity)
    graph = design.netlist.graph
    return {
        **used.rounded(),
        "share": {kind: round(shares[kind], 4) for kind in KINDS},
        "binding": max(KINDS, key=lambda kind: shares[kind]),
        "fits": used <= board.capacity,
        "interval_cycles": design.cycles.interval,
        "latency_cycles": design.cycles.latency,
        "latency_us": round(design.cycles.latency / clock_mhz, 3),
        "fps": round(clock_mhz * 1e6 / design.cycles.interval, 1),
        "bottleneck": design.cycles.bottleneck,
        "weights": sum(_weights(graph, node.name)[0] for node in graph.nodes),
        "weight_memory_bits": sum(n * bits for n, bits in (_weights(graph, node.name) for node in graph.nodes)),
    }


def busy(row: Mapping[str, Any]) -> str:
    """How much of the interval a layer works, for people."""
    if row.get("bottleneck"):
        return "bottleneck"
    return f"{int(100 * row['busy'])} %" if "busy" in row else ""


def binding(report: Mapping[str, Any]) -> str:
    """The resource of which the largest share of the board is used, for people."""
    kind = report["total"].get("binding")
    return f"most used: {kind.upper()}, {100 * report['total']['share'][kind]:.1f} % of the board" if kind else ""


def _layers(after: Measured, before: Measured | None) -> list[dict[str, Any]]:
    rows = []
    graph = after.netlist.graph
    for block in after.netlist.blocks:
        used = after.resources.blocks[block.name]
        row: dict[str, Any] = {"name": block.name, "operator": block.template, "link": not block.node}
        row |= {**used.rounded(), "cycles": block.program.steps, "pe": block.kernel.pe, "simd": block.kernel.simd}
        row |= {
            "busy": round(block.program.steps / after.cycles.interval, 4),
            "bottleneck": block.program.steps == after.cycles.interval,
        }
        if block.node:
            row["kernel"] = asdict(block.kernel)
            node, kind = graph.by_name[block.node], graph.types[block.node]
            row |= {"shape": list(kind.shape), "bits": kind.bits, "weight_bits": _weights(graph, node.name)[1]}
            row |= {"loc": node.loc, "channels": kind.channels}
            if before is not None and block.node in before.netlist.graph.types:
                row["channels_before"] = before.netlist.graph.types[block.node].channels
        if before is not None and block.name in before.resources.blocks:
            row["before"] = before.resources.blocks[block.name].rounded()
        rows.append(row)
    fifos = after.resources.fifos
    last: dict[str, Any] = {"name": "FIFOs", "operator": "", "link": True, **fifos.rounded()}
    if before is not None:
        last["before"] = before.resources.fifos.rounded()
    return [*rows, last]


def _weights(graph: Graph, name: str) -> tuple[int, int]:
    """How many weights a node has, and of how many bits."""
    weight = graph.by_name[name].op.attributes().get("weight")
    return (int(np.size(weight)), weight_type(weight).bits) if weight is not None else (0, 0)


def _version() -> str:
    try:
        return version("intaglio")
    except PackageNotFoundError:
        return "unknown"
