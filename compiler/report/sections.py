"""The tables of the page beyond resources and cycles: each of facts that a report may or may not have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..estimate.resources import KINDS
from .figures import saving_nothing
from .units import count, joules, percent

Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Cell:
    """What a cell says, in small grey letters what else; bar: a share from 0 to 1, drawn; mark: a class of CSS."""

    text: str = ""
    small: str = ""
    bar: float | None = None
    mark: str = ""


@dataclass(frozen=True)
class Section:
    """A table. words: the columns of words, which begin at the left; the first does in any case. mark: by row."""

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    words: frozenset[int] = frozenset()
    marks: Sequence[str] = ()
    notes: Sequence[str] = ()
    sources: Sequence[str] = field(default=())


def sections(facts: Facts) -> Iterator[Section]:
    """Those that these facts have."""
    if facts.get("marginal"):
        yield _marginal(facts["marginal"])
    if "figures" in facts:
        yield _figures(facts["figures"])
    if facts.get("break_even"):
        yield _break_even(facts["break_even"])
    if "energy" in facts:
        yield _energy(facts)
    if "boards" in facts:
        yield _boards(facts["boards"], facts["board"]["name"])


def _marginal(rows: Sequence[Facts]) -> Section:
    kinds = [what for what in ("weight bit", "output bit", "input bit", "channel", "PE", "SIMD") if _any(rows, what)]
    found = {(row["node"], row["what"]): row for row in rows}
    names = list(dict.fromkeys(row["node"] for row in rows))
    table = [[Cell(name), *(_difference(found.get((name, what))) for what in kinds)] for name in names]
    notes = [
        "What changes; cycles are those between frames. A bit is a finer step of the same range; a channel comes with "
        "all that are coupled to it, and with the next layers' inputs; PE and SIMD are the next kernels with more "
        "outputs, or inputs, side by side that take fewer steps. Kernels are otherwise the design's."
    ]
    return Section("One more of everything", ["Layer", *(f"+1 {what}" for what in kinds)], table, notes=notes)


def _any(rows: Sequence[Facts], what: str) -> bool:
    return any(row["what"] == what for row in rows)


def _difference(row: Facts | None) -> Cell:
    if row is None:
        return Cell()
    units = {"ff": "FF", "dsp": "DSP", "bram36": "BRAM36", "uram": "URAM", "interval_cycles": "cycles"}
    others = [f"{row[key]:+,g} {unit}" for key, unit in units.items() if row[key]]
    return Cell(f"{row['lut']:+,g} LUT".replace("-", "−"), " · ".join(others).replace("-", "−"))


FIGURES = {
    "macs": "MACs",
    "bops": "BOPs",
    "weights": "weights",
    "zero_weights": "of these 0",
    "free_zeros": "cost nothing",
    "weight_bits": "bits each",
    "weight_memory_bits": "weight bits",
    "feature_map_bits": "feature-map bits",
}


def _figures(figures: Facts) -> Section:
    total, before = figures["total"], figures["before"]
    rows = [_figure_cells(row["name"], row) for row in figures["layers"]]
    marks = [""] * len(rows)
    for name, sums in (("total", total), ("before carving", before)):
        if sums is not None:
            rows.append(_figure_cells(name, sums))
            marks.append("sum")
    per = [
        f"{total[key]:,.3g} per {unit}"
        for key, unit in (("gops_per_klut", "1,000 LUTs"), ("gops_per_dsp", "DSP"), ("gops_per_bram36", "BRAM36"))
        if total[key] is not None
    ]
    notes = [f"{total['gops']:,.3g} GOPS: {', '.join(per)}."]
    if total["performance_density"] is not None:
        notes.append(
            f"Performance density: {total['performance_density']:,.1f} % per Mbit of weights that are not 0 and of "
            f"feature maps, at an accuracy of {total['accuracy']:.2f} %."
        )
    notes += [f"{text}." for text in saving_nothing(figures)]
    meanings = [f"{FIGURES.get(key, key.replace('_', ' '))}: {text}" for key, text in figures["meanings"].items()]
    heads = ["Layer", *FIGURES.values(), "memories full"]
    return Section("What it computes and stores", heads, rows, marks=marks, notes=notes, sources=meanings)


def _figure_cells(name: str, row: Facts) -> list[Cell]:
    efficiency = row["memory_efficiency"]
    cells = [Cell(count(row[key]) if row.get(key) else "") for key in FIGURES]
    return [Cell(name), *cells, Cell() if efficiency is None else Cell(percent(efficiency), bar=efficiency)]


def _break_even(rows: Sequence[Facts]) -> Section:
    def share(value: float | None) -> Cell:
        return Cell("never", mark="soft") if value is None else Cell(percent(value), bar=value)

    table = [
        [
            Cell(row["node"]),
            Cell(percent(row["sparsity"])),
            share(row["folded"]),
            share(row["unrolled"]),
            Cell("" if row["unrolled_lut"] is None else f"{row['unrolled_lut']:,}"),
            share(row["fits"]),
        ]
        for row in rows
    ]
    heads = ["Layer", "zeros now", "folded, from", "unrolled, from", "LUTs there", "unrolled fits, from"]
    notes = [
        "The share of zeros at random places from which on area × cycles is less than without any. Folded: by "
        "skipping blocks of PE × SIMD weights that are all zero, in the design's kernel. Unrolled: with every weight a "
        "constant of its own; and from where on the board has so many LUTs."
    ]
    return Section("From where on zeros pay", heads, table, notes=notes)


def _energy(facts: Facts) -> Section:
    energy, rows, marks = facts["energy"], [], []
    board, fps = facts["board"]["title"], facts["total"]["fps"]
    for key, title in (("modelled", board), ("modelled_before", f"{board}, before carving")):
        if (modelled := energy[key]) is not None:
            amount = Cell(joules(modelled["dynamic_joules"]), f"{joules(modelled['joules'])} with static")
            numbers = (f"{fps:,.0f}", f"{modelled['dynamic_watts']:.3g}")
            known = Cell("modelled", "not measured", mark="modelled")
            rows.append([Cell(title), Cell(facts["name"]), amount, *map(Cell, numbers), known])
            marks.append("modelled")
    for device in energy["measured"]:
        amount = Cell(joules(device["millijoules_per_inference"] / 1e3))
        numbers = (f"{device['inferences_per_second']:,g}", f"{device['dynamic_watts']:,g}")
        known = Cell("measured", device["measured_by"])
        rows.append([Cell(device["device"]), Cell(device["network"]), amount, *map(Cell, numbers), known])
        marks.append("")
    heads = ["Device", "network", "dynamic, a frame", "inferences/s", "dynamic W", "how it is known"]
    notes = ["The measured devices run another network than this one. Dynamic: without what they take when idle."]
    assumed = energy["assumptions"]
    if assumed is None:
        notes.append(f"Nothing is modelled: the file of {facts['board']['name']} has no [energy].")
    else:
        notes.append(
            f"Modelled: {assumed['static_watts']:g} W static, and toggles in the cycles that each block works. The "
            "processor, DRAM and the rest of the board are not counted."
        )
    sources = [] if assumed is None else assumed["sources"]
    return Section("Energy, modelled", heads, rows, frozenset({1, 5}), marks, notes, sources)


def _boards(rows: Sequence[Facts], own: str) -> Section:
    table, marks = [], []
    for row in rows:
        fits = Cell("fits", mark="ok") if row["fits"] else Cell("does not fit", mark="bad")
        used = [_board_cell(row[kind], row["share"][kind]) for kind in KINDS]
        table.append([Cell(row["title"]), fits, *used, Cell(row["prices"])])
        marks.append("own" if row["name"] == own else "")
    heads = ["Board", "", *(kind.upper() for kind in KINDS), "prices"]
    notes = ["The same kernels on each; at the prices of its device family."]
    return Section("Against every board", heads, table, frozenset({1, len(heads) - 1}), marks, notes)


def _board_cell(used: float, share: float | None) -> Cell:
    if not used:
        return Cell()
    return Cell(f"{used:,}", "it has none") if share is None else Cell(f"{used:,}", percent(share), min(share, 1.0))
