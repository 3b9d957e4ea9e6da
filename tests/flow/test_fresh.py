"""Modules beyond the table: none that prices were fitted to, each kind with its share; what is said of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from intaglio.errors import IntaglioError
from intaglio.estimate.prices import load_prices
from intaglio.flow.fresh import beyond, check_fresh
from intaglio.flow.judge import predicted
from intaglio.flow.specimens import COUNTS
from intaglio.toolchain.yosys import Cells, SynthesisJob

FEW = 5


def test_fresh_modules_are_beyond_the_table_and_shared_out() -> None:
    found = beyond(sum(COUNTS.values()) // 4)
    assert all(each.index >= COUNTS[each.kind] for each in found)
    counts = Counter(each.kind for each in found)
    assert all(abs(counts[kind] - COUNTS[kind] / 4) < 1 for kind in counts)
    assert len(counts) > 20
    assert len({each.name for each in found}) == len(found)


def test_some_kinds_alone() -> None:
    found = beyond(12, ["lookup", "add"])
    assert {each.kind for each in found} == {"lookup", "add"}
    assert 8 <= len(found) <= 16
    assert {each.name for each in found} <= {each.name for each in beyond(sum(COUNTS.values()))}
    with pytest.raises(IntaglioError, match=r"no modules of a kind 'ad' are measured.*\n.*there are"):
        beyond(1, ["ad"])


def test_predictions_that_hit_have_no_error(tmp_path: Path) -> None:
    prices = load_prices("xc7")
    said = {
        each.module: Cells(
            round(predicted(each, prices, "lut")), round(predicted(each, prices, "ff")), 0, 0.0, 0, 0, 0, 0
        )
        for each in beyond(FEW)
        if not each.of_library
    }
    other = Cells(1000, 1000, 0, 0.0, 0, 0, 0, 0)

    def synthesise(jobs: Sequence[SynthesisJob]) -> list[Cells]:
        return [said.get(job.top, other) for job in jobs]

    found = check_fresh(FEW, table=tmp_path / "fresh.csv", synthesise=synthesise)
    assert found["modules"] == len(beyond(FEW))
    assert found["sized"]["lut"]["median"] < 0.01


def test_nothing_measured_is_an_error(tmp_path: Path) -> None:
    def synthesise(jobs: Sequence[SynthesisJob]) -> list[Cells]:
        raise IntaglioError("no Yosys")

    with pytest.raises(IntaglioError, match="no module"):
        check_fresh(1, table=tmp_path / "fresh.csv", synthesise=synthesise)
