"""One network three ways on one board, at one rate: dense with 8 bits, with 4, carved with 4. The demo's table."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import intaglio
import torch
from rich.console import Console
from rich.table import Column, Table
from training import FRAMES, Example

WIDTH = 108
"""Columns that the table needs, whatever the terminal says of itself."""


def compare(example: Example, out: Path) -> int:
    """Trains, compiles, verifies and writes; prints what it costs. Gives 1 if anything differs anywhere, else 0."""
    torch.set_num_threads(1)  # batches of images this small are faster on one core than on two
    console = Console()
    console.width = max(console.width, WIDTH)
    started = time.perf_counter()
    x = example.data()[1].x.numpy()
    rows, carved = [], None
    variants = {
        "dense, 8 bits": replace(example.recipe, keep=1.0, weight_bits=8, act_bits=8),
        "dense, 4 bits": replace(example.recipe, keep=1.0),
        "carved, 4 bits": example.recipe,
    }
    accuracy: dict[str, float] = {}
    for title, recipe in variants.items():
        console.print(f"[bold]{title}[/]: training, freezing, lowering, compiling for {example.board}")
        model, history = example.fit(recipe)
        accuracy |= {"FP32": 100 * history.float_accuracy, title: 100 * history.accuracy}
        graph = intaglio.lower(model)
        graph = replace(graph, notes={**graph.notes, "accuracy": dict(accuracy)})
        carved = intaglio.compile(graph, board=example.board, target_fps=example.target_fps, name=example.name)
        rows.append((title, history.accuracy, carved.estimate()))
        unequal = int((intaglio.simulate(graph, x) != model(torch.from_numpy(x)).detach().numpy()).any(axis=1).sum())
        console.print(f"  simulator = frozen model on {len(x) - unequal} of {len(x)} images")
        if unequal:
            return 1
    assert carved is not None
    console.print(f"[bold]verifying[/] {FRAMES} images: simulator, HLS C++ under g++, RTL under Verilator")
    result = carved.verify(x[:FRAMES])
    if not result:
        console.print(f"[bold red]NOT EQUAL[/] {result.divergence}")
        return 1
    console.print(f"  zero mismatches in {result.frames} frames, HLS and RTL, with and without stalls")
    console.print(f"  Verilator counts {result.cycles_text}")
    carved.write(out, x=x[:4])
    console.print(_table(example.board, accuracy["FP32"], rows))
    console.print(f"IP core in {out}: open {out / 'report.html'}   ({time.perf_counter() - started:.0f} s in all)")
    return 0


def _table(board: str, float_accuracy: float, rows: list) -> Table:  # type: ignore[type-arg]
    right: Callable[[str], Column] = lambda title: Column(title, justify="right")  # noqa: E731
    titles = ("accuracy", "LUT", "FF", "DSP", "BRAM36", "interval", "latency", "frames/s")
    table = Table(f"on {board}", *(right(title) for title in titles))
    table.add_row("FP32, as trained", f"{float_accuracy:.2f} %", *[""] * 7)
    for title, accuracy, summary in rows:
        used, cycles = summary.total.rounded(), summary.cycles
        cells = [f"{used[kind]:,}" for kind in ("lut", "ff", "dsp", "bram36")]
        times = [f"{cycles.interval:,}", f"{cycles.latency:,}", f"{summary.fps:,.0f}"]
        table.add_row(title, f"{100 * accuracy:.2f} %", *cells, *times)
    return table
