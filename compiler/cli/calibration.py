"""Commands on estimates beside synthesis: calibrate, synthesise."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import IntaglioError
from .app import app, console, err
from .options import BoardName, Budget, Clock, Config, Folding, Json, Latency, Rate, SourcePath, Strategy
from .sources import compile_source, read_source

Jobs = Annotated[int, typer.Option(min=1, help="Yosys processes side by side.")]
CORES = os.cpu_count() or 1


@app.command()
def synthesise(
    source: SourcePath,
    board: BoardName = None,
    clock_mhz: Clock = None,
    target_fps: Rate = None,
    target_latency_us: Latency = None,
    budget: Budget = None,
    strategy: Strategy = None,
    folding: Folding = None,
    jobs: Jobs = CORES,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Each module of a design through Yosys, beside its estimate; what was counted once is remembered."""
    from ..estimate.prices import load_prices
    from ..flow.show import print_rows
    from ..flow.synthesised import compare

    design = compile_source(
        read_source(source), board, clock_mhz, (target_fps, target_latency_us), budget, (strategy, folding)
    )
    prices = load_prices(design.board.prices)
    rows = compare(design.netlist, prices, family=prices.family, jobs=jobs, console=err)
    if as_json:
        print(json.dumps({"prices": prices.title, "modules": rows}))
        return
    print_rows([_beside(row) for row in rows], console())
    console().print(f"prices: {prices.title}")


def _beside(row: dict[str, Any]) -> dict[str, Any]:
    """Cells as "estimated / Yosys's" where they differ."""
    shown = {"module": row["name"], "of": row["kind"]}
    for key in ("lut", "ff", "dsp", "bram36", "uram"):
        ours, theirs = row[key], row[f"{key}_yosys"]
        shown[key.upper()] = f"{ours:g}" if ours == theirs else f"{ours:g} / {theirs:g}"
    return shown


@app.command()
def calibrate(
    designs: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Folders of `compile` with Vivado's ip/utilization.rpt: fits a board's own prices to them."
        ),
    ] = None,
    board: Annotated[str | None, typer.Option(help="The board whose prices the reports are for.")] = None,
    report: Annotated[Path | None, typer.Option(help="The report of a single design, if it lies elsewhere.")] = None,
    family: Annotated[
        str, typer.Option(help="Without designs: the family to measure with Yosys, xc7 or xcup.")
    ] = "xc7",
    out: Annotated[Path | None, typer.Option(help="Where table, prices and errors go; else into the package.")] = None,
    jobs: Jobs = CORES,
    limit: Annotated[int | None, typer.Option(min=1, help="Measure only so many modules.")] = None,
    kinds: Annotated[list[str] | None, typer.Option(help="Measure only these operators and links.")] = None,
    like: Annotated[str, typer.Option(help="A family whose table lends the modules that are not measured.")] = "",
    fresh: Annotated[
        int | None, typer.Option(min=1, help="Fit nothing: judge the prices in force on so many fresh modules.")
    ] = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Measure our own modules and fit the prices of estimates to them; resumable, what is measured stays measured.

    With folders of designs that went through Vivado, fit a board's own prices to Vivado's reports instead.
    """
    if designs:
        from ..flow.vivado_reports import calibrate_reports

        if board is None:
            raise IntaglioError("whose prices are these?", where="--board", hint="name the board, or its .toml")
        if report is not None and len(designs) > 1:
            raise IntaglioError("one report cannot be of several designs", where="--report")
        with err.status("elaborating the designs, fitting prices to their reports"):
            found = calibrate_reports(designs, board, out=out, report=report)
        _show(found, as_json, _print_reports)
        return
    if fresh is not None:
        from ..flow.fresh import check_fresh

        for option, given in (("--limit", limit), ("--out", out), ("--like", like)):
            if given:
                raise IntaglioError("fresh modules are judged, nothing is fitted", where=option, other="--fresh")
        _show(check_fresh(fresh, family, kinds or (), jobs=jobs, console=err), as_json, _print_errors)
        return
    from ..flow.calibrate import calibrate as measure_and_fit

    found = measure_and_fit(family, out, jobs=jobs, limit=limit, kinds=kinds or (), like=like, console=err)
    _show(found, as_json, _print_errors)


def _show(found: dict[str, Any], as_json: bool, show: Any) -> None:
    if as_json:
        print(json.dumps(found))
    else:
        show(found)


def _print_errors(found: dict[str, Any]) -> None:
    from ..flow.show import print_rows

    sized = found["sized"]
    groups = {f"{sized['from_lut']} to {sized['to_lut']} LUT": sized, "smaller": found["smaller"]}
    groups |= {"larger": found["larger"], **found["kinds"]}
    rows = [
        {"modules": name, "number": group["modules"]}
        | {f"{key.upper()} {at}": _percent(group[key].get(at)) for key in ("lut", "ff") for at in ("median", "p90")}
        for name, group in groups.items()
    ]
    print_rows(rows, console())
    equal = ", ".join(f"{name} {count}" for name, count in found["equal"].items())
    ranks = found["spearman"]
    console().print(f"equal: {equal}")
    console().print(f"rank correlation (Spearman) in LUT: {ranks['all']['lut']}{_ranks_by_class(ranks)}")
    for name, why in found["failed"].items():
        err.print(f"not measured: {name}: {why}", markup=False)


def _ranks_by_class(ranks: dict[str, Any]) -> str:
    """Of the operators, how many classes of size are ranked well, and the lowest."""
    from ..flow.judge import CLASSES

    lines = []
    cuts = {"all sizes": CLASSES[:1], "two classes": CLASSES[1:3], "three classes": CLASSES[3:]}
    for name, cut in cuts.items():
        ends = tuple(f", {low} to {high} LUT" for low, high in cut)
        found = {k: r for k, r in ranks.items() if k.endswith(ends) and r["lut"] is not None}
        if found:
            lowest = min(found, key=lambda k: found[k]["lut"])
            well, goal = (sum(r[key] >= WELL for r in found.values()) for key in ("lut", "lut_at_goal"))
            lines.append(
                f"\n  within an operator, {name}: {WELL} or more in {well} of {len(found)}, {goal} with the errors "
                f"asked for; lowest {lowest} ({found[lowest]['lut']})"
            )
    return "".join(lines)


WELL = 0.95
"""A rank correlation within an operator that estimates ought to have."""


def _print_reports(found: dict[str, Any]) -> None:
    for name in ("lut", "ff"):
        error = found["median_error"][name]
        console().print(
            f"{name.upper()}: Vivado counts {found['ratio'][name]} of the estimate; "
            f"median error {_percent(error['before'])} before, {_percent(error['held_out'])} held out"
        )
    equal = ", ".join(f"{name} {count}" for name, count in found["equal"].items())
    console().print(f"{found['modules']} modules; equal: {equal}")
    console().print(f"prices written: {found['prices']}", soft_wrap=True)


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"
