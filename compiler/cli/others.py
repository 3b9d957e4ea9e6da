"""Commands on boards, written designs and speed: boards, report, bench."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from ..errors import IntaglioError
from .app import app, console, err
from .options import Json


@app.command()
def boards(as_json: Json = False) -> None:
    """The boards that designs can be made for."""
    from ..estimate.board import board_names, load_board
    from ..flow.show import print_boards

    known = [load_board(name) for name in board_names()]
    if as_json:
        rows = [{"name": b.name, "title": b.title, "part": b.part, **b.capacity.rounded()} for b in known]
        print(json.dumps(rows))
        return
    print_boards(known, console())


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="A folder that `compile` wrote.")], as_json: Json = False
) -> None:
    """Shows a written design's report, and draws its page anew from report.json."""
    from ..flow.show import print_facts
    from ..flow.write import redraw

    facts = redraw(folder)
    if as_json:
        print(json.dumps(facts))
    else:
        print_facts(facts, console(), views=[name for name in ("marginal", "break_even") if facts.get(name)])
        err.print(f"page: {folder / 'report.html'}")


@app.command()
def bench(
    what: Annotated[
        str,
        typer.Argument(
            help="simulator: against hls4ml's C-simulation and plain PyTorch; estimate: of a network of CNV's size; "
            "or an .onnx file: against qonnx."
        ),
    ] = "simulator",
    as_json: Json = False,
) -> None:
    """Speed side by side with peers, as ratios measured in one run."""
    from ..flow.show import print_rows

    if what.endswith(".onnx"):
        from ..flow.bench_import import bench_import

        with err.status("loading and running the same network three times"):
            rows = bench_import(Path(what))
    elif what == "simulator":
        from ..flow.bench import bench_simulator

        with err.status("building the same network three times"):
            rows = bench_simulator()
    elif what == "estimate":
        from ..flow.bench_estimate import bench_estimate

        with err.status("estimating the same design over and over"):
            rows = bench_estimate()
    else:
        hint = "simulator, estimate, or the path of an .onnx file"
        raise IntaglioError(f"there is no benchmark {what!r}", hint=hint)
    if as_json:
        print(json.dumps(rows))
    else:
        print_rows(rows, console())
