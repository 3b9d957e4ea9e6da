"""Commands on a network alone: simulate, check, export."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from ..errors import IntaglioError
from .app import app, console, err
from .options import Config, InputType, Json, OutputType, SourcePath
from .sources import read_source


@app.command()
def simulate(
    source: SourcePath,
    inputs: Annotated[
        Path, typer.Option("--input", help="A .npy array, as the source model takes it; .npz by input name.")
    ],
    output: Annotated[Path | None, typer.Option(help="Where to write the outputs (.npy; .npz of several).")] = None,
    input_type: InputType = None,
    output_type: OutputType = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Runs the integer network, bit-accurately, on an array of inputs."""
    import numpy as np

    from ..simulator import simulate as run

    loaded = read_source(source, types=(input_type, output_type))
    try:
        x = np.load(inputs)
        x = x if isinstance(x, np.ndarray) else dict(x)
    except (OSError, ValueError) as error:
        raise IntaglioError(f"the inputs cannot be read: {error}", where=str(inputs)) from None
    y = run(loaded.graph, x)
    several = y if isinstance(y, tuple) else (y,)
    if output is not None:
        try:
            if isinstance(y, tuple):
                np.savez(output, **dict(zip(loaded.graph.outputs, y, strict=True)))
            else:
                np.save(output, y)
        except OSError as error:
            raise IntaglioError(f"the outputs cannot be written: {error.strerror}", where=str(output)) from None
    if as_json:
        print(json.dumps([each.tolist() for each in y] if isinstance(y, tuple) else y.tolist()))
    else:
        shapes = ", ".join(str(each.shape[1:]) for each in several)
        print(f"{len(several[0])} frames -> {shapes}" + (f", in {output}" if output else ""))


@app.command()
def check(
    source: SourcePath,
    input_type: InputType = None,
    output_type: OutputType = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Lists every node: what it becomes, or why it cannot be built (exit code 2) and what to write instead."""
    from dataclasses import asdict

    from ..flow.show import print_findings
    from ..flow.source import Types, findings_of

    findings = findings_of(source, Types(input_type, output_type))
    if as_json:
        print(json.dumps([asdict(f) for f in findings], default=str))
    else:
        print_findings(findings, console())
    if not all(f.supported for f in findings):
        raise typer.Exit(2)


@app.command()
def export(
    source: SourcePath,
    qonnx: Annotated[Path | None, typer.Option(help="QONNX to write: net.onnx.")] = None,
    torch: Annotated[Path | None, typer.Option(help="Program of torch.export to write: net.pt2.")] = None,
    thresholds: Annotated[
        bool, typer.Option("--thresholds", help="Activations as MultiThreshold, for FINN; else as Quant, for hls4ml.")
    ] = False,
    batch: Annotated[int, typer.Option(help="Frames per run of the QONNX model.", min=1)] = 1,
    input_type: InputType = None,
    output_type: OutputType = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """The carved, quantised network as QONNX, and as a PyTorch program: both compute what it computes."""
    from ..flow.export import export as write

    loaded = read_source(source, types=(input_type, output_type))
    refused = write(loaded.graph, qonnx, torch, batch=batch, activations="thresholds" if thresholds else "quant")
    written = [str(path) for path in (qonnx, torch) if path is not None]
    if as_json:
        print(json.dumps({"written": written, "peers_may_refuse": refused}))
        return
    print(f"written to {', '.join(written)}")
    for line in refused:
        err.print(f"peers may refuse {line}", markup=False)
