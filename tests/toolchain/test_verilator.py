"""The Verilator wrapper: lint, reuse of an unchanged build, and cocotb tests that fail."""

from pathlib import Path

import pytest
from intaglio.errors import IntaglioError
from intaglio.toolchain.verilator import build, lint, run_cocotb, version


def test_lint_returns_warnings_and_raises_on_errors(add_source: Path, tmp_path: Path) -> None:
    assert lint([add_source], "add") == ""
    wide = tmp_path / "wide.sv"
    wide.write_text("module wide (input logic [7:0] a, output logic [3:0] b);\n  assign b = a;\nendmodule\n")
    assert "WIDTHTRUNC" in lint([wide], "wide")
    with pytest.raises(IntaglioError, match="nowhere"):
        lint([wide], "nowhere")


def test_an_unchanged_build_is_reused_and_a_changed_one_is_not(add_source: Path, tmp_path: Path) -> None:
    program = build([add_source], "add", tmp_path / "build", optimise="-O0")
    made = program.stat().st_mtime_ns
    assert build([add_source], "add", tmp_path / "build", optimise="-O0").stat().st_mtime_ns == made
    assert build([add_source], "add", tmp_path / "build", optimise="-O0", parameters={"K": 9}) == program
    assert program.stat().st_mtime_ns != made


def test_a_failing_cocotb_test_shows_its_log(add_source: Path, tmp_path: Path) -> None:
    (tmp_path / "bad_test.py").write_text(
        "import cocotb\n\n@cocotb.test()\nasync def wrong(top):\n    raise AssertionError('seven is not eight')\n"
    )
    build([add_source], "add", tmp_path / "build", optimise="-O0")
    with pytest.raises(IntaglioError, match="seven is not eight"):
        run_cocotb(tmp_path / "build", "add", "bad_test", python_path=[tmp_path], results=tmp_path / "results.xml")
    with pytest.raises(IntaglioError, match="no_such_module"):
        run_cocotb(tmp_path / "build", "add", "no_such_module", results=tmp_path / "results.xml")


def test_version_names_verilator() -> None:
    assert version()
