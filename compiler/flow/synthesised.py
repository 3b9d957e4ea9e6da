"""A design's modules through Yosys, one by one, beside what `estimate` said: blocks, FIFOs, frame counters.

Equal modules are synthesised once, and what was counted is kept in the user's cache, so a second run is instant.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console

from ..codegen.env import render
from ..errors import IntaglioError
from ..estimate.prices import Prices
from ..estimate.resources import Resources, price
from ..ops.netlist import Block, Netlist
from ..toolchain import yosys
from ..toolchain.process import cache_dir
from .measure import Synthesise, measure
from .specimens import Specimen, of_library


def modules(netlist: Netlist) -> Iterator[tuple[str, Specimen]]:
    """Every module of a netlist by instance name. Instances of equal modules give equal RTL."""
    for block in netlist.blocks:
        yield block.name, _of_block(block)
    for channel in netlist.channels:
        if channel.depth:
            text, sizes = f"{channel.depth} x {channel.width}", (("WIDTH", channel.width), ("DEPTH", channel.depth))
            yield channel.name, of_library(channel.fifo, sizes, text)
    for port, frame in netlist.frames.items():
        if frame.beats > 1:
            yield f"{port} port", of_library(frame, (("BEATS", frame.beats),), f"{frame.beats} beats")


def _of_block(block: Block) -> Specimen:
    source, module = f"rtl/{block.template}.sv.j2", f"{block.template}_0"
    dsp = block.kernel.multiplier.startswith("dsp")
    return Specimen(
        block.template,
        0,
        block.template,
        block.name,
        dsp,
        lambda: block.parts,
        lambda: render(source, **(block.params | {"module": module})),
    )


def compare(
    netlist: Netlist,
    prices: Prices,
    *,
    family: str = "xc7",
    table: Path | None = None,
    jobs: int = 1,
    synthesise: Synthesise = yosys.synthesise_many,
    console: Console | None = None,
) -> list[dict[str, Any]]:
    """Rows with what was estimated and what Yosys counts: each module, then the total of all.

    Keys: name, kind, and for each of lut, ff, dsp, bram36, uram the pair `lut` (estimated) and `lut_yosys`.

    Args:
        netlist: the hardware.
        prices: what the estimate takes.
        family: `xc7` or `xcup`.
        table: where counts are kept; by default in the user's cache.
        jobs: Yosys processes side by side.
        synthesise: instead of Yosys, for tests.
        console: where progress goes.

    Raises:
        IntaglioError: where a module cannot be synthesised.
    """
    tool = yosys.version() if synthesise is yosys.synthesise_many else "a stand-in"
    named = [(name, specimen, specimen.fingerprint(family, tool)) for name, specimen in modules(netlist)]
    wanted = {mark: specimen for _, specimen, mark in named}
    counted, failed = measure(
        wanted, table or cache_dir() / f"synthesised_{family}.csv", family, synthesise, jobs=jobs, console=console
    )
    if failed:
        where, what = next(iter(failed.items()))
        raise IntaglioError(what, where=f"synthesis of {where}")
    rows = []
    total, real = Resources(), Resources()
    for name, specimen, mark in named:
        ours = price(specimen.parts, prices, specimen.operator)
        theirs = Resources(*(counted[mark][kind] for kind in ("lut", "ff", "dsp", "bram36", "uram")))
        rows.append(_row(name, specimen.operator, ours, theirs))
        total, real = total + ours, real + theirs
    return [*rows, _row("total", "", total, real)]


def _row(name: str, kind: str, ours: Resources, theirs: Resources) -> dict[str, Any]:
    pairs = {f"{key}_yosys": value for key, value in theirs.rounded().items()}
    return {"name": name, "kind": kind, **ours.rounded(), **pairs}
