"""From what the command line says to a source, a design, samples; and a design shown."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from .app import console, err


def read_source(
    path: Path,
    keep: float | None = None,
    weight_bits: int | None = None,
    act_bits: int | None = None,
    epochs: int | None = None,
    types: tuple[str | None, str | None] = (None, None),
) -> Any:
    """What a path holds; training flags go before a script's recipe. types: of inputs and outputs without any."""
    from ..flow.source import Types, load_source

    given = {"keep": keep, "weight_bits": weight_bits, "act_bits": act_bits}
    return load_source(path, {k: v for k, v in given.items() if v is not None}, epochs, Types(*types))


def compile_source(
    source: Any,
    board: str | None,
    clock_mhz: float | None,
    targets: tuple[float | None, float | None],
    budget: float | None,
    kernels: tuple[str | None, Path | None],
) -> Any:
    """What the command line says goes before what the source says; a new demand, before kernels that met another."""
    from ..flow.compile import compile as compile_graph

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


def samples_of(design: Any, source: Any, count: int) -> Any:
    """Frames to verify with: those that came with the source, or random ones."""
    if source.x is not None:
        return source.x[:count]
    from ..simulator import border

    return border.random_inputs(design.graph, count)


def look(design: Any, marginal: bool, break_even: bool) -> None:
    """Finds out what takes longer than an estimate; the facts have it from then on."""
    if marginal:
        with err.status("pricing one more bit, channel and lane of every layer"):
            design.marginal()
    if break_even:
        with err.status("looking for the sparsity from which on zeros pay"):
            design.break_even()


def show(design: Any, as_json: bool, verbose: bool, views: Collection[str] = ()) -> None:
    """A design's facts as tables, the views among them that are asked for; or all of them as JSON."""
    from ..flow.show import print_facts

    facts = design.facts()
    if as_json:
        print(json.dumps(facts))
    else:
        print_facts(facts, console(), verbose=verbose, views=views)
