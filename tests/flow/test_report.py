"""The facts of a design beyond resources and cycles, and the tables and the page that show them."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import intaglio
import pytest
from intaglio.estimate.board import board_names, load_board
from intaglio.estimate.resources import KINDS
from intaglio.flow.design import Design
from intaglio.flow.show import print_facts
from intaglio.flow.show_insight import VIEWS
from intaglio.flow.source import load_source
from intaglio.passes.one_more import one_more_channel
from intaglio.report.page import render_page
from intaglio.report.units import count, joules, percent
from rich.console import Console
from small_networks import residual_network


@pytest.fixture(scope="module")
def design() -> Design:
    """Of a network that had a channel more before it was carved."""
    graph = residual_network()
    notes = {"before": one_more_channel(graph, "conv1"), "accuracy": {"FP32": 98.9, "frozen model": 98.5}}
    made = intaglio.compile(replace(graph, notes=notes), target_fps=100_000)
    made.marginal()
    made.break_even()
    return made


@pytest.fixture(scope="module")
def facts(design: Design) -> dict:
    return design.facts()


def test_facts_are_strict_json(facts: dict) -> None:
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts


def test_figures_are_those_of_the_network_after_and_before(design: Design, facts: dict) -> None:
    figures, summary = facts["figures"], design.estimate()
    rows = {row["name"]: row for row in figures["layers"]}
    assert {name: row["macs"] for name, row in rows.items() if row["macs"]} == {
        "conv1": 64 * 9 * 4,
        "conv2": 16 * 9 * 16,
        "fc": 20,
    }
    total, before = figures["total"], figures["before"]
    assert total["macs"] == sum(row["macs"] for row in rows.values()) == summary.figures.total.macs
    assert before["macs"] == 64 * 9 * 5 + 16 * 9 * 25 + 25
    assert total["weight_memory_bits"] == facts["total"]["weight_memory_bits"]
    # the image; the pooled tensor, which two layers and a residual read; four averages; five outputs of 10 bits
    assert total["feature_map_bits"] == 64 * 8 + 4 * 4 * 4 * 4 + 4 * 4 + 5 * design.graph.types["fc"].bits
    assert total["accuracy"] == 98.5
    bits = total["nonzero_weight_bits"] + total["feature_map_bits"]
    assert total["performance_density"] == round(98.5 / bits * 1e6, 3)
    assert total["gops"] == round(total["operations"] * summary.fps / 1e9, 3)
    assert before["performance_density"] is None


def test_layers_add_up_to_the_total(facts: dict) -> None:
    assert {row["name"] for row in facts["layers"]} >= {"FIFOs", "ports"}
    for kind in KINDS:
        rounding = len(facts["layers"])
        assert abs(sum(row[kind] for row in facts["layers"]) - facts["total"][kind]) <= rounding


def test_every_board_has_a_row_with_its_prices(design: Design, facts: dict) -> None:
    rows = {row["name"]: row for row in facts["boards"]}
    assert set(rows) == set(board_names())
    assert rows["pynq-z2"]["lut"] == facts["total"]["lut"]
    assert rows["pynq-z2"]["share"]["lut"] == facts["total"]["share"]["lut"]
    assert all(row["fits"] for row in rows.values())
    assert rows["kv260"]["prices"].startswith("xcup")
    assert facts["prices"]["family"] == "xc7"
    assert facts["prices"]["own"] is None
    assert facts["prices"]["made_by"] == dict(design.prices.made_by)


def test_energy_is_modelled_after_and_before(design: Design, facts: dict) -> None:
    modelled, energy = facts["energy"]["modelled"], design.estimate().energy
    assert energy is not None
    assert modelled["joules"] == energy.total == modelled["static_joules"] + modelled["dynamic_joules"]
    assert modelled["static_joules"] == 0.136 / design.estimate().fps
    assert set(modelled["block_joules"]) == {row["name"] for row in facts["layers"]}
    before = facts["energy"]["modelled_before"]
    assert before["joules"] == before["static_joules"] + before["dynamic_joules"]
    assert before["static_joules"] == pytest.approx(0.136 / facts["before"]["fps"])
    assert len(facts["energy"]["measured"]) == 5


def test_a_board_without_energy_has_none(design: Design) -> None:
    silent = replace(design, board=replace(load_board("pynq-z2"), energy=None))
    assert silent.estimate().energy is None
    facts = silent.facts()
    assert facts["energy"]["modelled"] is None
    assert "has no [energy]" in render_page(facts)
    assert "has no [energy]" in shown(facts, views=["energy"])


def test_insights_are_in_the_facts_once_they_were_asked_for(design: Design, facts: dict) -> None:
    assert {row["node"] for row in facts["marginal"]} >= {"x", "conv1", "quantised1", "fc"}
    assert [row["node"] for row in facts["break_even"]] == ["conv1", "conv2", "fc"]
    assert design.marginal() is design.marginal()
    fresh = replace(design, _insights={})
    assert "marginal" not in fresh.facts()


def shown(facts: dict, **options: object) -> str:
    console = Console(file=io.StringIO(), width=200)
    print_facts(facts, console, **options)
    return console.file.getvalue()


def test_every_view_is_a_table_of_its_own(facts: dict) -> None:
    plain, whole = shown(facts), shown(facts, views=list(VIEWS))
    assert "prices: xc7, fitted to" in plain
    assert plain.count("before carving") == 1
    for title in ("feature-map bits", "one more", "unrolled fits, from", "known by", "prices"):
        assert title in whole.replace("prices: xc7", "")
        assert title not in plain.replace("prices: xc7", "")
    assert "modelled, not measured" in whole
    assert "measured by Blouw" in whole
    assert "% per Mbit at an accuracy of 98.50 %" in whole
    assert "feature-map bits" in shown(facts, verbose=True)


def test_the_page_shows_all_of_it(facts: dict) -> None:
    page = render_page(facts)
    for title in (
        "One more of everything",
        "What it computes and stores",
        "From where on zeros pay",
        "Energy, modelled",
        "Against every board",
    ):
        assert f"<h2>{title}</h2>" in page
    assert "fitted to" in page
    assert page.count("not measured</small>") == 2
    assert "before carving" in page


def test_a_written_design_remembers_its_accuracy(design: Design, tmp_path: Path) -> None:
    source = load_source(design.write(tmp_path / "out"))
    assert source.graph.notes["accuracy"] == {"FP32": 98.9, "frozen model": 98.5}


def test_a_page_of_facts_that_have_less(facts: dict) -> None:
    """A folder that an earlier version wrote."""
    late = {"figures", "energy", "boards", "marginal", "break_even", "prices"}
    old = {key: value for key, value in facts.items() if key not in late}
    assert "Energy" not in render_page(old)
    assert "total" in shown(old)


def test_numbers_as_people_read_them() -> None:
    assert [count(v) for v in (0, 9_999_999, 12_345_678, 3e9, 4.2e12)] == ["0", "9,999,999", "12.3 M", "3.0 G", "4.2 T"]
    assert [joules(v) for v in (0.0, 1.5, 0.0298, 2.7e-4, 4.08e-7, 1e-12)] == [
        *("0 J", "1.5 J", "29.8 mJ", "270 µJ", "408 nJ", "1 pJ")
    ]
    assert percent(0.12345) == "12.3 %"
