"""A check that nobody tuned to: modules beyond those that prices were fitted to, drawn and measured anew.

Each kind of module (specimens.COUNTS) has its share of them, so that errors compare with those on modules held out.
What was measured is kept in the user's cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from ..errors import IntaglioError
from ..estimate.prices import load_prices
from ..toolchain import yosys
from ..toolchain.process import cache_dir
from .judge import FITTED, predicted, summary
from .measure import Synthesise, measure
from .specimens import COUNTS, Specimen, known_kinds, specimen


def beyond(count: int, kinds: Sequence[str] = ()) -> list[Specimen]:
    """About so many modules (of some kinds alone) that no table holds, numbered on from those that are measured."""
    counts = {kind: COUNTS[kind] for kind in known_kinds(kinds) or COUNTS}
    share = count / sum(counts.values())
    found = [specimen(kind, total + k) for kind, total in counts.items() for k in range(max(1, round(total * share)))]
    return [each for each in found if each is not None]


def check_fresh(
    count: int,
    family: str = "xc7",
    kinds: Sequence[str] = (),
    *,
    table: Path | None = None,
    jobs: int = 1,
    synthesise: Synthesise = yosys.synthesise_many,
    console: Console | None = None,
) -> dict[str, Any]:
    """Errors of the prices in force on fresh modules, as judge.summary has them.

    Args:
        count: about how many modules.
        family: `xc7` or `xcup`.
        kinds: only these operators and links; all where none is named.
        table: where counts are kept; by default in the user's cache.
        jobs: Yosys processes side by side.
        synthesise: instead of Yosys, for tests.
        console: where progress goes.

    Raises:
        IntaglioError: for an unknown kind, and where no module could be measured.
    """
    tool = yosys.version() if synthesise is yosys.synthesise_many else "a stand-in"
    wanted = {each.fingerprint(family, tool): each for each in beyond(count, kinds)}
    rows, failed = measure(
        wanted, table or cache_dir() / f"fresh_{family}.csv", family, synthesise, jobs=jobs, console=console
    )
    if not rows:
        raise IntaglioError("no module could be measured", other=next(iter(failed.values()), ""))
    chosen, prices = [(wanted[mark], row) for mark, row in rows.items()], load_prices(family)
    found = {name: [predicted(each, prices, name) for each, _ in chosen] for name in FITTED}
    return summary(chosen, found) | {"failed": failed}
