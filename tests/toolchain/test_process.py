"""Running commands: the log, its tail in the message, timeouts, missing programs."""

import sys
from pathlib import Path

import pytest
from intaglio.errors import IntaglioError
from intaglio.toolchain.process import find_tool, run
from intaglio.toolchain.xilinx import find_vitis, find_vivado


def test_a_failure_shows_the_end_of_the_log(tmp_path: Path) -> None:
    script = "import sys\nfor k in range(99): print('line', k)\nsys.exit(3)"
    with pytest.raises(IntaglioError, match=r"exit status 3\)\n(?s:.*)line 98") as caught:
        run([sys.executable, "-c", script], tmp_path, tmp_path / "log")
    assert "line 50\n" not in str(caught.value)
    assert "line 50\n" in (tmp_path / "log").read_text()


def test_a_long_line_of_the_log_is_shortened(tmp_path: Path) -> None:
    script = "print('constant', '7' * 99999); raise SystemExit(1)"
    with pytest.raises(IntaglioError, match="constant 777") as caught:
        run([sys.executable, "-c", script], tmp_path, tmp_path / "log")
    assert len(str(caught.value)) < 1500


def test_the_environment_is_extended(tmp_path: Path) -> None:
    run([sys.executable, "-c", "import os; print(os.environ['COLOUR'])"], tmp_path, tmp_path / "log", {"COLOUR": "red"})
    assert (tmp_path / "log").read_text().endswith("red\n")


def test_timeouts_and_missing_programs(tmp_path: Path) -> None:
    with pytest.raises(IntaglioError, match="did not finish"):
        run([sys.executable, "-c", "import time; time.sleep(9)"], tmp_path, tmp_path / "log", timeout_s=0.2)
    with pytest.raises(IntaglioError, match="cannot run no_such_program"):
        run(["no_such_program"], tmp_path, tmp_path / "log")


def test_tools_are_a_path_or_none() -> None:
    assert find_tool("no_such_program") is None
    assert find_tool("python3") is not None
    for found in (find_vitis(), find_vivado()):
        assert found is None or found.is_file()
