"""`intaglio calibrate`: measure our own modules, fit the prices of a device family to them; one command, resumable.

Writes, into compiler/estimate (or another folder): `measured_<family>.csv`, a row per module, added as it is measured;
`prices_<family>.json`, the fitted prices; `errors_<family>.json`, the errors on modules held out of the fit. A module
whose RTL has not changed is not measured again, so after a change of a template only its modules are.

`calibrate_reports` fits prices to Vivado's utilisation reports instead (flow/vivado_reports.py).
"""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from .. import estimate
from ..errors import IntaglioError
from ..toolchain import yosys
from .judge import fit_prices, judge
from .measure import Synthesise, measure, read_table
from .specimens import known_kinds, specimens


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
    """Measure what is missing, fit, write; gives back the errors on the modules held out (see judge.py).

    Args:
        family: `xc7` or `xcup`.
        out_dir: the folder of the three files; by default where the package reads them.
        jobs: Yosys processes side by side.
        limit: measure and fit only so many modules.
        kinds: measure only these operators and links (see specimens.COUNTS); the fit takes all rows that hold.
        like: a family whose table lends the rows that are missing here, where both map logic alike (xcup on xc7).
        synthesise: instead of Yosys, for tests.
        console: where progress goes; none is shown without one.

    Raises:
        IntaglioError: for an unknown kind or family.
    """
    for name in filter(None, (family, like)):
        if name not in yosys.FAMILIES:
            raise IntaglioError(f"unknown device family {name!r}", hint=f"one of {', '.join(yosys.FAMILIES)}")
    kinds = known_kinds(kinds)
    folder = Path(out_dir) if out_dir is not None else Path(next(iter(estimate.__path__)))
    folder.mkdir(parents=True, exist_ok=True)
    made_by: dict[str, Any] = {
        "intaglio": importlib.metadata.version("intaglio"),
        "yosys": yosys.version() if synthesise is None else "a stand-in",
    }
    table = folder / f"measured_{family}.csv"
    every = list(specimens())
    wanted = {s.fingerprint(family, made_by["yosys"]): s for s in every[:limit]}
    asked = {mark: s for mark, s in wanted.items() if not kinds or s.kind in kinds}
    count, names = synthesise or yosys.synthesise_many, [s.name for s in every]
    _, failed = measure(asked, table, family, count, order=names, jobs=jobs, console=console)
    known = {row["hash"]: row for row in read_table(table)}
    chosen = [(specimen, known[mark]) for mark, specimen in wanted.items() if mark in known]
    if not chosen:
        raise IntaglioError("no module could be measured", other=next(iter(failed.values()), ""))
    made_by |= {"modules": len(chosen), "table": table.name}
    if like:
        lender = {row["hash"]: row for row in read_table(folder / f"measured_{like}.csv")}
        own = {specimen.name for specimen, _ in chosen}
        marks = {s.name: s.fingerprint(like, made_by["yosys"]) for s in every if s.name not in own}
        chosen += [(s, lender[marks[s.name]]) for s in every if marks.get(s.name) in lender]
        made_by |= {"lent": len(chosen) - len(own), "lent_by": like}
    report = judge(chosen) | {"failed": failed, "made_by": made_by}
    fit_prices(family, chosen, made_by).save(folder / f"prices_{family}.json")
    draft = folder / f"errors_{family}.part"
    draft.write_text(json.dumps(report, indent=1) + "\n")
    draft.replace(folder / f"errors_{family}.json")
    return report
