"""Measure our own modules with Yosys and fit the prices of a device family to them: one command, resumable.

    python -m intaglio.flow.calibrate --family xc7

Writes, into compiler/estimate (or --out): `measured_<family>.csv`, one row per module, added as it is measured;
`prices_<family>.json`, the fitted prices; `errors_<family>.json`, the errors on modules held out of the fit. A module
whose RTL has not changed is not measured again, so after a change of a template only its modules are.
"""

from __future__ import annotations

import argparse
import csv
import importlib.metadata
import json
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from .. import estimate
from ..errors import IntaglioError
from ..estimate.features import SAVINGS, features, fixed
from ..estimate.fit import errors, fit, predict
from ..estimate.prices import Prices
from ..toolchain import yosys
from ..toolchain.yosys import Cells, SynthesisJob
from .specimens import Specimen, specimens

Synthesise = Callable[[Sequence[SynthesisJob]], list[Cells]]

COLUMNS = ("module", "hash", "lut", "ff", "dsp", "bram36", "uram", "lutram", "srl", "carry", "text")
MEASURED = ("lut", "ff", "dsp", "bram36", "uram")
BATCH = 16
"""Modules per Yosys process: the device library is parsed once for each."""
FOLDS = 5
"""Every fifth module is held out of the fit that its stated error comes from."""

Row = dict[str, Any]


def calibrate(
    family: str = "xc7",
    out_dir: Path | None = None,
    *,
    jobs: int = 1,
    limit: int | None = None,
    kinds: Sequence[str] = (),
    like: str = "",
    synthesise: Synthesise | None = None,
    console: Console | None = None,
) -> dict[str, Any]:
    """Measure what is missing, fit, write; gives back the errors on the modules held out.

    Args:
        family: `xc7` or `xcup`.
        out_dir: the folder of the three files; by default where the package reads them.
        jobs: Yosys processes side by side.
        limit: measure and fit only so many modules.
        kinds: measure only these operators and links (see specimens.COUNTS); the fit takes all rows that hold.
        like: a family whose table lends the rows that are missing here, where both map logic alike (xcup on xc7).
        synthesise: instead of Yosys, for tests.
        console: where progress goes; none is shown without one.
    """
    folder = Path(out_dir) if out_dir is not None else Path(next(iter(estimate.__path__)))
    folder.mkdir(parents=True, exist_ok=True)
    made_by = {
        "intaglio": importlib.metadata.version("intaglio"),
        "yosys": yosys.version() if synthesise is None else "a stand-in",
    }
    table = folder / f"measured_{family}.csv"
    every = list(specimens())
    wanted = {s.name: (s.fingerprint(family, made_by["yosys"]), s) for s in every[:limit]}
    rows = {row["module"]: row for row in read_table(table)}

    def measured(name: str) -> bool:
        return name in rows and rows[name]["hash"] == wanted[name][0]

    missing = [s for name, (_, s) in wanted.items() if not measured(name) and (not kinds or s.kind in kinds)]
    failed: dict[str, str] = {}
    for specimen, used in _measure(missing, family, synthesise or yosys.synthesise_many, jobs, console):
        if isinstance(used, IntaglioError):
            failed[specimen.name] = str(used)
            continue
        rows[specimen.name] = _row(wanted[specimen.name][0], specimen, used)
        write_table(table, [rows[s.name] for s in every if s.name in rows])
    chosen = [(specimen, rows[name]) for name, (_, specimen) in wanted.items() if measured(name)]
    made_by |= {"modules": len(chosen), "table": table.name}
    if like:
        lender = {row["module"]: row for row in read_table(folder / f"measured_{like}.csv")}
        own = {specimen.name for specimen, _ in chosen}
        lent = [(s, lender[s.name]) for s in every if s.name in lender and s.name not in own]
        chosen += [(s, row) for s, row in lent if row["hash"] == s.fingerprint(like, made_by["yosys"])]
        made_by |= {"lent": len(chosen) - len(own), "lent_by": like}
    report = judge(chosen) | {"failed": failed, "made_by": made_by}
    fit_prices(family, chosen, made_by).save(folder / f"prices_{family}.json")
    (folder / f"errors_{family}.json").write_text(json.dumps(report, indent=1) + "\n")
    return report


# ---- measuring -----------------------------------------------------------------------------------------------------


def _measure(
    missing: list[Specimen], family: str, synthesise: Synthesise, jobs: int, console: Console | None
) -> Iterable[tuple[Specimen, Cells | IntaglioError]]:
    batches = [missing[start : start + BATCH] for start in range(0, len(missing), BATCH)]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=console is None) as progress, ThreadPoolExecutor(jobs) as pool:
        task = progress.add_task(f"synthesising for {family}", total=len(missing))
        results = pool.map(lambda batch: _batch(batch, family, synthesise), batches)
        for batch, cells in zip(batches, results, strict=True):
            progress.advance(task, len(batch))
            yield from zip(batch, cells, strict=True)


def _batch(chosen: Sequence[Specimen], family: str, synthesise: Synthesise) -> list[Cells | IntaglioError]:
    """Cells of each module; where one fails, the others are measured all the same."""
    with TemporaryDirectory(prefix="intaglio_calibrate_") as scratch:
        folder = Path(scratch)
        work = []
        for specimen in chosen:
            paths = []
            for name, text in specimen.sources.items():
                paths.append(folder / f"{name}.sv")
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


def _row(fingerprint: str, specimen: Specimen, used: Cells) -> Row:
    values = {name: getattr(used, name) for name in COLUMNS if hasattr(used, name)}
    return {"module": specimen.name, "hash": fingerprint, "text": specimen.text, **values}


def read_table(path: Path) -> list[Row]:
    """The rows of a measured table; none if there is no such file."""
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [row | {name: float(row[name]) for name in COLUMNS[2:-1]} for row in rows]


def write_table(path: Path, rows: Iterable[Row]) -> None:
    """Written whole or not at all."""
    draft = path.with_suffix(".part")
    with draft.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(row | {name: f"{float(row[name]):g}" for name in COLUMNS[2:-1]} for row in rows)
    draft.replace(path)


# ---- fitting -------------------------------------------------------------------------------------------------------

Chosen = Sequence[tuple[Specimen, Row]]


def totals(specimen: Specimen) -> dict[str, float]:
    """The features of a module: those of its parts, added."""
    sums: dict[str, float] = {}
    for part in specimen.parts:
        for name, value in features(part).items():
            sums[name] = sums.get(name, 0.0) + part.count * value
    return sums


def fit_prices(family: str, chosen: Chosen, made_by: dict[str, Any]) -> Prices:
    rows = [totals(specimen) for specimen, _ in chosen]
    lut, ff = (fit(rows, [row[name] for _, row in chosen], SAVINGS) for name in ("lut", "ff"))
    return Prices(family, lut, ff, made_by)


def judge(chosen: Chosen) -> dict[str, Any]:
    """Errors on modules held out: five times over, every fifth module of each kind, with prices fitted to the others.

    DSP and BRAM are rules: how many modules they hit exactly.
    """
    rows = [totals(specimen) for specimen, _ in chosen]
    fold = np.array([(s.index + s.index // FOLDS) % FOLDS for s, _ in chosen], int)
    kinds = np.array([specimen.kind for specimen, _ in chosen])
    found: dict[str, np.ndarray] = {}
    for name in ("lut", "ff"):
        measured = np.array([row[name] for _, row in chosen])
        predicted = np.zeros(len(chosen))
        for held in (fold == number for number in range(FOLDS)):
            known = np.flatnonzero(~held)
            prices = fit([rows[k] for k in known], measured[known], SAVINGS)
            predicted[held] = [max(predict(rows[k], prices), 0.0) for k in np.flatnonzero(held)]
        found[name] = errors(predicted, measured)
    exact = {
        name: [sum(p.count * getattr(fixed(p), name) for p in specimen.parts) == row[name] for specimen, row in chosen]
        for name in ("dsp", "bram36")
    }
    groups = {"all": np.ones(len(chosen), bool)} | {str(kind): kinds == kind for kind in dict.fromkeys(kinds)}
    return {
        "modules": len(chosen),
        "equal": {name: f"{sum(flags)} of {len(flags)}" for name, flags in exact.items()},
        "kinds": {
            kind: {
                "modules": int(group.sum()),
                **{name: _quantiles(missed[group]) for name, missed in found.items()},
            }
            for kind, group in groups.items()
        },
    }


def _quantiles(values: np.ndarray) -> dict[str, float]:
    return {name: round(float(np.percentile(values, at)), 4) for name, at in (("median", 50), ("p90", 90))}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m intaglio.flow.calibrate", description=__doc__)
    parser.add_argument("--family", choices=yosys.FAMILIES, default="xc7")
    parser.add_argument("--out", type=Path, default=None, help="folder of the three files")
    parser.add_argument("--jobs", type=int, default=1, help="Yosys processes side by side")
    parser.add_argument("--limit", type=int, default=None, help="measure only so many modules")
    parser.add_argument("--kinds", nargs="*", default=(), help="measure only these operators and links")
    parser.add_argument("--like", choices=yosys.FAMILIES, default="", help="the family that lends missing rows")
    arguments = parser.parse_args()
    start = time.perf_counter()
    console = Console(stderr=True)
    report = calibrate(
        arguments.family,
        arguments.out,
        jobs=arguments.jobs,
        limit=arguments.limit,
        kinds=arguments.kinds,
        like=arguments.like,
        console=console,
    )
    console.print_json(data=report)
    console.print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
