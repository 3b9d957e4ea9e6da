"""report.html: one self-contained page, plots inside, from the facts alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..codegen.env import render
from .drawing import AFTER, BEFORE, INK, as_svg, blank
from .facts import binding, busy
from .sections import sections
from .units import joules, percent


def render_page(facts: Mapping[str, Any]) -> str:
    """The page as one HTML text; it loads nothing from anywhere."""
    rows = [row for row in facts["layers"] if not row["link"]]
    before = facts["before"]
    plots = [
        ("LUTs per layer", _bars(rows, lambda row: row["lut"], _of_before("lut"), before is not None)),
        ("Channels per layer", _bars(rows, lambda row: row["channels"], _channels_before, before is not None)),
        ("Cycles per frame, each layer alone", _bars(rows, lambda row: row["cycles"], None, False)),
    ]
    return render(
        "report/page.html.j2",
        facts=facts,
        plots=plots,
        cards=_cards(facts),
        shares=[(kind, facts["total"][kind], f"{100 * share:.1f}") for kind, share in facts["total"]["share"].items()],
        pruned=[row for row in rows if row.get("channels_before", row["channels"]) != row["channels"]],
        accuracy=facts.get("accuracy") or {},
        recipe=facts.get("recipe") or {},
        verification=facts.get("verification"),
        binding=binding(facts) + ".",
        busy=busy,
        asked=_asked(facts),
        sections=list(sections(facts)),
        prices=_prices(facts),
        percent=percent,
        number=_number,
    )


def _cards(facts: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    total, before = facts["total"], facts["before"]

    def saved(kind: str) -> str:
        if before is None or not before[kind]:
            return ""
        return f"{_number(before[kind])} before carving ({100 * (total[kind] / before[kind] - 1):+.0f} %)"

    return [
        ("LUT", _number(total["lut"]), saved("lut")),
        ("FF", _number(total["ff"]), saved("ff")),
        ("DSP", _number(total["dsp"]), saved("dsp")),
        ("BRAM36", _number(total["bram36"]), saved("bram36")),
        ("Frames per second", _number(total["fps"]), f"at {_number(facts['clock_mhz'])} MHz"),
        ("Interval", f"{_number(total['interval_cycles'])} cycles", f"set by {total['bottleneck']}"),
        ("Latency", f"{_number(total['latency_us'])} µs", f"{_number(total['latency_cycles'])} cycles"),
        *_energy_card(facts),
    ]


def _energy_card(facts: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    modelled = facts.get("energy", {}).get("modelled")
    if modelled is None:
        return []
    return [("Energy, modelled", joules(modelled["joules"]), f"a frame; {joules(modelled['dynamic_joules'])} dynamic")]


def _prices(facts: Mapping[str, Any]) -> str:
    """Which prices are in force, for people."""
    prices = facts.get("prices")
    if prices is None:
        return ""
    return f"prices {prices['title']}" + (f", from {prices['own']}" if prices["own"] else "")


def _asked(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What `compile` was asked for, a row each."""
    asked = dict(facts.get("asked") or {})
    folding = asked.pop("folding", None)
    rows = [(key, str(value)) for key, value in asked.items()]
    if folding:
        rows.append(("folding", f"{folding['from']}: kernels by hand: {', '.join(folding['nodes']) or 'none'}"))
        rows += [("skipped", text) for text in folding["skipped"]]
    return rows


def _number(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}".rstrip("0").rstrip(".")


def _of_before(kind: str) -> Callable[[Mapping[str, Any]], float]:
    return lambda row: row["before"][kind] if "before" in row else 0


def _channels_before(row: Mapping[str, Any]) -> float:
    return float(row.get("channels_before", row["channels"]))


def _bars(
    rows: Sequence[Mapping[str, Any]],
    value: Callable[[Mapping[str, Any]], float],
    earlier: Callable[[Mapping[str, Any]], float] | None,
    both: bool,
) -> str:
    """A horizontal bar per layer as inline SVG; behind it, paler, what it was before carving."""
    figure, axes = blank(6.2, 0.6 + 0.3 * len(rows))
    places = range(len(rows))
    if both and earlier is not None:
        axes.barh(places, [earlier(row) for row in rows], height=0.78, color=BEFORE, label="before carving")
    axes.barh(places, [value(row) for row in rows], height=0.44, color=AFTER, label="built")
    axes.set_yticks(places, [row["name"] for row in rows], fontsize=8, color=INK)
    axes.invert_yaxis()
    if both and earlier is not None:
        axes.legend(fontsize=8, frameon=False)
    return as_svg(figure)
