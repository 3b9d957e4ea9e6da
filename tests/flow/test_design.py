"""From an integer graph to a verified design and its folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import intaglio
import numpy as np
import pytest
from intaglio.codegen import rtl
from intaglio.flow.compile import _in_cycles
from intaglio.flow.design import Design
from intaglio.ir import parse_graph
from intaglio.report.page import render_page
from small_networks import branching_network, multilayer_perceptron, residual_network


@pytest.fixture(scope="module")
def design() -> Design:
    return intaglio.compile(residual_network(), board="pynq-z2", target_fps=50_000, name="little")


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(1).random((12, 1, 8, 8))


def test_simulator_hls_and_rtl_are_equal_and_cycles_are_as_predicted(design: Design, images: np.ndarray) -> None:
    result = design.verify(images)
    assert result.passed, result
    predicted = design.estimate().cycles
    assert result.interval_cycles == predicted.interval
    assert result.latency_cycles == predicted.latency


def test_latency_is_that_of_a_core_that_has_idled(images: np.ndarray) -> None:
    """A window kernel behind a fork shifts in its leading padding before the first beat comes."""
    graph = branching_network()
    design = intaglio.compile(graph, board="pynq-z2", target_interval=100)
    assert any(block.program.reads[0][0] > 0 for block in design.netlist.blocks)
    result = design.verify(images, backends=("rtl",))
    assert result.passed, result
    cycles = design.estimate().cycles
    assert (result.latency_cycles, result.interval_cycles) == (cycles.latency, cycles.interval)


def test_a_broken_template_is_found_and_named(
    design: Design, images: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One adder of the residual sum becomes a subtraction: the RTL must differ, first at that node."""
    right = rtl.render

    def wrong(template: str, /, **context: object) -> str:
        text = right(template, **context)
        if template != "rtl/add.sv.j2":
            return text
        assert "a + b" in text
        return text.replace("a + b", "a - b")

    monkeypatch.setattr(rtl, "render", wrong)
    result = design.verify(images[:3])
    assert not result
    assert result.rtl_mismatches > 0
    assert result.hls_mismatches == 0
    assert "RTL: joined[" in result.divergence
    assert "expected" in result.divergence


def test_a_broken_hls_template_is_found_and_named(
    design: Design, images: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    from intaglio.codegen import hls

    right = hls.render
    monkeypatch.setattr(hls, "render", lambda template, /, **c: _negated(right(template, **c), template))
    result = design.verify(images[:3], backends=("hls",))
    assert not result
    assert "HLS: " in result.divergence


def _negated(text: str, template: str) -> str:
    """Every accumulator of dense starts one too high."""
    return (
        text.replace("accumulator_t(biases[turn][p])", "accumulator_t(biases[turn][p] + 1)")
        if "dense" in template
        else text
    )


def test_a_design_is_written_whole(design: Design, images: np.ndarray, tmp_path: Path) -> None:
    folder = design.write(tmp_path / "out", x=images)
    facts = json.loads((folder / "report.json").read_text())
    assert facts["total"]["interval_cycles"] == design.estimate().cycles.interval
    assert parse_graph((folder / "graph.txt").read_text()) == design.graph
    page = (folder / "report.html").read_text()
    assert "http://" not in page.replace("http://www.w3.org", "").replace("http://purl.org", "").replace(
        "http://creativecommons.org", ""
    )
    assert (folder / "driver" / "little_driver.py").is_file()
    again = intaglio.compile(residual_network(), folding=folder / "folding.toml")
    assert again.netlist.schedule == design.netlist.schedule
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    design.write(folder, x=images)  # its own folder may be replaced
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_someone_elses_folder_is_left_alone(design: Design, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(intaglio.IntaglioError, match="there is something else in the way"):
        design.write(tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a place where not even root may write")
def test_a_read_only_folder_is_refused(design: Design) -> None:
    with pytest.raises(intaglio.IntaglioError, match="cannot be written"):
        design.write("/proc/intaglio/out")


def test_a_full_disk_leaves_nothing(design: Design, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = design.write(tmp_path / "out")
    before = sorted(p.relative_to(old) for p in old.rglob("*"))

    def full(self: Path, *_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(intaglio.IntaglioError, match="No space left on device"):
        design.write(tmp_path / "out")
    monkeypatch.undo()
    assert sorted(p.relative_to(old) for p in old.rglob("*")) == before
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_unknown_boards_and_impossible_demands_are_refused() -> None:
    graph = multilayer_perceptron()
    with pytest.raises(intaglio.IntaglioError, match="there is no board 'zedboard'"):
        intaglio.compile(graph, board="zedboard")
    with pytest.raises(intaglio.IntaglioError, match="no design reaches an interval of 0 cycles"):
        intaglio.compile(graph, target_fps=1e12)
    with pytest.raises(intaglio.IntaglioError, match="cannot name a core"):
        intaglio.compile(graph, name="module")


def test_the_fastest_design_that_fits_is_faster_than_a_slow_target() -> None:
    graph = multilayer_perceptron()
    fast, slow = intaglio.compile(graph), intaglio.compile(graph, target_fps=1_000_000)
    assert fast.estimate().cycles.interval == 1
    assert slow.estimate().fps >= 1_000_000
    assert slow.estimate().total.lut < fast.estimate().total.lut


def test_a_latency_is_reached_at_less_than_the_cost_of_the_fastest() -> None:
    graph = multilayer_perceptron()
    slow, fast = intaglio.compile(graph, target_fps=1_000_000).estimate(), intaglio.compile(graph).estimate()
    wanted = (slow.latency_us + fast.latency_us) / 2
    quick = intaglio.compile(graph, target_latency_us=wanted).estimate()
    assert fast.latency_us < quick.latency_us <= wanted < slow.latency_us
    assert slow.total.lut < quick.total.lut < fast.total.lut
    both = intaglio.compile(graph, target_latency_us=wanted, target_fps=quick.fps * 1.2).estimate()
    assert both.latency_us <= wanted
    assert both.fps >= quick.fps * 1.2


def test_targets_are_positive_and_the_shorter_interval_counts() -> None:
    graph = multilayer_perceptron()
    for name in ("target_fps", "target_interval", "target_latency_us"):
        for value in (0, -1, float("nan"), float("inf")):
            with pytest.raises(intaglio.IntaglioError, match=f"{name} must be positive, not {value}"):
                intaglio.compile(graph, **{name: value})
    design = intaglio.compile(graph, clock_mhz=100, target_interval=6, target_fps=100_000)
    assert design.estimate().cycles.interval <= 6
    design = intaglio.compile(graph, clock_mhz=100, target_interval=1000, target_fps=100e6 / 6)
    assert design.estimate().cycles.interval <= 6


def test_a_latency_of_whole_cycles_is_met_by_that_many() -> None:
    """0.29 us at 100 MHz are 29 cycles, though 0.29 * 100 is below 29 in binary."""
    assert all(_in_cycles(100, None, None, cycles / 100) == (None, cycles) for cycles in range(1, 2000))
    graph = multilayer_perceptron()
    latency = intaglio.compile(graph, clock_mhz=100).estimate().cycles.latency
    exactly = intaglio.compile(graph, clock_mhz=100, target_latency_us=latency / 100)
    assert exactly.estimate().cycles.latency <= latency
    with pytest.raises(intaglio.IntaglioError, match=f"no design reaches a latency of {latency - 2} cycles"):
        intaglio.compile(graph, clock_mhz=100, target_latency_us=(latency - 2) / 100)


@pytest.mark.parametrize("strategy", ["adders", "da4ml"])
def test_strategies_unroll_everything(strategy: str) -> None:
    graph = multilayer_perceptron()
    design = intaglio.compile(graph, target_fps=100, strategy=strategy)
    assert design.estimate().cycles.interval == 1
    assert design.asked["strategy"] == strategy
    assert intaglio.compile(graph, target_fps=100).estimate().cycles.interval > 1


def test_facts_say_which_layer_sets_the_interval_and_which_resource_binds(design: Design) -> None:
    facts, summary = design.facts(), design.estimate()
    rows = {row["name"]: row for row in facts["layers"]}
    interval = summary.cycles.interval
    assert facts["total"]["bottleneck"] == summary.cycles.bottleneck
    for name, steps in summary.cycles.steps.items():
        assert rows[name]["cycles"] == steps
        assert rows[name]["busy"] == round(steps / interval, 4)
        assert rows[name]["bottleneck"] == (steps == interval)
    assert rows[summary.cycles.bottleneck]["bottleneck"]
    assert sum(row.get("bottleneck", False) for row in rows.values()) < len(rows)
    shares = facts["total"]["share"]
    assert shares[facts["total"]["binding"]] == max(shares.values()) > 0
    assert facts["asked"] == {"budget": 0.8, "target_fps": 50_000, "strategy": "auto"}
    page = render_page(facts)
    assert page.count("<td>bottleneck</td>") == sum(row.get("bottleneck", False) for row in rows.values())
    assert f"most used: {facts['total']['binding'].upper()}" in page
    assert "<tr><td>target_fps</td>" in page


@pytest.mark.skipif(shutil.which("make") is None, reason="no make here")
def test_the_written_c_simulation_checks_itself(design: Design, images: np.ndarray, tmp_path: Path) -> None:
    import subprocess

    from intaglio.toolchain.cpp import ap_types_include

    folder = design.write(tmp_path / "out", x=images[:2]) / "hls"
    command = ["make", "csim", f"AP_TYPES={ap_types_include()}"]
    assert subprocess.run(command, cwd=folder, check=False, capture_output=True).returncode == 0
    vectors = folder / "expected_0.txt"
    lines = vectors.read_text().splitlines()
    vectors.write_text("\n".join([format(int(lines[0], 16) ^ 1, "x"), *lines[1:]]) + "\n")
    assert subprocess.run(command, cwd=folder, check=False, capture_output=True).returncode != 0
