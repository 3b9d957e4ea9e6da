"""The flags that several commands share, and the TOML file that may hold them."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

import typer

from ..errors import IntaglioError


def read_config(context: typer.Context, path: Path | None) -> Path | None:
    """A TOML file with the same names as the flags; a flag on the command line wins."""
    if path is None:
        return None
    try:
        table = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise IntaglioError(f"the config cannot be read: {error}", where=str(path)) from None
    table = {**table, **table.pop(context.info_name or "", {})}
    values = {key.replace("-", "_"): value for key, value in table.items() if not isinstance(value, dict)}
    known = {p.name for p in context.command.params}
    for key in values:
        if key not in known:
            flags = ", ".join(sorted(k.replace("_", "-") for k in known if k and k != "help"))
            raise IntaglioError(
                f"there is no option {key!r}", where=str(path), hint=f"{context.info_name} has: {flags}"
            )
    context.default_map = {**(context.default_map or {}), **values}
    return path


SourcePath = Annotated[
    Path, typer.Argument(help="A script that trains a network, an .onnx file, a folder of `compile`, or a graph.txt.")
]
Config = Annotated[
    Path | None,
    typer.Option("--config", callback=read_config, is_eager=True, help="TOML file that holds any of the flags."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show why: FIFO depths, kernels, places.")]
BoardName = Annotated[str | None, typer.Option(help="A board of `intaglio boards`, or a board's .toml.")]
Clock = Annotated[float | None, typer.Option(help="Clock in MHz; the board's own if left out.")]
Rate = Annotated[float | None, typer.Option(help="Frames per second to reach, at the least cost.")]
Latency = Annotated[float | None, typer.Option(help="Microseconds from a frame's first input to its last output.")]
Budget = Annotated[float | None, typer.Option(help="Share of each resource of the board that may be used; 0.8.")]
Strategy = Annotated[
    str | None, typer.Option(help="auto; adders or da4ml: everything unrolled, weights as graphs of adders.")
]
Folding = Annotated[
    Path | None, typer.Option(help="Kernels by hand: a folding.toml, as compile writes it, or FINN's .json.")
]
Keep = Annotated[float | None, typer.Option(help="Share of the channels to keep in hidden layers.")]
WeightBits = Annotated[int | None, typer.Option(help="Bits of the weights.")]
ActBits = Annotated[int | None, typer.Option(help="Bits of the activations.")]
Epochs = Annotated[int | None, typer.Option(help="Epochs of training.")]
Figures = Annotated[bool, typer.Option("--figures", help="Also MACs, BOPs, bits, how full memories are; -v, too.")]
EnergyView = Annotated[bool, typer.Option("--energy", help="Also joules, modelled, beside measured devices.")]
AllBoards = Annotated[bool, typer.Option("--boards", help="Also the same design against every board.")]
Marginal = Annotated[bool, typer.Option("--marginal", help="Also what one more bit, channel, PE costs. Takes longer.")]
BreakEven = Annotated[bool, typer.Option("--break-even", help="Also from which sparsity on zeros pay. Takes longer.")]
InputType = Annotated[
    str | None, typer.Option(help="Of an ONNX network whose input has no quantiser: fixed<16,6>, ufixed<8,0>, int8.")
]
OutputType = Annotated[str | None, typer.Option(help="Likewise, of an output that ends in no quantiser.")]
