"""write: a design's folder, whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..codegen import driver, hls, ip, rtl, testbench
from ..errors import IntaglioError
from ..ir import print_graph
from ..report.page import render_page
from ..simulator import border
from ..simulator.interpreter import run

if TYPE_CHECKING:
    from .design import Design

MARK = "report.json"
VECTORS = 4


def write_design(design: Design, folder: Path, x: Any = None) -> Path:
    """hls/ rtl/ ip/ driver/ report.html report.json graph.txt, built beside `folder` and moved there at the end.

    Raises:
        IntaglioError: where the folder holds something else, cannot be written, or the disk is full; nothing is left.
    """
    check_free(folder)
    files = {"graph.txt": print_graph(design.graph)}
    parts = (
        ("rtl", rtl.render_rtl(design.netlist, design.name)),
        ("hls", hls.render_hls(design.netlist, design.name)),
        ("", _vectors(design, x)),
        ("", ip.render_ip(design.netlist, design.name, design.board, design.clock_mhz)),
        ("", driver.render_driver(design.netlist, design.name, design.board)),
    )
    for prefix, rendered in parts:
        files |= {f"{prefix}/{name}" if prefix else name: text for name, text in rendered.items()}
    facts = design.facts()
    files["report.json"] = json.dumps(facts, indent=1) + "\n"
    files["report.html"] = render_page(facts)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
            whole = Path(scratch) / folder.name
            for name, text in files.items():
                path = whole / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
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


def _vectors(design: Design, x: Any) -> dict[str, str]:
    """The testbenches' inputs and expected outputs: of x, or of random integers within the input's range."""
    if x is None:
        rng = np.random.default_rng(0)
        inputs = {
            name: rng.integers(kind.lo_array, kind.hi_array, (VECTORS, *kind.shape), endpoint=True)
            for name, kind in design.graph.inputs.items()
        }
    else:
        inputs = border.to_integers(design.graph, x)
    return testbench.render_vectors(design.netlist, design.name, inputs, run(design.graph, inputs))


def redraw(folder: Path) -> dict[str, Any]:
    """The facts of a written design, its page drawn anew. Raises IntaglioError where there is none."""
    try:
        facts: dict[str, Any] = json.loads((folder / MARK).read_text())
        (folder / "report.html").write_text(render_page(facts))
    except (OSError, KeyError, json.JSONDecodeError) as error:
        raise IntaglioError(
            f"there is no design to report: {error}", where=str(folder), hint="name a folder that `intaglio compile` wrote"
        ) from None
    return facts
