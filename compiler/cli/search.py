"""The command that looks for channels, bits and folds: search."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import IntaglioError
from .app import app, console, err
from .options import BoardName, Budget, Clock, Config, Json, Rate


def _values(name: str, text: str | None, kind: type) -> list[Any] | None:
    """A list written with commas."""
    if text is None:
        return None
    try:
        return [kind(part) for part in text.split(",")]
    except ValueError:
        raise IntaglioError(
            f"{text!r} is no list of numbers", where=f"--{name}", hint="numbers with commas between: 2,3,4"
        ) from None


@app.command("search")
def search_command(
    source: Annotated[Path, typer.Argument(help="A script with net, example_input and dense().")],
    board: BoardName = None,
    accuracy_drop: Annotated[float, typer.Option(help="Points of validation accuracy that may be lost.")] = 0.5,
    target_fps: Rate = None,
    clock_mhz: Clock = None,
    budget: Budget = None,
    trials: Annotated[int, typer.Option(help="Trials in all, those counted that the store has already.")] = 50,
    epochs: Annotated[int, typer.Option(help="Epochs of training in each trial.")] = 10,
    lr: Annotated[float | None, typer.Option(help="Learning rate; that of `fit` if left out.")] = None,
    method: Annotated[str | None, typer.Option(help="Another method than that of the script's recipe.")] = None,
    keep: Annotated[str | None, typer.Option(help="Shares to choose from, with commas between.")] = None,
    weight_bits: Annotated[str | None, typer.Option(help="Bits of weights to choose from, likewise.")] = None,
    act_bits: Annotated[str | None, typer.Option(help="Bits of activations to choose from, likewise.")] = None,
    alike: Annotated[bool, typer.Option("--alike", help="One share and one width for all layers.")] = False,
    cost: Annotated[str | None, typer.Option(help="lut, board or interval.")] = None,
    out: Annotated[Path, typer.Option(help="Folder of the store, the networks and the front.")] = Path("build/search"),
    store: Annotated[
        str | None, typer.Option(help="An SQLite file or a database's URL, to share; else in --out.")
    ] = None,
    study: Annotated[str, typer.Option(help="A name, where a store holds several.")] = "search",
    seed: Annotated[int, typer.Option(help="Of what is proposed.")] = 0,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Looks for the cheapest designs that lose little accuracy; goes on where it was, alone or with others."""
    from ..flow.search.script import search_script

    given = {
        "keep": _values("keep", keep, float),
        "weight_bits": _values("weight-bits", weight_bits, int),
        "act_bits": _values("act-bits", act_bits, int),
    }
    space = {name: values for name, values in given.items() if values is not None}
    result = search_script(
        source,
        method,
        board=board,
        accuracy_drop=accuracy_drop,
        target_fps=target_fps,
        clock_mhz=clock_mhz,
        budget=budget,
        trials=trials,
        epochs=epochs,
        settings=None if lr is None else {"lr": lr},
        space=space or None,
        per_layer=() if alike else None,
        cost=cost,
        folder=out,
        store=store,
        study=study,
        seed=seed,
    )
    if not result.built:
        reasons = dict.fromkeys(row.reason for row in result.rows if row.reason)
        raise IntaglioError("no trial came to a design", where=str(out), other="; ".join(list(reasons)[:3]))
    folder = result.write()
    if as_json:
        print(result.to_json(), end="")
        return
    console().print(result.table())
    console().print(result.summary(), markup=False, soft_wrap=True)
    err.print(f"written to {folder} - open {folder / 'front.svg'}")
