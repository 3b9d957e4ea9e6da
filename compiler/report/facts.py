"""The facts of a design as plain values: what report.json holds and what the page and the tables show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from math import inf
from typing import Any

import numpy as np

from ..estimate.board import Board
from ..estimate.cycles import Cycles
from ..estimate.energy import measured_devices, model_energy
from ..estimate.prices import Prices
from ..estimate.resources import KINDS, Estimate, Resources
from ..ir import Graph
from ..ops.hardware import weight_type
from ..ops.netlist import Netlist
from .boards import board_facts, price_facts
from .figures import MEANINGS, figure_facts


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
    prices: Prices,
    after: Measured,
    before: Measured | None,
    notes: Mapping[str, Any],
) -> dict[str, Any]:
    """Everything a report says of `after`, beside the same network `before` its channels were carved out.

    Of each layer: `cycles` a frame, alone; `busy`, its share of the interval; and whether it is a `bottleneck`. Of the
    total: the `bottleneck`, and the `binding` resource, of which the largest share of the board is used. `figures` are
    of what it computes and stores (figures.py), `energy` is modelled (energy.py), `boards` are all there are.
    """
    accuracy = next(reversed(dict(notes.get("accuracy") or {}).values()), None)  # the last noted is of what is built
    was = None if before is None else _figures(before, clock_mhz, None)["total"]
    return {
        "intaglio": _version(),
        "name": name,
        "board": {"name": board.name, "title": board.title, "part": board.part, "capacity": board.capacity.rounded()},
        "clock_mhz": clock_mhz,
        "prices": price_facts(prices, board),
        "total": _totals(after, board, clock_mhz),
        "before": None if before is None else _totals(before, board, clock_mhz),
        "layers": _layers(after, before, board),
        "figures": {**_figures(after, clock_mhz, accuracy), "before": was, "meanings": MEANINGS},
        "energy": {
            "modelled": _energy(after, clock_mhz, board),
            "modelled_before": None if before is None else _energy(before, clock_mhz, board),
            "assumptions": None if board.energy is None else asdict(board.energy),
            "measured": list(measured_devices()),
        },
        "boards": board_facts(after.netlist, board),
        "fifos": {c.name: c.depth for c in after.netlist.channels},
        **{key: value for key, value in notes.items() if key != "before"},
    }


def _figures(design: Measured, clock_mhz: float, accuracy: float | None) -> dict[str, Any]:
    return figure_facts(design.netlist, design.resources.total, clock_mhz * 1e6 / design.cycles.interval, accuracy)


def _energy(design: Measured, clock_mhz: float, board: Board) -> dict[str, Any] | None:
    """MODELLED joules of an inference, frames without a gap between them; None for a board that says nothing of it."""
    if board.energy is None:
        return None
    energy = model_energy(design.netlist, design.resources, design.cycles.interval, clock_mhz, board.energy)
    return {
        "joules": energy.total,
        "static_joules": energy.static,
        "dynamic_joules": energy.dynamic,
        "dynamic_watts": energy.dynamic_watts,
        "clock_joules": energy.clock,
        "block_joules": dict(energy.blocks),
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


def _layers(after: Measured, before: Measured | None, board: Board) -> list[dict[str, Any]]:
    rows = []
    graph = after.netlist.graph
    for block in after.netlist.blocks:
        used = after.resources.blocks[block.name]
        row: dict[str, Any] = {"name": block.name, "operator": block.template, "link": not block.node}
        row |= {**_used(used, board), "cycles": block.program.steps, "pe": block.kernel.pe, "simd": block.kernel.simd}
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
    for name in ("FIFOs", "ports"):
        rows.append({"name": name, "operator": "", "link": True, **_used(_together(after, name), board)})
        if before is not None:
            rows[-1]["before"] = _together(before, name).rounded()
    return rows


def _together(design: Measured, name: str) -> Resources:
    """All FIFOs, or the frame counters of all ports."""
    return design.resources.fifos if name == "FIFOs" else sum(design.resources.ports.values(), Resources())


def _used(used: Resources, board: Board) -> dict[str, Any]:
    """What is used, and the part of the board's resource of which most is used."""
    share = used.share(board.capacity)
    return {**used.rounded(), "share": None if share == inf else round(share, 4)}


def _weights(graph: Graph, name: str) -> tuple[int, int]:
    """How many weights a node has, and of how many bits."""
    weight = graph.by_name[name].op.attributes().get("weight")
    return (int(np.size(weight)), weight_type(weight).bits) if weight is not None else (0, 0)


def _version() -> str:
    try:
        return version("intaglio")
    except PackageNotFoundError:
        return "unknown"
