"""A design's modules beside their estimates: every module once, equal ones counted once, totals, what is remembered."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from intaglio.errors import IntaglioError
from intaglio.estimate.prices import load_prices
from intaglio.flow.compile import compile as compile_graph
from intaglio.flow.design import Design
from intaglio.flow.synthesised import compare, modules
from intaglio.toolchain.yosys import Cells, SynthesisJob, synthesise_many
from small_networks import residual_network

PRICES = load_prices("xc7")


@pytest.fixture(scope="module")
def design() -> Design:
    return compile_graph(residual_network(), board="pynq-z2", target_fps=100_000)


class Counter:
    """In Yosys's place: as many LUTs as the text has lines."""

    def __init__(self) -> None:
        self.jobs: list[SynthesisJob] = []

    def __call__(self, jobs: Sequence[SynthesisJob]) -> list[Cells]:
        self.jobs += jobs
        return [Cells(len(job.sources[0].read_text().splitlines()), 1, 0, 0.0, 0, 0, 0, 0) for job in jobs]


def test_every_module_is_there_once_and_the_total_is_that_of_the_estimate(design: Design, tmp_path: Path) -> None:
    yosys = Counter()
    rows = compare(design.netlist, PRICES, table=tmp_path / "t.csv", synthesise=yosys)
    names = [row["name"] for row in rows]
    fifos = [c.name for c in design.netlist.channels if c.depth]
    ports = [f"{name} port" for name, frame in design.netlist.frames.items() if frame.beats > 1]
    assert names == [*(b.name for b in design.netlist.blocks), *fifos, *ports, "total"]
    assert {key: rows[-1][key] for key in ("lut", "ff", "dsp")} == {
        key: value for key, value in design.estimate().resources.total.rounded().items() if key in ("lut", "ff", "dsp")
    }
    assert rows[-1]["lut_yosys"] == sum(row["lut_yosys"] for row in rows[:-1])


def test_equal_modules_are_counted_once_and_remembered(design: Design, tmp_path: Path) -> None:
    first, second = Counter(), Counter()
    rows = compare(design.netlist, PRICES, table=tmp_path / "t.csv", synthesise=first)
    different = {specimen.fingerprint() for _, specimen in modules(design.netlist)}
    assert len(first.jobs) == len(different) <= len(rows) - 1
    assert compare(design.netlist, PRICES, table=tmp_path / "t.csv", synthesise=second) == rows
    assert second.jobs == []


def test_a_module_that_fails_is_named(design: Design, tmp_path: Path) -> None:
    def fail(jobs: Sequence[SynthesisJob]) -> list[Cells]:
        raise IntaglioError("a latch")

    with pytest.raises(IntaglioError, match="a latch"):
        compare(design.netlist, PRICES, table=tmp_path / "t.csv", synthesise=fail)


def test_a_whole_network_is_within_a_tenth_of_its_modules_sum(design: Design, tmp_path: Path) -> None:
    """Through Yosys itself: a network that prices were not fitted to."""
    total = compare(design.netlist, PRICES, table=tmp_path / "t.csv", synthesise=synthesise_many)[-1]
    assert abs(total["lut"] - total["lut_yosys"]) <= 0.1 * total["lut_yosys"]
    assert abs(total["ff"] - total["ff_yosys"]) <= 0.1 * total["ff_yosys"]
    assert (total["dsp"], total["bram36"]) == (total["dsp_yosys"], total["bram36_yosys"])
