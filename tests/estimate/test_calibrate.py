"""Calibration with a stand-in for Yosys: what it writes, that it resumes, that a failure is not hidden."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from intaglio.errors import IntaglioError
from intaglio.estimate.features import features
from intaglio.estimate.fit import FLOOR
from intaglio.estimate.prices import Prices, load_prices
from intaglio.estimate.resources import price
from intaglio.flow.calibrate import calibrate
from intaglio.flow.measure import read_table
from intaglio.flow.specimens import Specimen, specimen, specimens
from intaglio.toolchain.yosys import Cells, SynthesisJob, synthesise_many, version

LIMIT = 26


class StandIn:
    """Prices a module by the size of its source; remembers what it was asked for."""

    def __init__(self, failing: str = "", die_after: int | None = None) -> None:
        self.seen: list[str] = []
        self.failing, self.die_after = failing, die_after

    def __call__(self, jobs: Sequence[SynthesisJob]) -> list[Cells]:
        if self.die_after is not None and len(self.seen) >= self.die_after:
            raise KeyboardInterrupt
        if any(job.sources[0].stem == self.failing for job in jobs):
            raise IntaglioError("cannot map this")
        self.seen += [job.sources[0].stem for job in jobs]
        sizes = [len(job.sources[0].read_text()) for job in jobs]
        return [Cells(100 + size // 10, 50 + size // 20, 0, 0.0, 0, 0, 0, 0) for size in sizes]


def test_a_second_run_measures_nothing_and_changes_nothing(tmp_path: Path) -> None:
    first, second = StandIn(), StandIn()
    calibrate("xc7", tmp_path, limit=LIMIT, synthesise=first)
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert files.keys() == {"measured_xc7.csv", "prices_xc7.json", "errors_xc7.json"}
    assert len(first.seen) == len(read_table(tmp_path / "measured_xc7.csv")) == LIMIT
    calibrate("xc7", tmp_path, limit=LIMIT, synthesise=second)
    assert second.seen == []
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == files


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        calibrate("xc7", tmp_path, limit=LIMIT, synthesise=StandIn(die_after=1))
    done = {row["module"] for row in read_table(tmp_path / "measured_xc7.csv")}
    assert 0 < len(done) < LIMIT
    rest = StandIn()
    calibrate("xc7", tmp_path, limit=LIMIT, synthesise=rest)
    assert done.isdisjoint(rest.seen)
    assert len(done) + len(rest.seen) == LIMIT


def test_a_changed_module_is_measured_again(tmp_path: Path) -> None:
    calibrate("xc7", tmp_path, limit=8, synthesise=StandIn())
    table = tmp_path / "measured_xc7.csv"
    lines = table.read_text().splitlines()
    stale = lines[1].split(",")
    table.write_text("\n".join([lines[0], ",".join([stale[0], "0" * 16, *stale[2:]]), *lines[2:]]) + "\n")
    again = StandIn()
    calibrate("xc7", tmp_path, limit=8, synthesise=again)
    assert [name.split(".")[0] for name in again.seen] == [stale[0]]


def test_a_module_that_fails_is_named_and_the_others_are_measured(tmp_path: Path) -> None:
    report = calibrate("xc7", tmp_path, limit=10, synthesise=StandIn(failing="dense_0"))
    assert list(report["failed"]) == ["dense_0"]
    assert report["modules"] == 9


def test_another_family_lends_the_rows_that_are_missing(tmp_path: Path) -> None:
    calibrate("xc7", tmp_path, limit=20, synthesise=StandIn())
    few = StandIn()
    calibrate("xcup", tmp_path, limit=6, like="xc7", synthesise=few)
    assert len(few.seen) == len(read_table(tmp_path / "measured_xcup.csv")) == 6
    made_by = Prices.read(tmp_path / "prices_xcup.json").made_by
    assert (made_by["modules"], made_by["lent"], made_by["lent_by"]) == (6, 14, "xc7")


def test_a_smaller_run_keeps_the_rows_that_it_does_not_need(tmp_path: Path) -> None:
    calibrate("xc7", tmp_path, limit=9, synthesise=StandIn())
    table = tmp_path / "measured_xc7.csv"
    lines = [line for line in table.read_text().splitlines() if not line.startswith("dense_0,")]
    table.write_text("\n".join(lines) + "\n")
    calibrate("xc7", tmp_path, limit=4, synthesise=StandIn())
    assert len(read_table(table)) == 9


def test_specimens_are_the_same_every_time() -> None:
    first = list(specimens(20))
    specimen.cache_clear()
    second = list(specimens(20))
    assert first[0] is not second[0]
    assert [s.fingerprint() for s in first] == [s.fingerprint() for s in second]
    assert len({s.fingerprint() for s in first}) == 20
    assert first[0].fingerprint("xc7") != first[0].fingerprint("xcup")


# ---- the files that come with the package --------------------------------------------------------------------------


def test_the_prices_come_from_yosys_runs_on_our_modules() -> None:
    prices = load_prices("xc7")
    assert prices.made_by["yosys"].startswith("Yosys")
    assert prices.made_by["intaglio"]
    table = calibrate_folder() / prices.made_by["table"]
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) >= prices.made_by["modules"] >= 100
    report = json.loads((table.parent / "errors_xc7.json").read_text())
    assert report["made_by"]["yosys"] == prices.made_by["yosys"]
    assert report["sized"]["lut"]["median"] < 0.2


def test_the_prices_know_the_features_of_today() -> None:
    """Fails when features or parts have changed: run `intaglio calibrate`, which measures what did."""
    prices = load_prices("xc7")
    named = {name for s in specimens() for part in s.parts for name in features(part)}
    assert named <= prices.lut.keys() | prices.ff.keys()


def calibrate_folder() -> Path:
    from intaglio import estimate

    return Path(next(iter(estimate.__path__)))


def test_unknown_family() -> None:
    with pytest.raises(IntaglioError, match="no prices"):
        load_prices("ice40")


def test_prices_survive_a_file(tmp_path: Path) -> None:
    prices = load_prices("xc7")
    prices.save(tmp_path / "p.json")
    assert Prices.read(tmp_path / "p.json") == prices


LIVE = (("dense", 28), ("threshold", 0), ("shift", 4))


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Specimen, Cells]]:
    """Three modules and what Yosys counts now."""
    folder, chosen, jobs = tmp_path_factory.mktemp("live"), [], []
    for kind, index in LIVE:
        chosen.append(specimen(kind, index))
        paths = []
        for name, text in chosen[-1].sources.items():
            paths.append(folder / f"{name}.sv")
            paths[-1].write_text(text)
        jobs.append(SynthesisJob(tuple(paths), chosen[-1].module, dsp=chosen[-1].dsp))
    return list(zip(chosen, synthesise_many(jobs), strict=True))


def test_estimates_are_near_what_yosys_counts(live: list[tuple[Specimen, Cells]]) -> None:
    for module, cells in live:
        used = price(module.parts, load_prices("xc7"), module.operator)
        assert abs(used.lut - cells.lut) <= 0.25 * max(cells.lut, FLOOR), module.name
        assert abs(used.ff - cells.ff) <= 0.25 * max(cells.ff, FLOOR), module.name
        assert (used.dsp, used.bram36) == (cells.dsp, cells.bram36), module.name


def test_the_table_holds_what_yosys_counts(live: list[tuple[Specimen, Cells]]) -> None:
    """Wherever the module and Yosys are still those of the table."""
    table = {row["module"]: row for row in read_table(calibrate_folder() / "measured_xc7.csv")}
    for module, cells in live:
        row = table[module.name]
        if row["hash"] == module.fingerprint("xc7", version()):
            assert (row["lut"], row["ff"], row["bram36"]) == (cells.lut, cells.ff, cells.bram36), module.name
