"""write: a design's folder, whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..codegen import driver, hls, ip, rtl, testbench
from ..errors import IntaglioError
from ..ir import Array, print_graph
from ..report.page import render_page
from ..schedule.folding import print_folding
from ..simulator import border
from ..simulator.interpreter import run
from .export import as_qonnx

if TYPE_CHECKING:
    from .design import Design

MARK = "report.json"
VECTORS = 4


def write_design(design: Design, folder: Path, x: Any = None) -> Path:
    """hls/ rtl/ ip/ driver/ report.html report.json graph.txt folding.toml, built beside `folder` and moved at the end.

    And model.onnx, the network as QONNX, unless that has no exact form for it.

    Raises:
        IntaglioError: where the folder holds something else, cannot be written, or the disk is full; nothing is left.
    """
    check_free(folder)
    netlist, name, board, clock = design.netlist, design.name, design.board, design.clock_mhz
    files: dict[str, str | bytes] = {
        "graph.txt": print_graph(design.graph),
        "folding.toml": print_folding(netlist, clock, _title(design)),
        **rtl.render_rtl(netlist, name),
        **hls.render_hls(netlist, name, part=board.part, clock_mhz=clock),
        **testbench.render_testbench(netlist, name, *_vectors(design, x)),
        **ip.render_ip(netlist, name, board, clock),
        **driver.render_driver(netlist, name, board),
        **_model(design),
    }
    facts = design.facts()
    files["report.json"] = json.dumps(facts, indent=1) + "\n"
    files["report.html"] = render_page(facts)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
            whole = Path(scratch) / folder.name
            for name, content in files.items():
                path = whole / name
                path.parent.mkdir(parents=True, exist_ok=True)
                if isinstance(content, bytes):
                    path.write_bytes(content)
                else:
                    path.write_text(content)
            if folder.exists():
                folder.rename(Path(scratch) / "old")
            whole.rename(folder)
    except OSError as error:
        raise IntaglioError(
            f"the design cannot be written: {error.strerror or error}",
            where=str(folder),
            hint="choose a folder that you may write to, on a disk with room; nothing was left behind",
        ) from None
    return folder


def _title(design: Design) -> str:
    cycles = design.estimate().cycles
    return (
        f"{design.name} on {design.board.name} at {design.clock_mhz:g} MHz: interval {cycles.interval} cycles, "
        f"latency {cycles.latency}, bottleneck {cycles.bottleneck}"
    )


def _model(design: Design) -> dict[str, bytes]:
    try:
        return {"model.onnx": as_qonnx(design.graph, name=design.name).SerializeToString()}
    except IntaglioError:
        return {}


def check_free(folder: Path) -> None:
    """Raises IntaglioError where `folder` holds something that is no design, or its place cannot be written to."""
    place = next((p for p in (folder, *folder.absolute().parents) if p.exists()), folder)
    if not os.access(place, os.W_OK):
        raise IntaglioError(
            "the output folder cannot be written to", where=str(folder), hint="choose a folder that you may write to"
        )
    if folder.exists() and not (folder / MARK).is_file():
        if not folder.is_dir() or any(folder.iterdir()):
            raise IntaglioError(
                "there is something else in the way",
                where=str(folder),
                hint="name a new folder, or one that an earlier design was written to",
            )
        shutil.rmtree(folder)


def _vectors(design: Design, x: Any) -> tuple[list[Array], list[Array]]:
    """The testbenches' inputs and expected outputs: of x, or of random integers within the input's range."""
    samples = border.random_inputs(design.graph, VECTORS) if x is None else x
    inputs = border.to_integers(design.graph, samples)
    outputs = run(design.graph, inputs)
    return [inputs[name] for name in design.graph.inputs], [outputs[name] for name in design.graph.outputs]


def redraw(folder: Path) -> dict[str, Any]:
    """The facts of a written design, its page drawn anew. Raises IntaglioError where there is none."""
    try:
        facts: dict[str, Any] = json.loads((folder / MARK).read_text())
        (folder / "report.html").write_text(render_page(facts))
    except (OSError, KeyError, json.JSONDecodeError) as error:
        raise IntaglioError(
            f"there is no design to report: {error}",
            where=str(folder),
            hint="name a folder that `intaglio compile` wrote",
        ) from None
    return facts
