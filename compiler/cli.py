"""The command line. Every command takes --json and --config; mistakes are one message and exit code 2."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from .errors import IntaglioError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Carves a PyTorch network into an FPGA IP core that computes exactly the same integers.",
)
err = Console(stderr=True)


def main() -> None:
    """The `intaglio` command: exit code 0, or 2 with one message."""
    try:
        app()
    except IntaglioError as error:
        err.print(f"[bold red]error:[/] {escape(str(error))}", soft_wrap=True)
        sys.exit(2)


def _config(context: typer.Context, path: Path | None) -> Path | None:
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
    typer.Option("--config", callback=_config, is_eager=True, help="TOML file that holds any of the flags."),
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
InputType = Annotated[
    str | None, typer.Option(help="Of an ONNX network whose input has no quantiser: fixed<16,6>, ufixed<8,0>, int8.")
]
OutputType = Annotated[str | None, typer.Option(help="Likewise, of an output that ends in no quantiser.")]


def _source(
    path: Path,
    keep: float | None = None,
    weight_bits: int | None = None,
    act_bits: int | None = None,
    epochs: int | None = None,
    types: tuple[str | None, str | None] = (None, None),
) -> Any:
    from .flow.source import Types, load_source

    given = {"keep": keep, "weight_bits": weight_bits, "act_bits": act_bits}
    return load_source(path, {k: v for k, v in given.items() if v is not None}, epochs, Types(*types))


def _compile(
    source: Any,
    board: str | None,
    clock_mhz: float | None,
    targets: tuple[float | None, float | None],
    budget: float | None,
    kernels: tuple[str | None, Path | None],
) -> Any:
    """What the command line says goes before what the source says; a new demand, before kernels that met another."""
    from .flow.compile import compile as compile_graph

    options = dict(source.defaults)
    names = ("board", "clock_mhz", "target_fps", "target_latency_us", "budget", "strategy", "folding")
    values = zip(names, (board, clock_mhz, *targets, budget, *kernels), strict=True)
    given = {name: value for name, value in values if value is not None}
    if {"target_fps", "target_latency_us"} & given.keys():
        options.pop("target_interval", None)
    if {"target_fps", "target_latency_us", "budget", "strategy"} & given.keys():
        options.pop("folding", None)
    with err.status("choosing kernels and FIFO depths"):
        return compile_graph(source.graph, **(options | given))


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
    config: Config = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """A network becomes an IP core: hls/ rtl/ ip/ driver/ report.html in a folder."""
    from .flow.write import check_free

    check_free(out)
    loaded = _source(source, keep, weight_bits, act_bits, epochs, (input_type, output_type))
    design = _compile(loaded, board, clock_mhz, (target_fps, target_latency_us), budget, (strategy, folding))
    samples = None if loaded.x is None else loaded.x[: max(verify, 4)]
    if verify:
        with err.status(f"verifying {verify} frames in C-simulation and Verilator"):
            result = design.verify(_samples(design, loaded, verify))
        if not result.passed:
            print(f"NOT EQUAL, nothing written: {result.divergence}")
            raise typer.Exit(1)
    design.write(out, x=samples)
    _show(design, as_json, verbose)
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
    config: Config = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """LUT, FF, DSP, BRAM per layer and in total, interval and latency: before any synthesis."""
    loaded = _source(source, keep, weight_bits, act_bits, epochs, (input_type, output_type))
    design = _compile(loaded, board, clock_mhz, (target_fps, target_latency_us), budget, (strategy, folding))
    _show(design, as_json, verbose)


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

    loaded = _source(source, keep, weight_bits, act_bits, epochs, (input_type, output_type))
    design = _compile(loaded, board, clock_mhz, (target_fps, target_latency_us), budget, (strategy, folding))
    with err.status(f"verifying {samples} frames in C-simulation and Verilator"):
        result = design.verify(_samples(design, loaded, samples))
    if as_json:
        print(json.dumps({**asdict(result), "passed": result.passed}))
    else:
        print(result.text)
    if not result.passed:
        raise typer.Exit(1)


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

    from .simulator import simulate as run

    loaded = _source(source, types=(input_type, output_type))
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

    from .flow.show import print_findings
    from .flow.source import Types, findings_of

    findings = findings_of(source, Types(input_type, output_type))
    if as_json:
        print(json.dumps([asdict(f) for f in findings], default=str))
    else:
        print_findings(findings, _console())
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
    from .flow.export import export as write

    loaded = _source(source, types=(input_type, output_type))
    refused = write(loaded.graph, qonnx, torch, batch=batch, activations="thresholds" if thresholds else "quant")
    written = [str(path) for path in (qonnx, torch) if path is not None]
    if as_json:
        print(json.dumps({"written": written, "peers_may_refuse": refused}))
        return
    print(f"written to {', '.join(written)}")
    for line in refused:
        err.print(f"peers may refuse {line}", markup=False)


@app.command()
def boards(as_json: Json = False) -> None:
    """The boards that designs can be made for."""
    from .estimate.board import board_names, load_board
    from .flow.show import print_boards

    known = [load_board(name) for name in board_names()]
    if as_json:
        rows = [{"name": b.name, "title": b.title, "part": b.part, **b.capacity.rounded()} for b in known]
        print(json.dumps(rows))
        return
    print_boards(known, _console())


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="A folder that `compile` wrote.")], as_json: Json = False
) -> None:
    """Shows a written design's report, and draws its page anew from report.json."""
    from .flow.show import print_facts
    from .flow.write import redraw

    facts = redraw(folder)
    if as_json:
        print(json.dumps(facts))
    else:
        print_facts(facts, _console())
        err.print(f"page: {folder / 'report.html'}")


@app.command()
def bench(
    what: Annotated[
        str,
        typer.Argument(
            help="simulator: against hls4ml's C-simulation and plain PyTorch; or an .onnx file: against qonnx."
        ),
    ] = "simulator",
    as_json: Json = False,
) -> None:
    """Speed side by side with peers, as ratios measured in one run."""
    from .flow.show import print_rows

    if what.endswith(".onnx"):
        from .flow.bench_import import bench_import

        with err.status("loading and running the same network three times"):
            rows = bench_import(Path(what))
    elif what == "simulator":
        from .flow.bench import bench_simulator

        with err.status("building the same network three times"):
            rows = bench_simulator()
    else:
        raise IntaglioError(f"there is no benchmark {what!r}", hint="simulator, or the path of an .onnx file")
    if as_json:
        print(json.dumps(rows))
    else:
        print_rows(rows, _console())


def _samples(design: Any, source: Any, count: int) -> Any:
    if source.x is not None:
        return source.x[:count]
    from .simulator import border

    return border.random_inputs(design.graph, count)


def _show(design: Any, as_json: bool, verbose: bool) -> None:
    from .flow.show import print_facts

    facts = design.facts()
    if as_json:
        print(json.dumps(facts))
    else:
        print_facts(facts, _console(), verbose=verbose)


def _console() -> Console:
    """Standard output; wide enough for the tables where it is no terminal."""
    return Console() if sys.stdout.isatty() else Console(width=140)
