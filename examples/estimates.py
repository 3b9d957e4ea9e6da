"""Whole networks: what `estimate` says beside the sum of their modules, synthesised one by one with Yosys.

    python examples/estimates.py                     # all networks
    python examples/estimates.py --only digits_cnn   # some of them

It prints the table and writes it into examples/ESTIMATES.md.

The examples are trained (shortly: weights have to look like weights, accuracy is not asked for), carved, and compiled
at several folds; so are their unpruned forms, for what pruning saves. Networks that others trained are compiled as they
are, where the folder `INTAGLIO_DATA` has them. Links, FIFOs and the counters at the ports are included. What was
synthesised once is kept in the user's cache.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path

import intaglio
from data import local
from intaglio.estimate.prices import load_prices
from intaglio.estimate.resources import estimate
from intaglio.flow.synthesised import compare
from intaglio.ir import Graph
from rich.console import Console

TABLE = Path(__file__).with_name("ESTIMATES.md")
BOARD = "pynq-z2"
FOLDS: dict[str, tuple[float | None, ...]] = {
    "digits_cnn": (5_000, 115_000, 500_000),
    "digits_resnet": (5_000, 50_000),
    "mnist_lenet": (2_000, 20_000),
    "mnist_mlp": (10_000, 100_000),
    "TFC_2W2A": (50_000, 1_000_000),
    "jets": (1_000_000,),
}
"""Frames a second to reach."""
LARGEST = 10_000
"""LUTs of the largest module that is synthesised: Yosys takes more than a quarter of an hour for those beyond."""
SHORT = {"mnist_lenet": (1, 4), "mnist_mlp": (1, 4)}
"""Epochs in float and of compression, where those of the example take long."""


@dataclass(frozen=True)
class Row:
    """One design: cells estimated and counted."""

    network: str
    form: str
    fps: float
    total: dict[str, float]
    modules: int

    def error(self, kind: str) -> float:
        return self.total[kind] / max(self.total[f"{kind}_yosys"], 1) - 1


def networks(only: list[str]) -> Iterator[tuple[str, str, Graph]]:
    """(name, form, graph): examples carved and whole, then imported ones."""
    for name in ("digits_cnn", "digits_resnet", "mnist_lenet", "mnist_mlp"):
        if not only or name in only:
            example = import_module(name).example
            floats, epochs = SHORT.get(name, (example.float_epochs, example.epochs))
            example = replace(example, float_epochs=floats)
            for form, keep in (("carved", example.recipe.keep), ("whole", 1.0)):
                model, _ = example.fit(replace(example.recipe, keep=keep), epochs, progress=False)
                yield name, form, intaglio.lower(model)
    for name, file, options in (
        ("TFC_2W2A", "qonnx/TFC_2W2A.onnx", {}),
        ("jets", "qonnx/qkeras_jettagging.onnx", {"input_type": "fixed<16,6>"}),
    ):
        path = local(file)
        if (not only or name in only) and path is not None:
            yield name, "as published", intaglio.load(path, **options)


def rows(only: list[str], jobs: int, console: Console) -> Iterator[Row]:
    prices = load_prices("xc7")
    for name, form, graph in networks(only):
        for fps in FOLDS[name]:
            try:
                design = intaglio.compile(graph, board=BOARD, target_fps=fps)
            except intaglio.IntaglioError as error:
                console.print(f"{name} {form} at {fps:,.0f} frames/s: {error}", markup=False)
                continue
            largest = max(used.lut for used in estimate(design.netlist, prices).blocks.values())
            if largest > LARGEST:
                console.print(f"{name} {form} at {fps:,.0f} frames/s: left out, a module has {largest:,.0f} LUTs")
                continue
            found = compare(design.netlist, prices, jobs=jobs, console=console)
            row = Row(name, form, fps, found[-1], len(found) - 1)
            console.print(f"{name} {form} at {fps:,.0f} frames/s: {found[-1]}", markup=False)
            yield row


def table(found: list[Row]) -> list[str]:
    """Markdown: a row per design, then what pruning saves."""
    lines = [
        "| network | form | frames/s | modules | LUT | by Yosys | error | FF | by Yosys | error | DSP | BRAM36 |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in found:
        t = row.total
        equal = [
            f"{t[k]:g}" if t[k] == t[f"{k}_yosys"] else f"{t[k]:g} (Yosys: {t[f'{k}_yosys']:g})"
            for k in ("dsp", "bram36")
        ]
        cells = [row.network, row.form, f"{row.fps:,.0f}", row.modules]
        for kind in ("lut", "ff"):
            cells += [f"{t[kind]:,}", f"{t[f'{kind}_yosys']:,}", f"{100 * row.error(kind):+.1f} %"]
        lines.append("| " + " | ".join(map(str, cells + equal)) + " |")
    pairs = [
        (small, large)
        for small in found
        for large in found
        if (small.form, large.form) == ("carved", "whole") and (small.network, small.fps) == (large.network, large.fps)
    ]
    if pairs:
        lines += [
            "",
            "| pruned beside whole | frames/s | LUTs saved, estimated | by Yosys | difference |",
            "|---|---|---|---|---|",
        ]
    for small, large in pairs:
        said, real = (100 * (1 - small.total[k] / large.total[k]) for k in ("lut", "lut_yosys"))
        lines.append(
            f"| {small.network} | {small.fps:,.0f} | {said:.1f} % | {real:.1f} % | {said - real:+.1f} points |"
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=[], choices=tuple(FOLDS))
    parser.add_argument("--jobs", type=int, default=2, help="Yosys processes side by side")
    asked = parser.parse_args()
    found = list(rows(asked.only, asked.jobs, Console(stderr=True)))
    lines = table(found)
    print("\n".join(lines))
    tool = load_prices("xc7").made_by["yosys"].split(" (git", maxsplit=1)[0]
    command = " ".join(["python examples/estimates.py", *(["--only", *asked.only] if asked.only else [])])
    head = [
        "# Estimates of whole networks",
        "",
        f"`{command}` writes this file. {tool}, {BOARD}; beside the estimate, the sum of all",
        "modules, each synthesised by itself: links, FIFOs and the counters at the ports included. Designs with a",
        f"module of more than {LARGEST:,} LUTs are left out.",
        "",
    ]
    TABLE.write_text("\n".join([*head, *lines]) + "\n")


if __name__ == "__main__":
    main()
