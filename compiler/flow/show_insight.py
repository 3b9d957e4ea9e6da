"""What facts say beyond resources and cycles, as tables in a terminal: a view each, by its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from ..estimate.resources import KINDS
from ..report.units import count, joules, percent

Facts = Mapping[str, Any]


def _numbers(*names: str) -> list[Column]:
    return [Column(name, justify="right") for name in names]


def print_figures(facts: Facts, console: Console) -> None:
    """MACs, bit operations, weights, feature maps, how full memories are: of each layer that has any, and in total."""
    found = facts["figures"]
    heads = ("MACs", "BOPs", "weights", "zero", "free", "bits each", "weight bits", "not 0")
    table = Table("layer", *_numbers(*heads, "feature-map bits", "memory full"))
    for row in found["layers"]:
        table.add_row(row["name"], *_figure_cells(row))
    table.add_section()
    table.add_row("total", *_figure_cells(found["total"]))
    if found["before"] is not None:
        table.add_row("before carving", *_figure_cells(found["before"]))
    console.print(table)
    total = found["total"]
    per = [
        f"{total[key]:,.3g} {unit}"
        for key, unit in (
            ("gops_per_klut", "per 1,000 LUTs"),
            ("gops_per_dsp", "per DSP"),
            ("gops_per_bram36", "per BRAM36"),
        )
        if total[key] is not None
    ]
    text = f"{total['gops']:,.3g} GOPS: {', '.join(per)}"
    if total["performance_density"] is not None:
        text += f"; {total['performance_density']:,.1f} % per Mbit at an accuracy of {total['accuracy']:.2f} %"
    console.print(text, soft_wrap=True)
    for key in ("bops", "free_zeros", "feature_map_bits", "memory_efficiency", "performance_density"):
        console.print(f"  {key}: {found['meanings'][key]}", style="dim", soft_wrap=True, highlight=False)


def _figure_cells(row: Mapping[str, Any]) -> list[str]:
    keys = (
        "macs",
        "bops",
        "weights",
        "zero_weights",
        "free_zeros",
        "weight_bits",
        "weight_memory_bits",
        "nonzero_weight_bits",
    )
    efficiency = row["memory_efficiency"]
    cells = [count(row[key]) if row.get(key) else "" for key in (*keys, "feature_map_bits")]
    return [*cells, "" if efficiency is None else percent(efficiency)]


def print_energy(facts: Facts, console: Console) -> None:
    """Modelled joules of this design, beside devices that others measured."""
    energy = facts["energy"]
    heads = _numbers("energy per inference", "inferences/s", "dynamic W")
    table = Table("device", "network", *heads, "known by")
    board, fps = facts["board"]["title"], f"{facts['total']['fps']:,.0f}"
    for key, title in (("modelled", board), ("modelled_before", f"{board}, before carving")):
        if (modelled := energy[key]) is not None:
            watts = f"{modelled['dynamic_watts']:.3g}"
            for what, amount in (("dynamic", modelled["dynamic_joules"]), ("static too", modelled["joules"])):
                name = f"{title}, {what}"
                table.add_row(name, facts["name"], joules(amount), fps, watts, "[bold]modelled[/], not measured")
    table.add_section()
    for device in energy["measured"]:
        amount = joules(device["millijoules_per_inference"] / 1e3)
        cells = (f"{device[key]:,g}" for key in ("inferences_per_second", "dynamic_watts"))
        table.add_row(device["device"], device["network"], amount, *cells, f"measured by {device['measured_by']}")
    console.print(table)
    if energy["modelled"] is None:
        text = f"no energy is modelled: the file of {facts['board']['name']} has no \\[energy]"
        console.print(text, soft_wrap=True)
        return
    assumed = energy["assumptions"]
    console.print(
        f"modelled: {assumed['static_watts']:g} W static, and toggles in the cycles that each block works: "
        f"{joules(energy['modelled']['clock_joules'])} of {joules(energy['modelled']['joules'])} are the clock's",
        soft_wrap=True,
    )
    for text in assumed["sources"]:
        console.print(f"  {text}", style="dim", soft_wrap=True, markup=False, highlight=False)


def print_against_boards(facts: Facts, console: Console) -> None:
    """The same kernels on every board: what of it they take."""
    table = Table("board", "", *_numbers(*(kind.upper() for kind in KINDS)), "prices")
    for row in facts["boards"]:
        fits = "[green]fits[/]" if row["fits"] else "[red]does not fit[/]"
        cells = ["" if not row[kind] else f"{row[kind]:,} ({_share(row['share'][kind])})" for kind in KINDS]
        table.add_row(row["name"], fits, *cells, row["prices"])
    console.print(table)


def _share(share: float | None) -> str:
    return "it has none" if share is None else percent(share)


def print_marginal(facts: Facts, console: Console) -> None:
    """What one more bit, channel or lane costs."""
    table = Table(
        "layer", "one more", *_numbers(*(kind.upper() for kind in KINDS), "its cycles", "interval"), "with it change"
    )
    before = None
    for row in facts["marginal"]:
        if before is not None and row["node"] != before:
            table.add_section()
        others = [name for name in row["nodes"] if name != row["node"]]
        cells = [_signed(row[key]) for key in (*KINDS, "steps", "interval_cycles")]
        table.add_row("" if row["node"] == before else row["node"], row["what"], *cells, _few(others))
        before = row["node"]
    console.print(table)


def _signed(value: float) -> str:
    return f"{value:+,g}" if value else "·"


def _few(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{', '.join(names[:2])} and {len(names) - 2} more"


def print_break_even(facts: Facts, console: Console) -> None:
    """From which sparsity on weights at random places pay."""
    heads = _numbers("zeros now", "folded, from", "unrolled, from", "LUTs there", "unrolled fits, from")
    table = Table("layer", *heads)
    for row in facts["break_even"]:
        shares = ["never" if row[key] is None else percent(row[key]) for key in ("folded", "unrolled", "fits")]
        luts = "" if row["unrolled_lut"] is None else count(row["unrolled_lut"])
        table.add_row(row["node"], percent(row["sparsity"]), shares[0], shares[1], luts, shares[2])
    console.print(table)
    for text in (
        "the share of zeros at random places from which on area x cycles is less than dense, in the design's kernel:",
        "folded: by skipping blocks of PE x SIMD weights that are all zero",
        "unrolled: with every weight a constant of its own; its LUTs there, and from where on the board has as many",
    ):
        console.print(f"  {text}", style="dim", soft_wrap=True, highlight=False)


VIEWS: dict[str, Callable[[Facts, Console], None]] = {
    "figures": print_figures,
    "marginal": print_marginal,
    "break_even": print_break_even,
    "energy": print_energy,
    "boards": print_against_boards,
}
