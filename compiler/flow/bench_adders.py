"""Fully unrolled layers through Yosys, four ways in one run: da4ml's own Verilog, its graphs in our templates, our
graphs, and constant multipliers that are left to the synthesiser.

Every way has a register behind every adder, so that Yosys cannot melt chains of adders, and its results depend on
adders alone: da4ml writes its pipeline with a latency cutoff of one adder, ours has as many stages as the graph is
deep. Same weights, same input bounds, no biases. LUTs are those of logic; register chains that became shift registers
are not counted, since they follow from the pipelining alone. Widths of outputs are those that each tool proves.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from ..codegen.env import render
from ..errors import IntaglioError
from ..ir import Int64, Kernel, TensorType, as_integers
from ..ops import Dense
from ..ops.adder_graph import SOLVERS, AdderGraph
from ..ops.adder_graph.cost import adder_costs
from ..ops.adder_graph.render import graph_params
from ..toolchain.yosys import Cells, SynthesisJob, synthesise_many
from .specimens import library

INPUT_BITS = 6
"""Of every input, unsigned: what a quantised ReLU gives."""

JETS = ((64, 16), (32, 64), (32, 32), (5, 32))
"""(outputs, inputs) of the MLP that tags jets, 16-64-32-32-5."""

MOST_WEIGHTS = 512
"""Layers of more are not left to the synthesiser, which takes minutes for them, unless everything is asked for."""

WAYS = ("da4ml's Verilog", "da4ml", "adders", "lut")


@dataclass(frozen=True)
class Matrix:
    """weight: (outputs, inputs)."""

    name: str
    bits: int
    weight: Int64


def matrices(path: Path | None = None, *, full: bool = False) -> list[Matrix]:
    """Layers of the jets MLP and random matrices.

    Args:
        path: an ONNX file whose two-dimensional weights, (inputs, outputs), are quantised; without one, random weights
            of the jets MLP's sizes, spread as training spreads them.
        full: more widths, and larger random matrices: minutes instead of one or two.
    """
    layers = _trained(path) if path is not None else [("jets", _gaussian(shape)) for shape in JETS]
    found = []
    for bits in (4, 6, 8) if full else (6,):
        found += [Matrix(f"{name} {index}", bits, quantised(w, bits)) for index, (name, w) in enumerate(layers)]
    for size, bits in ((16, 4), (16, 8), (32, 4), (32, 8), (64, 4)) if full else ((16, 4), (16, 8)):
        high = (1 << (bits - 1)) - 1
        weight = np.random.default_rng([size, bits]).integers(-high, high, (size, size), endpoint=True)
        found.append(Matrix("random", bits, weight))
    return found


def _gaussian(shape: tuple[int, int]) -> np.ndarray[Any, Any]:
    return np.random.default_rng(shape).normal(0, 0.3, shape)


def _trained(path: Path) -> list[tuple[str, np.ndarray[Any, Any]]]:
    import onnx
    from onnx import numpy_helper

    try:
        model = onnx.load(path)
    except Exception as error:
        raise IntaglioError(f"cannot read it as ONNX: {error}", where=str(path)) from None
    weights = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer if len(i.dims) == 2}
    read = [name for node in model.graph.node for name in node.input if name in weights]
    layers = [(path.stem, weights[name].T) for name in dict.fromkeys(read)]
    if not layers:
        raise IntaglioError("there are no two-dimensional weights in it", where=str(path))
    return sorted(layers, key=lambda layer: -layer[1].size)


def quantised(weight: np.ndarray[Any, Any], bits: int) -> Int64:
    """To integers of so many bits, over a range of -1 to 1."""
    top = 1 << (bits - 1)
    return np.clip(np.rint(weight * top), 1 - top, top - 1).astype(np.int64)


def bench_adders(path: Path | None = None, *, full: bool = False, folder: Path | None = None) -> list[dict[str, Any]]:
    """Rows for a table or for JSON: LUTs, flip-flops and adders of each way, and how many times da4ml's own Verilog.

    Raises IntaglioError if da4ml is not installed.
    """
    with TemporaryDirectory(prefix="intaglio_bench_") as scratch:
        at = folder or Path(scratch)
        at.mkdir(parents=True, exist_ok=True)
        chosen = matrices(path, full=full)
        prepared = [_ways(matrix, f"m{index}", at / f"m{index}", full=full) for index, matrix in enumerate(chosen)]
        cells = iter(synthesise_many([job for ways in prepared for _, job, _ in ways]))
        return [row for matrix, ways in zip(chosen, prepared, strict=True) for row in _rows(matrix, ways, cells)]


Way = tuple[str, SynthesisJob, dict[str, Any]]


def _rows(matrix: Matrix, ways: Sequence[Way], cells: Iterable[Cells]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for (way, _, more), used in zip(ways, cells, strict=False):
        logic = used.lut - used.srl
        outputs, inputs = matrix.weight.shape
        row = {"matrix": f"{matrix.name}, {inputs} x {outputs}, {matrix.bits} bits", "what": way, "lut": logic}
        rows.append(row | {"times": round(logic / (rows[0]["lut"] if rows else logic), 3), "ff": used.ff, **more})
    return rows


def _ways(matrix: Matrix, name: str, folder: Path, *, full: bool) -> list[Way]:
    folder.mkdir(parents=True)
    weight, count = matrix.weight, matrix.weight.shape[1]
    bias, lo, hi = np.zeros(len(weight), np.int64), np.zeros(count, np.int64), np.full(count, (1 << INPUT_BITS) - 1)
    ways: list[Way] = [(WAYS[0], *_own_verilog(weight, lo, hi, f"{name}_own", folder))]
    for way in ("da4ml", "adders"):
        start = time.perf_counter()
        graph = SOLVERS[way](weight, bias, lo, hi)
        ways.append((way, *_ours(graph, f"{name}_{way}", folder, time.perf_counter() - start)))
    if weight.size <= MOST_WEIGHTS or full:
        ways.append((WAYS[-1], *_left_to_synthesis(weight, f"{name}_lut", folder)))
    return ways


def _own_verilog(weight: Int64, lo: Int64, hi: Int64, name: str, folder: Path) -> tuple[SynthesisJob, dict[str, Any]]:
    """As da4ml writes it, with its defaults, and a register for every adder."""
    try:
        from da4ml.codegen import VerilogModel
        from da4ml.trace import FixedVariableArray, HWConfig, comb_trace
    except ImportError:
        raise IntaglioError(
            "the comparison needs da4ml, which is not installed", hint="pip install intaglio[da]"
        ) from None
    low, high = lo.astype(np.float64), hi.astype(np.float64)
    start = time.perf_counter()
    x = FixedVariableArray.from_lhs(low, high, np.ones_like(low), hwconf=HWConfig(1, -1, -1))
    logic = comb_trace(x, x @ np.ascontiguousarray(weight.T, np.float64))
    seconds = time.perf_counter() - start
    VerilogModel(logic, name, folder / "own", latency_cutoff=1).write()
    found = {path.stem: path for path in sorted((folder / "own" / "src").rglob("*.v"))}
    own = [stem for stem in found if stem == name or stem.startswith(f"{name}_stage")]
    text = "".join(found[stem].read_text() for stem in own)
    files = [path for stem, path in found.items() if stem in own or f"{stem} #(" in text]
    adders = sum(op.opcode in (0, 1) for op in logic.ops)
    more = {"adders": adders, "depth": round(max(logic.latency)), "seconds": round(seconds, 2)}
    return SynthesisJob(tuple(files), name, dsp=False), more


def _ours(graph: AdderGraph, name: str, folder: Path, seconds: float) -> tuple[SynthesisJob, dict[str, Any]]:
    depth = max(graph.depths)
    out = max((graph.types[tap.node].bits + tap.shift + tap.minus for tap in graph.outputs), default=1)
    firsts = np.cumsum([0, *(kind.bits for kind in graph.types[: graph.inputs])]).tolist()
    body = render("rtl/adder_graph.sv.j2", **graph_params(graph, firsts[:-1], depth, out))
    ports = f"input wire ap_clk, enable, input wire [{firsts[-1] - 1}:0] operands"
    text = f"module {name} ({ports}, output wire [{len(graph.outputs) * out - 1}:0] results);\n{body}endmodule\n"
    source = folder / f"{name}.sv"
    source.write_text(text)
    more = {"adders": len(graph.adders), "depth": depth, "seconds": round(seconds, 2)}
    return SynthesisJob((source,), name, dsp=False), more | {"overlap": sum(o for _, o in adder_costs(graph))}


def _left_to_synthesis(weight: Int64, name: str, folder: Path) -> tuple[SynthesisJob, dict[str, Any]]:
    """A dense layer whose multiplier is `lut`, with a register in every place of its trees."""
    outputs, inputs = weight.shape
    op = Dense(as_integers(weight), as_integers(np.zeros(outputs, np.int64)))
    kernel = Kernel(outputs, inputs, stages=(inputs - 1).bit_length() + 1)
    x = TensorType.integer((inputs,), 0, (1 << INPUT_BITS) - 1)
    texts = {name: render("rtl/dense.sv.j2", **op.params(kernel, x), module=name)}
    texts["intaglio_sum_tree"] = library()["intaglio_sum_tree"]
    for stem, text in texts.items():
        (folder / f"{stem}.sv").write_text(text)
    return SynthesisJob(tuple(folder / f"{stem}.sv" for stem in texts), name, dsp=False), {}


def show(rows: Iterable[dict[str, Any]], console: Console) -> None:
    """A line for each matrix: LUTs of each way, and how many times those of da4ml's own Verilog."""
    lines: dict[str, dict[str, str]] = {}
    for row in rows:
        lines.setdefault(row["matrix"], {})[row["what"]] = f"{row['lut']} ({row['times']:.3f})"
    table = Table("matrix", *WAYS)
    for name, found in lines.items():
        table.add_row(name, *(found.get(way, "") for way in WAYS))
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m intaglio.flow.bench_adders", description=__doc__)
    parser.add_argument("onnx", type=Path, nargs="?", help="quantise the weights of this network")
    parser.add_argument("--full", action="store_true", help="more widths and sizes")
    arguments = parser.parse_args()
    start, console = time.perf_counter(), Console()
    show(bench_adders(arguments.onnx, full=arguments.full), console)
    console.print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
