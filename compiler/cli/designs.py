"""Commands on a design: compile, estimate, verify."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from .app import app, err
from .options import (
    ActBits,
    AllBoards,
    BoardName,
    BreakEven,
    Budget,
    Clock,
    Config,
    EnergyView,
    Epochs,
    Figures,
    Folding,
    InputType,
    Json,
    Keep,
    Latency,
    Marginal,
    OutputType,
    Rate,
    SourcePath,
    Strategy,
    Verbose,
    WeightBits,
)
from .sources import compile_source, look, read_source, samples_of, show


@app.command("compile")
def compile_command(
    source: SourcePath,
    out: Annotated[Path, typer.Option(help="Folder to write; written whole or not at all.")],
    board: BoardName = None,
    clock_mhz: Clock = None,
    target_fps: Rate = None,
    target_latency_us: Latency = None,
    budget: Budget = None,
    strategy: Strategy = None,
    folding: Folding = None,
    keep: Keep = None,
    weight_bits: WeightBits = None,
    act_bits: ActBits = None,
    epochs: Epochs = None,
    input_type: InputType = None,
    output_type: OutputType = None,
    verify: Annotated[int, typer.Option(help="Samples to verify before writing; 0 for none.")] = 0,
    marginal: Marginal = False,
    break_even: BreakEven = False,
    config: Config = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """A network becomes an IP core: hls/ rtl/ ip/ driver/ report.html in a folder."""
    from ..flow.write import check_free

    check_free(out)
    loaded = read_source(source, keep, weight_bits, act_bits, epochs, (input_type, output_type))
    design = compile_source(loaded, board, clock_mhz, (target_fps, target_latency_us), budget, (strategy, folding))
    samples = None if loaded.x is None else loaded.x[: max(verify, 4)]
    if verify:
        with err.status(f"verifying {verify} frames in C-simulation and Verilator"):
            result = design.verify(samples_of(design, loaded, verify))
        if not result.passed:
            print(f"NOT EQUAL, nothing written: {result.divergence}")
            raise typer.Exit(1)
    look(design, marginal, break_even)
    design.write(out, x=samples)
    show(design, as_json, verbose, _views(marginal=marginal, break_even=break_even))
    if not as_json:
        if verify:
            print(result.text)
        err.print(f"written to {out} - open {out / 'report.html'}")


@app.command()
def estimate(
    source: SourcePath,
    board: BoardName = None,
    clock_mhz: Clock = None,
    target_fps: Rate = None,
    target_latency_us: Latency = None,
    budget: Budget = None,
    strategy: Strategy = None,
    folding: Folding = None,
    keep: Keep = None,
    weight_bits: WeightBits = None,
    act_bits: ActBits = None,
    epochs: Epochs = None,
    input_type: InputType = None,
    output_type: OutputType = None,
    figures: Figures = False,
    energy: EnergyView = False,
    boards: AllBoards = False,
    marginal: Marginal = False,
    break_even: BreakEven = False,
    config: Config = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """LUT, FF, DSP, BRAM per layer and in total, interval and latency: before any synthesis."""
    loaded = read_source(source, keep, weight_bits, act_bits, epochs, (input_type, output_type))
    design = compile_source(loaded, board, clock_mhz, (target_fps, target_latency_us), budget, (strategy, folding))
    look(design, marginal, break_even)
    views = _views(figures=figures, energy=energy, boards=boards, marginal=marginal, break_even=break_even)
    show(design, as_json, verbose, views)


@app.command()
def verify(
    source: SourcePath,
    samples: Annotated[int, typer.Option("--samples", "-n", help="Frames to compare.")] = 100,
    board: BoardName = None,
    clock_mhz: Clock = None,
    target_fps: Rate = None,
    target_latency_us: Latency = None,
    budget: Budget = None,
    strategy: Strategy = None,
    folding: Folding = None,
    keep: Keep = None,
    weight_bits: WeightBits = None,
    act_bits: ActBits = None,
    epochs: Epochs = None,
    input_type: InputType = None,
    output_type: OutputType = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Simulator = HLS C-simulation = RTL in Verilator, or the first divergence (exit code 1)."""
    from dataclasses import asdict

    loaded = read_source(source, keep, weight_bits, act_bits, epochs, (input_type, output_type))
    design = compile_source(loaded, board, clock_mhz, (target_fps, target_latency_us), budget, (strategy, folding))
    with err.status(f"verifying {samples} frames in C-simulation and Verilator"):
        result = design.verify(samples_of(design, loaded, samples))
    if as_json:
        print(json.dumps({**asdict(result), "passed": result.passed}))
    else:
        print(result.text)
    if not result.passed:
        raise typer.Exit(1)


def _views(**asked: bool) -> list[str]:
    return [name for name, wanted in asked.items() if wanted]
