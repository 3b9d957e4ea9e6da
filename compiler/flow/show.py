"""Facts and benchmark rows as tables in a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from ..estimate.resources import KINDS


def print_facts(facts: Mapping[str, Any], console: Console, *, verbose: bool = False) -> None:
    """A design: each layer, the total, its share of the board; with verbose, each FIFO's depth."""
    board, total, before = facts["board"], facts["total"], facts["before"]
    numbers = [Column(kind.upper(), justify="right") for kind in KINDS]
    table = Table("layer", "operator", "PE x SIMD", "bits", *numbers, Column("cycles", justify="right"))
    for row in facts["layers"]:
        fold = "" if row["link"] else f"{row['pe']} x {row['simd']}"
        cells = [f"{row[kind]:,}" for kind in KINDS]
        cycles = f"{row['cycles']:,}" if "cycles" in row else ""
        table.add_row(row["name"], row["operator"], fold, str(row.get("bits", "")), *cells, cycles)
    table.add_section()
    table.add_row("total", "", "", "", *(f"{total[kind]:,}" for kind in KINDS), f"{total['interval_cycles']:,}")
    share = [f"{100 * total['share'][kind]:.1f} %" for kind in KINDS]
    table.add_row(f"of {board['name']}", "", "", "", *share, "")
    if before is not None:
        table.add_row(
            "before carving", "", "", "", *(f"{before[k]:,}" for k in KINDS), f"{before['interval_cycles']:,}"
        )
    console.print(table)
    console.print(
        f"{facts['name']} on {board['title']} at {facts['clock_mhz']:g} MHz: interval {total['interval_cycles']:,} "
        f"cycles ({total['fps']:,.0f} frames/s), latency {total['latency_cycles']:,} cycles "
        f"({total['latency_us']:g} us), bottleneck {total['bottleneck']}",
        soft_wrap=True,
    )
    if verbose:
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
