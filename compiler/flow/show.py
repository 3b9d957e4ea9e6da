"""Facts, findings, boards and benchmark rows as tables in a terminal."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from ..estimate.resources import KINDS
from ..report.facts import binding, busy
from ..report.figures import saving_nothing
from ..report.units import percent
from .show_insight import VIEWS

if TYPE_CHECKING:
    from ..estimate.board import Board
    from ..frontend.findings import Finding

KERNEL = ("memory", "buffer", "multiplier", "compare", "stages")
"""What the table of kernels shows, besides PE and SIMD."""


def print_facts(
    facts: Mapping[str, Any], console: Console, *, verbose: bool = False, views: Collection[str] = ()
) -> None:
    """A design: each layer, the total, its share of the board; then other views of it, by name (show_insight.py).

    With verbose, also its figures, each kernel and each FIFO's depth.
    """
    board, total, before = facts["board"], facts["total"], facts["before"]
    numbers = [Column(kind.upper(), justify="right") for kind in KINDS]
    table = Table(
        "layer",
        "operator",
        "PE x SIMD",
        "bits",
        *numbers,
        *(Column(name, justify="right") for name in ("of board", "cycles", "busy")),
    )
    for row in facts["layers"]:
        fold = "" if row["link"] else f"{row['pe']} x {row['simd']}"
        cells = [f"{row[kind]:,}" for kind in KINDS]
        cycles = f"{row['cycles']:,}" if "cycles" in row else ""
        share = percent(row["share"]) if row.get("share") is not None else ""
        table.add_row(row["name"], row["operator"], fold, str(row.get("bits", "")), *cells, share, cycles, busy(row))
    table.add_section()
    for title, sums in (("total", total), ("before carving", before)):
        if sums is not None:
            cells = [f"{sums[kind]:,}" for kind in KINDS]
            largest = percent(max(sums["share"].values()))
            table.add_row(title, "", "", "", *cells, largest, f"{sums['interval_cycles']:,}", "")
    shares = [percent(total["share"][kind]) for kind in KINDS]
    table.add_row(f"of {board['name']}", "", "", "", *shares, "", "", "")
    console.print(table)
    console.print(
        f"{facts['name']} on {board['title']} at {facts['clock_mhz']:g} MHz: interval {total['interval_cycles']:,} "
        f"cycles ({total['fps']:,.0f} frames/s), latency {total['latency_cycles']:,} cycles "
        f"({total['latency_us']:g} us), bottleneck {total['bottleneck']}; {binding(facts)}",
        soft_wrap=True,
    )
    if "prices" in facts:
        own = f", from {facts['prices']['own']}" if facts["prices"]["own"] else ""
        console.print(f"prices: {facts['prices']['title']}{own}", markup=False, soft_wrap=True)
    for text in saving_nothing(facts["figures"]) if "figures" in facts else ():
        console.print(text, markup=False, soft_wrap=True)
    folding = facts.get("asked", {}).get("folding")
    if folding:
        skipped = "".join(f"\n  skipped {text}" for text in folding["skipped"])
        text = f"{folding['from']}: kernels by hand: {', '.join(folding['nodes']) or 'none'}{skipped}"
        console.print(text, markup=False, soft_wrap=True)
    for name, show in VIEWS.items():
        if name in views or (verbose and name == "figures"):
            show(facts, console)
    if verbose:
        kernels = Table("kernel", *KERNEL)
        for row in facts["layers"]:
            if "kernel" in row:
                kernels.add_row(row["name"], *(str(row["kernel"][name]) for name in KERNEL))
        console.print(kernels)
        depths = Table("FIFO", Column("words", justify="right"))
        for name, depth in facts["fifos"].items():
            depths.add_row(name, str(depth))
        console.print(depths)


def print_rows(rows: Sequence[Mapping[str, Any]], console: Console) -> None:
    """Rows of equal keys as a table."""
    table = Table(*(str(key) for key in rows[0]))
    for row in rows:
        table.add_row(*(f"{v:.4g}" if isinstance(v, float) else str(v) for v in row.values()))
    console.print(table)


def print_findings(findings: Sequence[Finding], console: Console) -> None:
    """What each operation of a source becomes, or why it cannot be built."""
    table = Table("node", "operator", "becomes", "where", "instead")
    for f in findings:
        becomes = escape(f.becomes) if f.supported else f"[red]{escape(f.why)}[/]"
        table.add_row(f.node, f.operator, becomes, f.loc, escape(f.instead))
    console.print(table)


def print_boards(boards: Sequence[Board], console: Console) -> None:
    """What each board has."""
    numbers = (Column(name, justify="right") for name in ("LUT", "FF", "DSP", "BRAM36", "URAM", "MHz"))
    table = Table("board", "title", "part", *numbers)
    for b in boards:
        table.add_row(b.name, b.title, b.part, *(f"{v:,.0f}" for v in b.capacity), f"{b.default_clock_mhz:g}")
    console.print(table)
