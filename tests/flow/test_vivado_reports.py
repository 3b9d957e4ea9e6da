"""Prices from Vivado's reports: what is read, that prices follow it, where they are kept, that they are in force."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from intaglio.errors import IntaglioError
from intaglio.estimate.board import board_file, load_board
from intaglio.estimate.prices import load_prices
from intaglio.estimate.resources import Resources
from intaglio.flow.compile import compile as compile_graph
from intaglio.flow.design import Design
from intaglio.flow.judge import predicted
from intaglio.flow.synthesised import modules
from intaglio.flow.vivado_reports import calibrate_reports
from intaglio.ir import Graph
from intaglio.toolchain.utilization import read_utilization
from small_networks import residual_network

HEADER = """Copyright 1986-2022 Xilinx, Inc. All Rights Reserved.
| Tool Version : Vivado v.2023.2 (lin64) Build 4029153 Fri Oct 13 20:13:54 MDT 2023
| Design       : system_wrapper

1. Utilization by Hierarchy
---------------------------

"""


def report_text(rows: dict[str, Resources]) -> str:
    """As `report_utilization -hierarchical` draws it."""
    names = (
        "Instance",
        "Module",
        "Total LUTs",
        "Logic LUTs",
        "LUTRAMs",
        "SRLs",
        "FFs",
        "RAMB36",
        "RAMB18",
        "DSP Blocks",
    )
    bar = "+" + "+".join("-" * (len(name) + 2) for name in names) + "+\n"
    lines = [bar, "| " + " | ".join(names) + " |\n", bar]
    for name, used in rows.items():
        whole, half = divmod(round(2 * used.bram36), 2)
        cells = (f"  {name}", "x", round(used.lut), 0, 0, 0, round(used.ff), whole, half, round(used.dsp))
        lines.append("| " + " | ".join(map(str, cells)) + " |\n")
        lines.append(f"|     ({name}) | x | 1 | 1 | 0 | 0 | 1 | 0 | 0 | 0 |\n")
    return HEADER + "".join(lines) + bar


@pytest.fixture(scope="module")
def graph() -> Graph:
    return residual_network()


@pytest.fixture(scope="module")
def design(graph: Graph) -> Design:
    return compile_graph(graph, board="pynq-z2", target_fps=100_000)


def vivados(design: Design) -> dict[str, Resources]:
    """What a Vivado might count: 0.7 of Yosys's LUTs, 1.1 of its FFs, softly varied."""
    prices, rng = load_prices("xc7"), np.random.default_rng(0)
    prefix = {channel.name: "fifo_" for channel in design.netlist.channels}
    return {
        prefix.get(name, "u_") + name: Resources(
            0.7 * predicted(specimen, prices, "lut") * rng.uniform(0.97, 1.03),
            1.1 * predicted(specimen, prices, "ff") * rng.uniform(0.97, 1.03),
        )
        for name, specimen in modules(design.netlist)
        if not name.endswith(" port")
    }


@pytest.fixture
def board(tmp_path: Path) -> Path:
    return Path(shutil.copy(board_file("pynq-z2"), tmp_path / "mine.toml"))


def test_a_report_is_read_by_instance(tmp_path: Path) -> None:
    path = tmp_path / "u.rpt"
    path.write_text(report_text({"u_a": Resources(120, 80, 3, 1.5), "u_b": Resources(7, 0)}))
    assert read_utilization(path) == (
        {"u_a": Resources(120, 80, 3, 1.5), "u_b": Resources(7, 0)},
        "Vivado v.2023.2",
    )


def test_prices_follow_the_report_and_are_in_force_for_the_board_alone(
    design: Design, graph: Graph, board: Path, tmp_path: Path
) -> None:
    folder = design.write(tmp_path / "core")
    (folder / "ip" / "utilization.rpt").write_text(report_text(vivados(design)))
    found = calibrate_reports([folder], str(board))
    assert found["ratio"]["lut"] == pytest.approx(0.7, abs=0.05)
    assert found["ratio"]["ff"] == pytest.approx(1.1, abs=0.07)
    assert found["median_error"]["lut"]["before"] > 0.3
    assert found["median_error"]["lut"]["held_out"] < 0.1
    assert found["prices"] == str(board.with_name("mine.prices.json"))
    assert load_board(str(board)).prices == found["prices"]
    again = compile_graph(graph, board=str(board), folding=folder / "folding.toml")
    ours, theirs = again.estimate().resources.total, design.estimate().resources.total
    assert ours.lut == pytest.approx(0.7 * theirs.lut, rel=0.1)
    assert "Vivado v.2023.2" in load_prices(found["prices"]).title
    assert load_board("pynq-z2").prices == "xc7"


def test_fitting_again_starts_from_the_familys_prices(design: Design, board: Path, tmp_path: Path) -> None:
    folder = design.write(tmp_path / "core")
    (folder / "ip" / "utilization.rpt").write_text(report_text(vivados(design)))
    assert calibrate_reports([folder], str(board)) == calibrate_reports([folder], str(board))


def test_a_folder_without_a_report(design: Design, board: Path, tmp_path: Path) -> None:
    folder = design.write(tmp_path / "core")
    with pytest.raises(IntaglioError, match=r"the report cannot be read: .*No such file"):
        calibrate_reports([folder], str(board))


@pytest.mark.parametrize("text", ["", "| Instance |\n", "nonsense\n"])
def test_a_file_that_is_no_report(text: str, tmp_path: Path) -> None:
    path = tmp_path / "u.rpt"
    path.write_text(text)
    with pytest.raises(IntaglioError, match="no table of instances") as caught:
        read_utilization(path)
    assert "report_utilization -hierarchical" in str(caught.value)


def test_a_report_of_another_design(design: Design, board: Path, tmp_path: Path) -> None:
    folder = design.write(tmp_path / "core")
    (folder / "ip" / "utilization.rpt").write_text(report_text({"u_elsewhere": Resources(5, 5)}))
    with pytest.raises(IntaglioError, match="the report knows none of the design's modules"):
        calibrate_reports([folder], str(board))
    assert not board.with_name("mine.prices.json").exists()


def test_a_prices_file_that_holds_none(board: Path) -> None:
    board.with_name("mine.prices.json").write_text("{}")
    with pytest.raises(IntaglioError, match="these are no prices"):
        load_prices(load_board(str(board)).prices)
