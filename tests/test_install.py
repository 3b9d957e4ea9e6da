"""Both ways of installing find everything: the editable one that runs these tests, and a wheel built here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import intaglio
import pytest

ROOT = Path(__file__).resolve().parent.parent
PROBE = """
import intaglio, intaglio.templates, intaglio.boards
from intaglio.codegen.env import render
from intaglio.estimate.prices import load_prices
assert "pynq-z2" in intaglio.board_names()
assert load_prices("xc7").lut and load_prices("xcup").lut
assert "module intaglio_fifo" in render("rtl/lib/intaglio_fifo.sv.j2")
print(intaglio.__file__)
"""


def probe(**environment: str) -> Path:
    done = subprocess.run(
        [sys.executable, "-c", PROBE],
        env={**os.environ, **environment},
        cwd=Path.home(),
        capture_output=True,
        text=True,
        check=True,
    )
    return Path(done.stdout.strip())


def test_the_editable_install_finds_code_templates_and_boards() -> None:
    assert probe() == ROOT / "compiler" / "__init__.py"


def test_a_wheel_holds_code_templates_boards_and_prices(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("compiler", "templates", "boards"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    built = subprocess.run(
        [*pip, "wheel", "--no-deps", "--wheel-dir", tmp_path, source], capture_output=True, text=True, check=False
    )
    if built.returncode and "No matching distribution" in built.stderr:
        pytest.skip("building a wheel needs setuptools from a package index, and none answers")
    assert built.returncode == 0, built.stderr
    wheel = next(tmp_path.glob("intaglio-*.whl"))
    target = tmp_path / "installed"
    subprocess.run([*pip, "install", "--no-deps", "--target", target, wheel], check=True, capture_output=True)
    assert probe(PYTHONPATH=str(target)) == target / "intaglio" / "__init__.py"


def test_the_public_names_are_all_there() -> None:
    for name in intaglio.__all__:
        assert getattr(intaglio, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = intaglio.nonsense
