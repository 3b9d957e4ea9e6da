"""A user's own prices, from the utilisation reports that Vivado wrote of designs of ours.

`ip/build.tcl` of a written design leaves `ip/utilization.rpt` (`report_utilization -hierarchical`), which lists every
block and FIFO by its instance name. The prices start from those of Yosys, times the common ratio of Vivado's counts to
Yosys's, and move from there as far as the reports ask for; they are kept beside the board's file and hold for that
board from then on.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import IntaglioError
from ..estimate.board import board_file, load_board, own_prices
from ..estimate.fit import errors
from ..estimate.prices import Prices, load_prices
from ..ops.netlist import Netlist
from ..toolchain.utilization import Counts, read_utilization
from .compile import compile as compile_graph
from .judge import FITTED, RULES, Chosen, by_rule, fit_prices, held_out, predicted
from .measure import Row
from .source import load_source
from .specimens import Specimen
from .synthesised import modules

REPORT = Path("ip", "utilization.rpt")

SPREAD = 0.5
"""By how much of themselves prices are expected to differ from Yosys's, once the common ratio is taken out."""

FEWEST = 5
"""Modules below which there is nothing to fit."""


def calibrate_reports(
    folders: Sequence[Path], board: str, *, out: Path | None = None, report: Path | None = None
) -> dict[str, Any]:
    """Fit prices to the reports in the folders of designs, and write them beside the board's file.

    Args:
        folders: what `compile` wrote, each with `ip/utilization.rpt` in it.
        board: a name, or the path of a board's .toml.
        out: where the prices go instead.
        report: the report of a single folder, if it lies elsewhere.

    Returns:
        The ratios of Vivado's counts to the estimates before, the median errors before and after (on modules held out),
        how often DSPs and block RAMs were equal, and the path written.

    Raises:
        IntaglioError: for a folder without a report, a report that says nothing of the design, too few modules, or a
            place that cannot be written.
    """
    target = load_board(board)
    start = _tools_prices(target.prices)
    chosen: list[tuple[Specimen, Row]] = []
    version = ""
    for folder in folders:
        path = report if report is not None else folder / REPORT
        counts, version = read_utilization(path)
        source = load_source(folder, {}, None)
        netlist = compile_graph(source.graph, **source.defaults | {"board": board}).netlist
        chosen += _matched(netlist, counts, path, len(chosen))
    if len(chosen) < FEWEST:
        raise IntaglioError(
            f"{len(chosen)} modules are too few to fit prices to",
            hint=f"give the reports of designs with {FEWEST} or more",
        )
    ratio = {
        name: float(np.median([row[name] / max(predicted(s, start, name), 1.0) for s, row in chosen]))
        for name in FITTED
    }
    prior = start.scaled(*(ratio[name] for name in FITTED))
    made_by = {
        "intaglio": importlib.metadata.version("intaglio"),
        "tool": version,
        "modules": len(chosen),
        "reports": [str(folder) for folder in folders],
        "started_from": start.title,
    }

    def fitted(those: Chosen) -> Prices:
        return fit_prices(start.family, those, made_by, prior=prior, spread=SPREAD)

    after, kept = held_out(chosen, fitted), fitted(chosen)
    path = out if out is not None else own_prices(board_file(board))
    try:
        kept.save(path)
    except OSError as error:
        raise IntaglioError(
            f"the prices cannot be written: {error.strerror}",
            where=str(path),
            hint="copy the board's .toml to a folder of yours and give its path",
        ) from None
    load_board.cache_clear()
    load_prices.cache_clear()
    real = {name: [row[name] for _, row in chosen] for name in FITTED}
    return {
        "modules": len(chosen),
        "prices": str(path),
        "ratio": {name: round(value, 3) for name, value in ratio.items()},
        "median_error": {
            name: {
                "before": _median(errors([predicted(s, start, name) for s, _ in chosen], real[name])),
                "held_out": _median(errors(list(after[name]), real[name])),
            }
            for name in FITTED
        },
        "equal": {
            name: f"{sum(by_rule(s, name) == row[name] for s, row in chosen)} of {len(chosen)}" for name in RULES
        },
    }


def _tools_prices(name: str) -> Prices:
    """The prices that a board's own were started from, or would be: those of its family that come with the package."""
    return load_prices(load_prices(name).family)


def _matched(netlist: Netlist, counts: Counts, path: Path, already: int) -> list[tuple[Specimen, Row]]:
    """The modules of a netlist that a report knows, and what it says of them."""
    instances = {block.name: f"u_{block.name}" for block in netlist.blocks}
    instances |= {channel.name: f"fifo_{channel.name}" for channel in netlist.channels}
    found = []
    for name, specimen in modules(netlist):
        used = counts.get(instances.get(name, ""))
        if used is not None:
            row = {kind: getattr(used, kind) for kind in (*FITTED, *RULES)}
            found.append((replace(specimen, index=already + len(found)), row))
    if not found:
        raise IntaglioError(
            "the report knows none of the design's modules",
            where=str(path),
            hint="it must be of this design, with its hierarchy (`-flatten_hierarchy rebuilt`, the default, or `none`)",
        )
    return found


def _median(values: npt.NDArray[np.float64]) -> float:
    return round(float(np.median(values)), 4)
