"""Facts, findings, boards and benchmark rows as tables in a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from ..estimate.resources import KINDS
from ..report.facts import binding, busy

if TYPE_CHECKING:
    from ..estimate.board import Board
    from ..frontend.findings import Finding

KERNEL = ("memory", "buffer", "multiplier", "compare", "stages")
"""What the table of kernels shows, besides PE and SIMD."""


def print_facts(facts: Mapping[str, Any], console: Console, *, verbose: bool = False) -> None:
    """A design: each layer, the total, its share of the board; with verbose, each kernel and each FIFO's depth."""
    board, total, before = facts["board"], facts["total"], facts["before"]
    numbers = [Column(kind.upper(), justify="right") for kind in KINDS]
    table = Table(
        "layer",
        "operator",
        "PE x SIMD",
        "bits",
        *numbers,
        *(Column(name, justify="right") for name in ("cycles", "busy")),
    )
    for row in facts["layers"]:
        fold = "" if row["link"] else f"{row['pe']} x {row['simd']}"
        cells = [f"{row[kind]:,}" for kind in KINDS]
        cycles = f"{row['cycles']:,}" if "cycles" in row else ""
        table.add_row(row["name"], row["operator"], fold, str(row.get("bits", "")), *cells, cycles, busy(row))
    table.add_section()
    table.add_row("total", "", "", "", *(f"{total[kind]:,}" for kind in KINDS), f"{total['interval_cycles']:,}", "")
    share = [f"{100 * total['share'][kind]:.1f} %" for kind in KINDS]
    table.add_row(f"of {board['name']}", "", "", "", *share, "", "")
    if before is not None:
        table.add_row(
            "before carving", "", "", "", *(f"{before[k]:,}" for k in KINDS), f"{before['interval_cycles']:,}", ""
        )
    console.print(table)
    console.print(
        f"{facts['name']} on {board['title']} at {facts['clock_mhz']:g} MHz: interval {total['interval_cycles']:,} "
        f"cycles ({total['fps']:,.0f} frames/s), latency {total['latency_cycles']:,} cycles "
        f"({total['latency_us']:g} us), bottleneck {total['bottleneck']}; {binding(facts)}",
        soft_wrap=True,
    )
    folding = facts.get("asked", {}).get("folding")
    if folding:
        skipped = "".join(f"\n  skipped {text}" for text in folding["skipped"])
        text = f"{folding['from']}: kernels by hand: {', '.join(folding['nodes']) or 'none'}{skipped}"
        console.print(text, markup=False, soft_wrap=True)
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
