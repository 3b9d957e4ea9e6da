"""Yosys's count of each of many modules, kept in a table: resumable, side by side, with progress.

A row of the table stands as long as the module's RTL and the tool's version do (`Specimen.fingerprint`).
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ..errors import IntaglioError
from ..toolchain.yosys import Cells, SynthesisJob
from .specimens import Specimen

Synthesise = Callable[[Sequence[SynthesisJob]], list[Cells]]
Row = dict[str, Any]

COLUMNS = ("module", "hash", "lut", "ff", "dsp", "bram36", "uram", "lutram", "srl", "carry", "text")
NUMBERS = COLUMNS[2:-1]
BATCH = 16
"""Modules per Yosys process: the device library is parsed once for each."""


def measure(
    wanted: Mapping[str, Specimen],
    table: Path,
    family: str,
    synthesise: Synthesise,
    *,
    order: Sequence[str] = (),
    jobs: int = 1,
    console: Console | None = None,
) -> tuple[dict[str, Row], dict[str, str]]:
    """Rows by fingerprint, those missing measured, and what failed: message by module name.

    Args:
        wanted: specimens by fingerprint.
        table: the file with what is known, written anew with every module; rows that nobody asked for stay.
        family: `xc7` or `xcup`.
        synthesise: what counts cells.
        order: names of modules, in which the table is written; others follow. Of two rows of a name the newer stays.
        jobs: processes side by side.
        console: where progress goes; none is shown without one.
    """
    rows = {row["hash"]: row for row in read_table(table)}
    missing = [(mark, specimen) for mark, specimen in wanted.items() if mark not in rows]
    failed: dict[str, str] = {}
    place = {name: number for number, name in enumerate(order)}
    for mark, specimen, used in _synthesised(missing, family, synthesise, jobs, console):
        if isinstance(used, IntaglioError):
            failed[specimen.name] = str(used)
            continue
        rows[mark] = row_of(mark, specimen, used)
        newest = {row["module"]: row for row in rows.values()}
        kept = newest.values() if order else rows.values()
        write_table(table, sorted(kept, key=lambda row: place.get(row["module"], len(place))))
    return {mark: rows[mark] for mark in wanted if mark in rows}, failed


def _synthesised(
    missing: Sequence[tuple[str, Specimen]],
    family: str,
    synthesise: Synthesise,
    jobs: int,
    console: Console | None,
) -> Iterable[tuple[str, Specimen, Cells | IntaglioError]]:
    batches = [missing[start : start + BATCH] for start in range(0, len(missing), BATCH)]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    hidden = console is None or not missing
    with Progress(*columns, console=console, disable=hidden) as progress, ThreadPoolExecutor(jobs) as pool:
        task = progress.add_task(f"synthesising for {family}", total=len(missing))
        results = pool.map(lambda batch: _batch([s for _, s in batch], family, synthesise), batches)
        for batch, cells in zip(batches, results, strict=True):
            progress.advance(task, len(batch))
            for (mark, specimen), used in zip(batch, cells, strict=True):
                yield mark, specimen, used


def _batch(chosen: Sequence[Specimen], family: str, synthesise: Synthesise) -> list[Cells | IntaglioError]:
    """Cells of each module; where one fails, the others are measured all the same."""
    with TemporaryDirectory(prefix="intaglio_calibrate_") as scratch:
        folder = Path(scratch)
        work = []
        for number, specimen in enumerate(chosen):
            paths = []
            (folder / str(number)).mkdir()
            for name, text in specimen.sources.items():
                paths.append(folder / str(number) / f"{name}.sv")
                paths[-1].write_text(text)
            parameters = dict(specimen.parameters)
            work.append(SynthesisJob(tuple(paths), specimen.module, family, parameters=parameters, dsp=specimen.dsp))
        try:
            return list(synthesise(work))
        except IntaglioError:
            return [_alone(job, synthesise) for job in work]


def _alone(job: SynthesisJob, synthesise: Synthesise) -> Cells | IntaglioError:
    try:
        return synthesise([job])[0]
    except IntaglioError as error:
        return error


def row_of(mark: str, specimen: Specimen, used: Cells) -> Row:
    values = {name: getattr(used, name) for name in NUMBERS}
    return {"module": specimen.name, "hash": mark, "text": specimen.text, **values}


def read_table(path: Path) -> list[Row]:
    """The rows of a measured table; none if there is no such file."""
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [row | {name: float(row[name]) for name in NUMBERS} for row in rows]


def write_table(path: Path, rows: Iterable[Row]) -> None:
    """Written whole or not at all."""
    draft = path.with_suffix(".part")
    with draft.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(row | {name: f"{float(row[name]):g}" for name in NUMBERS} for row in rows)
    draft.replace(path)
