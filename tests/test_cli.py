"""The command line: what people type, and what they read when it was wrong."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from intaglio.cli import main
from intaglio.ir import print_graph
from small_networks import multilayer_perceptron


class Answer:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*words: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["intaglio", *map(str, words)])
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        captured = capsys.readouterr()
        return Answer(code, captured.out, captured.err)

    return call


@pytest.fixture
def graph_file(tmp_path: Path) -> Path:
    path = tmp_path / "graph.txt"
    path.write_text(print_graph(multilayer_perceptron()))
    return path


def test_boards_lists_every_board_with_its_part(run) -> None:
    rows = {row["name"]: row for row in json.loads(run("boards", "--json").out)}
    assert rows["pynq-z2"]["part"] == "xc7z020clg400-1"
    assert (rows["pynq-z2"]["lut"], rows["pynq-z2"]["ff"], rows["pynq-z2"]["dsp"]) == (53200, 106400, 220)
    assert set(rows) >= {"pynq-z2", "ultra96-v2", "zcu104", "kv260", "arty-a7-100t", "alveo-u250"}
    assert "xck26-sfvc784-2LV-c" in run("boards").out


def test_estimate_prints_a_table_and_json(run, graph_file: Path) -> None:
    facts = json.loads(run("estimate", graph_file, "--board", "pynq-z2", "--json").out)
    assert facts["board"]["name"] == "pynq-z2"
    assert facts["total"]["fits"] is True
    assert facts["total"]["lut"] > 0
    names = {row["name"] for row in facts["layers"]}
    assert {"hidden", "out"} <= names
    text = run("estimate", graph_file, "-v").out
    assert "hidden" in text
    assert "FIFO" in text


def test_compile_writes_the_whole_folder_and_report_reads_it(run, graph_file: Path, tmp_path: Path) -> None:
    answer = run("compile", graph_file, "--out", tmp_path / "design", "--board", "pynq-z2")
    assert answer.code == 0, answer.err
    for name in ("graph.txt", "report.json", "report.html", "ip/package.tcl", "ip/block_design.tcl", "hls/build.tcl"):
        assert (tmp_path / "design" / name).is_file(), name
    assert (tmp_path / "design" / "rtl" / "network.v").is_file()
    assert json.loads(run("report", tmp_path / "design", "--json").out)["name"] == "network"
    again = json.loads(run("estimate", tmp_path / "design", "--json").out)
    assert again["total"] == json.loads((tmp_path / "design" / "report.json").read_text())["total"]
    assert again["asked"]["folding"]["nodes"] == ["hidden", "out", "quantised"]  # as it was built, not chosen anew
    slower = json.loads(run("estimate", tmp_path / "design", "--target-fps", 1000, "--json").out)
    assert slower["total"]["lut"] < again["total"]["lut"]
    assert "folding" not in slower["asked"]


def test_a_folding_is_edited_and_given_back(run, graph_file: Path, tmp_path: Path) -> None:
    assert run("compile", graph_file, "--out", "design", "--target-fps", "1e6").code == 0
    path = tmp_path / "design" / "folding.toml"
    before = tomllib.loads(path.read_text())
    line = next(text for text in path.read_text().splitlines() if text.startswith("out = "))
    (tmp_path / "mine.toml").write_text(line.replace(f"pe = {before['out']['pe']}", "pe = 2"))
    assert before["out"]["pe"] != 2
    command = ("compile", graph_file, "--out", "mine", "--target-fps", "1e6", "--folding", "mine.toml")
    answer = run(*command)
    assert answer.code == 0, answer.err
    assert "mine.toml: kernels by hand: out" in answer.out
    assert tomllib.loads((tmp_path / "mine" / "folding.toml").read_text())["out"]["pe"] == 2
    config = tmp_path / "intaglio.toml"
    config.write_text('folding = "mine.toml"\ntarget-latency-us = 1\nstrategy = "auto"\n')
    facts = json.loads(run("estimate", graph_file, "--config", config, "--json").out)
    assert facts["asked"]["folding"]["nodes"] == ["out"]
    assert facts["asked"]["target_latency_us"] == 1
    assert facts["total"]["latency_us"] <= 1


def test_finn_folding_says_what_it_skips(run, graph_file: Path, tmp_path: Path) -> None:
    layers = {"Defaults": {}, "MVAU_0": {"PE": 2, "SIMD": 3}, "MVAU_1": {"PE": 3, "SIMD": 6}, "StreamingFIFO_0": {}}
    (tmp_path / "finn.json").write_text(json.dumps(layers))
    answer = run("estimate", graph_file, "--folding", "finn.json")
    assert answer.code == 0, answer.err
    assert "finn.json: kernels by hand: hidden, out\n  skipped StreamingFIFO: Intaglio makes its own\n" in answer.out


def test_estimate_marks_the_bottleneck(run, graph_file: Path) -> None:
    text = run("estimate", graph_file, "--target-fps", "3e6").out
    marked = [line for line in text.splitlines() if line.rstrip(" │").endswith("bottleneck")]
    facts = json.loads(run("estimate", graph_file, "--target-fps", "3e6", "--json").out)
    assert [line.split("│")[1].strip() for line in marked] == [
        row["name"] for row in facts["layers"] if row.get("bottleneck")
    ]
    assert f"bottleneck {facts['total']['bottleneck']}; most used: LUT" in text


def test_estimate_says_more_where_it_is_asked(run, graph_file: Path) -> None:
    command = ("estimate", graph_file, "--target-fps", "3e6")
    plain = run(*command).out
    assert "prices: xc7, fitted to" in plain
    flags = ("--figures", "--energy", "--boards", "--marginal", "--break-even")
    whole = run(*command, *flags)
    assert whole.code == 0, whole.err
    for title in ("MACs", "modelled, not measured", "alveo-u250", "one more", "folded, from"):
        assert title in whole.out
        assert title not in plain
    facts = json.loads(run(*command, "--marginal", "--break-even", "--json").out)
    assert {row["what"] for row in facts["marginal"]} >= {"weight bit", "output bit", "input bit", "channel", "PE"}
    assert [row["node"] for row in facts["break_even"]] == ["hidden", "out"]
    assert facts["figures"]["total"]["macs"] == 6 * 9 + 3 * 6
    assert facts["energy"]["modelled"]["joules"] > 0
    assert len(facts["boards"]) == 6
    short = json.loads(run(*command, "--json").out)
    assert "marginal" not in short
    assert short["figures"] == facts["figures"]


def test_a_written_report_has_what_was_looked_for(run, graph_file: Path, tmp_path: Path) -> None:
    answer = run("compile", graph_file, "--out", "design", "--target-fps", "1e6", "--marginal", "--break-even")
    assert answer.code == 0, answer.err
    assert "one more" in answer.out
    page = (tmp_path / "design" / "report.html").read_text()
    assert "One more of everything" in page
    assert "From where on zeros pay" in page
    assert "one more" in run("report", "design").out


def test_simulate_runs_an_array(run, graph_file: Path, tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(4, 9))
    np.save(tmp_path / "x.npy", x)
    answer = run("simulate", graph_file, "--input", tmp_path / "x.npy", "--output", tmp_path / "y.npy", "--json")
    assert answer.code == 0, answer.err
    y = np.load(tmp_path / "y.npy")
    assert y.shape == (4, 3)
    assert (np.array(json.loads(answer.out)) == y).all()


def test_a_config_holds_any_flag_and_the_command_line_wins(run, graph_file: Path, tmp_path: Path) -> None:
    config = tmp_path / "intaglio.toml"
    config.write_text('board = "kv260"\nclock-mhz = 150\n[estimate]\nbudget = 0.5\n')
    facts = json.loads(run("estimate", graph_file, "--config", config, "--json").out)
    assert (facts["board"]["name"], facts["clock_mhz"]) == ("kv260", 150)
    facts = json.loads(run("estimate", graph_file, "--config", config, "--board", "zcu104", "--json").out)
    assert facts["board"]["name"] == "zcu104"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("estimate", "graph.txt", "--board", "pinq"), "there is no board 'pinq'"),
        (("estimate", "nothing.py"), "nothing.py: there is no such file"),
        (("estimate", "graph.txt", "--budget", "3"), "a budget is a share above 0 and up to 1, not 3.0"),
        (("estimate", "graph.txt", "--budget", "0.0001"), "not even the smallest design fits the budget"),
        (("estimate", "graph.txt", "--target-fps", "1e12"), "no design reaches an interval of 0 cycles"),
        (("estimate", "graph.txt", "--target-latency-us", "0.01"), "no design reaches a latency of 1 cycles"),
        (("estimate", "graph.txt", "--target-latency-us", "-1"), "target_latency_us must be positive, not -1.0"),
        (("estimate", "graph.txt", "--strategy", "fast"), "there is no strategy 'fast'"),
        (("estimate", "graph.txt", "--folding", "none.toml"), "none.toml: the folding cannot be read: No such file"),
        (("compile", "graph.txt", "--out", "x", "--folding", "bad.toml"), "bad.toml: there is no node 'bord'"),
        (("verify", "graph.txt", "--folding", "finn.json"), "finn.json, MVAU_5: there is no such layer"),
        (("estimate", "graph.txt", "--clock-mhz", "-1"), "a clock of -1.0 MHz is out of range"),
        (("estimate", "broken.txt"), "this is not an Intaglio graph"),
        (("estimate", "odd.bin"), "a .bin file is no source"),
        (("simulate", "graph.txt", "--input", "wrong.npy"), "the input x has shape (4, 7), not (N, 9)"),
        (("simulate", "graph.txt", "--input", "nan.npy"), "the input holds NaN or infinity"),
        (("simulate", "graph.txt", "--input", "none.npy"), "the inputs cannot be read"),
        (("report", "."), "there is no design to report"),
        (("bench", "speed"), "there is no benchmark 'speed'"),
        (("estimate", "graph.txt", "--config", "bad.toml"), "there is no option 'bord'"),
        (("estimate", "fails.py"), "the script fails: ZeroDivisionError"),
        (("estimate", "empty.py"), "the script has no function trained()"),
        (("compile", "graph.txt", "--out", "taken"), "there is something else in the way"),
        (("compile", "graph.txt", "--out", "graph.txt/design"), "graph.txt"),
        (("frobnicate",), "No such command"),
    ],
)
def test_bad_input_is_one_message_and_exit_code_two(run, graph_file: Path, tmp_path: Path, words, message) -> None:
    (tmp_path / "broken.txt").write_text("nonsense")
    (tmp_path / "odd.bin").write_text("x")
    (tmp_path / "bad.toml").write_text('bord = "kv260"')
    (tmp_path / "finn.json").write_text('{"MVAU_5": {"PE": 1}}')
    (tmp_path / "fails.py").write_text("1 / 0")
    (tmp_path / "empty.py").write_text("")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.tex").write_text("years of work")
    np.save(tmp_path / "wrong.npy", np.zeros((4, 7)))
    np.save(tmp_path / "nan.npy", np.full((4, 9), np.nan))
    before = sorted(tmp_path.rglob("*"))
    answer = run(*words)
    assert answer.code == 2
    assert message in answer.err
    assert "Traceback" not in answer.err
    assert answer.out == ""
    assert [p for p in sorted(tmp_path.rglob("*")) if "__pycache__" not in str(p)] == before


SCRIPT = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 4, 3, padding=1, padding_mode="reflect")
        self.last = nn.Linear(4, 2)
    def forward(self, x):
        x = torch.sqrt(self.first(x))
        return self.last(x.mean((2, 3)))

def net():
    return Net()

example_input = torch.zeros(1, 1, 8, 8)
"""


def test_check_lists_every_unsupported_layer_at_once(run, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(SCRIPT)
    answer = run("check", "net.py", "--json")
    assert answer.code == 2
    wrong = [row for row in json.loads(answer.out) if not row["supported"]]
    assert len(wrong) == 2
    assert any("reflect" in row["why"] for row in wrong)
    assert all(row["instead"] and row["loc"] for row in wrong)
    assert run("check", "net.py").code == 2


NAN_SCRIPT = """
import intaglio, torch
from torch import nn

recipe = intaglio.Recipe()
example_input = torch.zeros(1, 4)

def net():
    layer = nn.Linear(4, 2)
    layer.weight.data[1, 2] = float("nan")
    return nn.Sequential(nn.Linear(4, 4), layer)

def trained(recipe=recipe, epochs=1):
    return intaglio.prepare(net(), example_input, recipe), None, None
"""


def test_a_nan_weight_and_a_wrong_input_shape_are_named(run, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(NAN_SCRIPT)
    for command in (("estimate", "net.py"), ("compile", "net.py", "--out", "design"), ("check", "net.py")):
        answer = run(*command)
        assert answer.code == 2
        assert "1.weight" in answer.err
        assert "NaN" in answer.err
        assert not (tmp_path / "design").exists()
    wrong = NAN_SCRIPT.replace('layer.weight.data[1, 2] = float("nan")', "pass").replace("zeros(1, 4)", "zeros(1, 5)")
    (tmp_path / "net.py").write_text(wrong)
    answer = run("estimate", "net.py")
    assert answer.code == 2
    assert "Traceback" not in answer.err
    assert "shape" in answer.err


def test_an_unsupported_layer_stops_compile_with_its_line(run, tmp_path: Path) -> None:
    script = SCRIPT + "\nimport intaglio\nrecipe = intaglio.Recipe()\n"
    script += "def trained(recipe, epochs=1):\n    return intaglio.prepare(net(), example_input, recipe), None, None\n"
    (tmp_path / "net.py").write_text(script)
    answer = run("compile", "net.py", "--out", "design")
    assert answer.code == 2
    assert "net.py:11" in answer.err
    assert "reflect" in answer.err
    assert "sqrt" in answer.err
    assert not (tmp_path / "design").exists()


# ---- calibrate -----------------------------------------------------------------------------------------------------


def test_calibrate_says_whose_prices_and_which_kinds(run, tmp_path: Path) -> None:
    answer = run("calibrate", tmp_path)
    assert answer.code == 2
    assert "--board: whose prices are these?" in answer.err
    answer = run("calibrate", tmp_path, tmp_path, "--board", "pynq-z2", "--report", "u.rpt")
    assert answer.code == 2
    assert "one report cannot be of several designs" in answer.err
    answer = run("calibrate", "--family", "ice40", "--out", tmp_path / "new")
    assert answer.code == 2
    assert "unknown device family 'ice40'" in answer.err
    answer = run("calibrate", "--kinds", "desne", "--out", tmp_path / "new")
    assert answer.code == 2
    assert "no modules of a kind 'desne' are measured" in answer.err
    assert not (tmp_path / "new").exists()
    for told in (["--limit", 3], ["--out", tmp_path / "new"], ["--like", "xc7"]):
        answer = run("calibrate", "--fresh", 5, *told)
        assert answer.code == 2
        assert f"{told[0]}: fresh modules are judged, nothing is fitted" in answer.err
    assert not (tmp_path / "new").exists()


def test_calibrate_of_a_few_modules_prints_what_there_is(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from intaglio.toolchain import yosys

    def count(jobs: list[yosys.SynthesisJob]) -> list[yosys.Cells]:
        return [yosys.Cells(100 + number, 50, 0, 0.0, 0, 0, 0, 0) for number, _ in enumerate(jobs)]

    monkeypatch.setattr(yosys, "synthesise_many", count)
    answer = run("calibrate", "--limit", "6", "--jobs", "1", "--out", tmp_path / "new")
    assert answer.code == 0
    assert "50 to 2000 LUT" in answer.out
    assert "rank correlation (Spearman) in LUT: " in answer.out
    assert {path.name for path in (tmp_path / "new").iterdir()} == {
        "measured_xc7.csv",
        "prices_xc7.json",
        "errors_xc7.json",
    }
