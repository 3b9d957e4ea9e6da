"""Vivado's utilisation reports (`report_utilization -hierarchical`), read.

A table drawn with bars: a row per instance, indented by depth, its name in brackets where a row is a module's logic
without what is under it; block RAMs of 18 Kb are counted beside those of 36 Kb.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ..errors import IntaglioError
from ..estimate.resources import Resources

Counts = dict[str, Resources]

_COLUMNS = {
    "lut": ("Total LUTs",),
    "ff": ("FFs",),
    "bram36": ("RAMB36", "RAMB36/FIFO"),
    "bram18": ("RAMB18",),
    "uram": ("URAM",),
    "dsp": ("DSP Blocks", "DSP48 Blocks", "DSPs"),
}


def read_utilization(path: Path) -> tuple[Counts, str]:
    """(resources by instance, the tool's version); an instance of a name that occurs twice is left out.

    Raises IntaglioError for a file that is no such report.
    """
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise IntaglioError(f"the report cannot be read: {error}", where=str(path)) from None
    found = _hierarchy(text)
    if not found:
        raise IntaglioError(
            "there is no table of instances in this file",
            where=str(path),
            hint="write one with `report_utilization -hierarchical -file utilization.rpt`",
        )
    version = re.search(r"Tool Version\s*:\s*(Vivado v\.\S+)", text)
    return found, version[1] if version else "Vivado"


def _hierarchy(text: str) -> Counts:
    found: Counts = {}
    twice: set[str] = set()
    header: list[str] = []
    for cells in _rows(text):
        if cells[0] == "Instance":
            header = cells
        elif header and len(cells) == len(header) and not cells[0].startswith("("):
            row = dict(zip(header, cells, strict=True))
            twice |= {cells[0]} & found.keys()
            found[cells[0]] = _resources({key: _first(row, names) for key, names in _COLUMNS.items()})
    return {name: used for name, used in found.items() if name not in twice}


def _rows(text: str) -> Iterator[list[str]]:
    for line in text.splitlines():
        if line.startswith("|"):
            yield [cell.strip() for cell in line.strip().strip("|").split("|")]


def _first(row: dict[str, str], names: tuple[str, ...]) -> float:
    known = (row[name] for name in names if name in row)
    text = re.match(r"[\d.]+", next(known, "0"))
    return float(text[0]) if text else 0.0


def _resources(count: dict[str, float]) -> Resources:
    halves = count.get("bram18", 0.0) / 2
    return Resources(count["lut"], count["ff"], count["dsp"], count["bram36"] + halves, count["uram"])
