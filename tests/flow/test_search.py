"""search: rows, front and best; resumed, shared between processes, refused where it makes no sense."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import intaglio
import pytest
import search_script
from intaglio.estimate.board import board_file
from intaglio.flow.search import space as spaces
from intaglio.flow.search import store
from intaglio.flow.search.front import Row, SearchResult, pareto

SCRIPT = Path(search_script.__file__)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "HEARTBEAT", 1)
    monkeypatch.setattr(store, "GRACE", 3)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> SearchResult:
    return search_script.run(tmp_path_factory.mktemp("search"))


def process(folder: Path, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, str(SCRIPT), str(folder), *map(str, arguments)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def test_every_trial_is_a_design_that_was_priced(found: SearchResult) -> None:
    assert [row.state for row in found.rows] == ["built"] * 3
    dearest, said = found.rows[:2]
    assert dearest.recipe["keep"] == {"layer_0": 1.0, "layer_2": 1.0}
    assert dearest.recipe["weight_bits"] == {"layer_0": 4, "layer_2": 4, "layer_4": 4}
    assert dearest.found["kept"] == {"layer_0": [6, 6], "layer_2": [4, 4]}
    assert said.found["kept"] == {"layer_0": [3, 6], "layer_2": [2, 4]}
    assert said.cost < dearest.cost
    assert all(row.found["fps"] >= 1e6 for row in found.rows)
    assert dearest.drop == pytest.approx(found.float_accuracy - dearest.accuracy)


def test_the_design_of_a_row_is_the_one_that_was_measured(found: SearchResult) -> None:
    for row in found.front:
        design = found.design(row)
        assert design.estimate().total.lut == row.cost
        assert design.estimate().cycles.interval == row.found["interval_cycles"]
        assert found.recipe(row).resolved() == design.graph.notes["recipe"]


def test_what_is_written_reads_back_the_same(found: SearchResult, tmp_path: Path) -> None:
    found.write(tmp_path / "front")
    again = SearchResult.read(tmp_path / "front")
    assert again.to_json() == found.to_json()
    assert json.loads(found.to_json())["front"] == [row.number for row in found.front]
    svg = (tmp_path / "front" / "front.svg").read_text()
    assert svg.startswith("<svg")
    assert svg == found.plot()
    assert found.table().row_count == len(found.front)


def test_the_front_and_the_best() -> None:
    """By hand: a beats b, d beats nothing at its cost, e is the dearest and no better."""
    points = {"a": (90.0, 10.0), "b": (89.0, 11.0), "c": (95.0, 20.0), "d": (80.0, 5.0), "e": (95.0, 30.0)}
    assert [list(points)[i] for i in pareto(list(points.values()))] == ["d", "a", "c"]
    rows = tuple(Row(i, "built", a, 96 - a, {}, {"cost": c}) for i, (a, c) in enumerate(points.values()))
    rows += (Row(5, "refused", None, None, {}, {}, "too large"),)

    def best(drop: float) -> Row | None:
        return SearchResult(rows, 96.0, {"accuracy_drop": drop, "cost": "lut"}, Path()).best

    assert best(6.0) == rows[0]
    assert best(1.0) == rows[2]
    assert best(0.5) is None


def test_it_goes_on_where_it_was(tmp_path: Path) -> None:
    first = search_script.run(tmp_path, trials=1)
    second = search_script.run(tmp_path, trials=2)
    assert second.rows[:1] == first.rows
    assert [row.number for row in second.rows] == [0, 1]
    assert search_script.run(tmp_path, trials=2).rows == second.rows


def test_a_space_that_is_used_up_ends_the_search(tmp_path: Path) -> None:
    """Two points: each is tried once, however many trials are asked for."""
    result = search_script.run(tmp_path, trials=10, space={"weight_bits": (2, 4)}, per_layer=())
    assert [row.recipe["weight_bits"] for row in result.rows] == [4, 2]
    assert search_script.run(tmp_path, trials=10, space={"weight_bits": (2, 4)}, per_layer=()).rows == result.rows


def test_a_killed_trial_is_marked_and_done_anew(tmp_path: Path) -> None:
    """The process is killed in the middle of its first trial, whose batches do not come."""
    killed = process(tmp_path, 2, "stuck")
    deadline = time.monotonic() + 120
    while not _running(tmp_path / "search.db"):
        assert time.monotonic() < deadline
        assert killed.poll() is None, killed.communicate()[1]
        time.sleep(0.2)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    rows = search_script.run(tmp_path, trials=2).rows
    assert [row.state for row in rows].count("failed") == 1
    assert [row.state for row in rows].count("built") == 2
    assert rows[0].state == "failed"
    assert rows[0].recipe in [row.recipe for row in rows[1:]]


def _running(database: Path) -> bool:
    """Has a trial said what its recipe is?"""
    if not database.is_file():
        return False
    try:
        with closing(sqlite3.connect(database)) as opened:
            return bool(opened.execute("select 1 from trial_user_attributes").fetchall())
    except sqlite3.OperationalError:
        return False


def test_two_processes_share_one_study(tmp_path: Path) -> None:
    both = [process(tmp_path, 3) for _ in range(2)]
    for one in both:
        _, said = one.communicate(timeout=300)
        assert one.returncode == 0, said
    result = search_script.run(tmp_path, trials=3)
    assert [(row.number, row.state) for row in result.rows] == [(0, "built"), (1, "built"), (2, "built")]


def test_a_design_that_does_not_fit_is_recorded_with_its_reason(tmp_path: Path) -> None:
    board = tmp_path / "tiny.toml"
    text = board_file("pynq-z2").read_text()
    board.write_text(text.replace("lut = 53200", "lut = 400").replace("dsp = 220", "dsp = 0"))
    result = search_script.run(tmp_path / "out", board=str(board), trials=2, budget=1.0)
    dearest, said = result.rows
    assert (dearest.state, dearest.accuracy) == ("refused", None)
    assert dearest.reason.startswith("before training: target_fps: the cheapest design with an interval of")
    assert said.state == "built"
    assert result.front == (said,)
    with pytest.raises(intaglio.IntaglioError, match=r"there is no graph of trial 0 \(refused\)"):
        result.design(dearest)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"board": "pynq-z9"}, "there is no board 'pynq-z9'"),
        ({"target_fps": 1e9}, "no design reaches target_fps = 1e[+]09 at 100 MHz"),
        ({"trials": 0}, "trials = 0 makes no sense"),
        ({"budget": 1.5}, "budget = 1.5 makes no sense"),
        ({"cost": "watts"}, "cost = watts makes no sense"),
        ({"cost": "interval"}, "target_fps says the interval"),
        ({"space": {"kept": (0.5, 1.0)}}, "a recipe has no 'kept'"),
        ({"space": {"keep": (0.5, 1.5)}}, "keep = 1.5"),
        ({"space": {"keep": ()}}, r"keep has no choices: \(\)"),
        ({"space": {"weight_bits": (4,)}}, "the space has one point"),
        ({"per_layer": ("act_bits",)}, "per_layer has 'act_bits'"),
        ({"recipe": intaglio.Recipe("float")}, "a float recipe has nothing to search"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_written(
    changes: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(intaglio.IntaglioError, match=said):
        search_script.run(tmp_path / "out", **changes)
    assert not (tmp_path / "out").exists()


def test_labels_that_are_no_classes_are_refused(tmp_path: Path) -> None:
    _, valid = search_script.data()
    with pytest.raises(intaglio.IntaglioError, match="there is no accuracy to keep"):
        search_script.run(tmp_path / "out", valid=[(x, y.double()) for x, y in valid])


def test_a_store_of_another_search_is_refused(found: SearchResult, tmp_path: Path) -> None:
    with pytest.raises(intaglio.IntaglioError, match="the store holds another search: its epochs is 4") as error:
        search_script.run(found.folder, epochs=5)
    assert error.value.other == "epochs = 5"
    assert "another name for the study" in error.value.hint
    (tmp_path / "search.db").write_text("no database, but a text")
    with pytest.raises(intaglio.IntaglioError, match="the store cannot be opened"):
        search_script.run(tmp_path)


def test_methods_bring_the_space_that_decides_in_them() -> None:
    def fields(method: str) -> set[str]:
        model = intaglio.prepare(search_script.net(), search_script.example_input, intaglio.Recipe(method))
        return set(spaces.make_space(model).choices)

    assert fields("layerwise") == fields("admm") == {"keep", "weight_bits", "act_bits"}
    assert fields("djpq") == {"gate_weight", "bops_weight"}


def test_a_space_knows_what_demands_less() -> None:
    model = intaglio.prepare(search_script.net(), search_script.example_input, search_script.recipe)
    space = spaces.make_space(model, search_script.SPACE)
    dearest, said = space.first()
    assert space.demands_less(said, dearest)
    assert not space.demands_less(dearest, said)
    assert space.recipe_of(said).keep == {"layer_0": 0.5, "layer_2": 0.5}
    alike = spaces.make_space(model, search_script.SPACE, ())
    assert alike.recipe_of(alike.first()[1]).keep == 0.5


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from intaglio.cli import app

    command = ["search", str(SCRIPT), "--out", str(tmp_path), "--target-fps", "1e6", "--accuracy-drop", "30"]
    command += ["--trials", "1", "--epochs", "4", "--keep", "0.5", "--weight-bits", "2,4", "--json"]
    app(command, standalone_mode=False)
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((tmp_path / "front.json").read_text())
    assert printed["front"] == [0]
    with pytest.raises(intaglio.IntaglioError, match="'two' is no list of numbers"):
        app([*command[:-3], "--weight-bits", "two"], standalone_mode=False)
