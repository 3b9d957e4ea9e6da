"""The layering of design section 1, read from the imports; and proof that this reading bites."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "compiler"

# Strictly downwards; rooms of one rank do not import each other.
RANK = {
    "errors": 0,
    "ir": 1,
    "ops": 2,
    "estimate": 3,
    "passes": 4,
    "simulator": 4,
    "schedule": 4,
    "codegen": 4,
    "compress": 4,
    "frontend": 5,
    "toolchain": 6,
    "report": 7,
    "flow": 8,
    "cli": 9,
}
TORCH_ROOMS = {"frontend", "compress", "flow"}


def imports_of(source: str, room: str, depth: int) -> list[str]:
    """The rooms that a module `depth` folders below the package imports, itself excluded; plus `torch` if it does."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            if node.level == 0:
                parts = (node.module or "").split(".")
                found += [parts[1]] if parts[0] == "intaglio" and len(parts) > 1 else []
                found += ["torch"] if parts[0] == "torch" else []
            elif node.level > depth:
                names = [node.module.split(".")[0]] if node.module else [alias.name for alias in node.names]
                found += names
        elif isinstance(node, ast.Import):
            found += ["torch" for alias in node.names if alias.name.split(".")[0] == "torch"]
    return [name for name in found if name != room]


def violations(source: str, path: Path) -> list[str]:
    relative = path.relative_to(PACKAGE)
    room = relative.parts[0].removesuffix(".py")
    depth = len(relative.parts) - 1
    if room == "__init__":
        return []
    problems = []
    for name in imports_of(source, room, depth):
        if name == "torch":
            if room not in TORCH_ROOMS:
                problems.append(f"{relative} imports torch")
        elif name in RANK and RANK[name] >= RANK[room]:
            problems.append(f"{relative} imports {name}, which is not below {room}")
        elif name not in RANK and name not in {"templates", "boards"}:
            problems.append(f"{relative} imports the unknown room {name}")
    return problems


def test_every_room_imports_downwards_only() -> None:
    problems = [p for path in PACKAGE.rglob("*.py") for p in violations(path.read_text(), path)]
    assert problems == []


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("ops/dense.py", "from ..simulator import run"),
        ("simulator/interpreter.py", "from ..passes.lower import lower"),
        ("ir/graph.py", "from intaglio.ops import Dense"),
        ("codegen/rtl.py", "import torch"),
        ("ops/source/add.py", "from ...flow import prepare"),
        ("estimate/cycles.py", "from .. import schedule"),
    ],
)
def test_the_reading_of_imports_bites(path: str, line: str) -> None:
    assert violations(line, PACKAGE / path) != []


def test_operators_are_named_only_where_they_may_be() -> None:
    """Only ops, frontend, passes and compress import a concrete operator (flow composes, and benches networks)."""
    from intaglio import ops
    from intaglio.ops import source

    concrete = {*ops.__all__, *source.__all__}
    problems = []
    for path in PACKAGE.rglob("*.py"):
        room = path.relative_to(PACKAGE).parts[0]
        if room in {"ops", "frontend", "passes", "compress", "flow"}:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                problems += [f"{path.name} names {alias.name}" for alias in node.names if alias.name in concrete]
    assert problems == []


@pytest.mark.parametrize(
    "module", ["intaglio", "intaglio.simulator", "intaglio.codegen.rtl", "intaglio.estimate.cycles", "intaglio.cli"]
)
def test_torch_is_not_imported_by(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_no_file_outgrows_four_hundred_lines() -> None:
    assert [p.name for p in PACKAGE.rglob("*.py") if len(p.read_text().splitlines()) > 400] == []


def test_every_operator_is_complete() -> None:
    """Each registered integer operator that can be built has its two templates and its test."""
    from intaglio.ir import Op

    root = PACKAGE.parent
    missing = []
    for name, cls in Op.registry.items():
        if "." in name or name == "requantise" or not cls.__module__.startswith("intaglio.ops"):
            continue
        paths = (f"templates/hls/{name}.cpp.j2", f"templates/rtl/{name}.sv.j2", f"tests/ops/test_{name}.py")
        missing += [path for path in paths if not (root / path).is_file()]
    assert missing == []


def test_every_operator_that_can_be_built_is_measured_by_calibrate() -> None:
    """An operator without specimens would be priced by parts that were never measured in it."""
    from intaglio.flow.specimens import COUNTS
    from intaglio.ir import Op

    built = {name for name in Op.registry if "." not in name and name != "requantise"}
    assert {n for n in built if Op.registry[n].__module__.startswith("intaglio.ops.")} <= set(COUNTS)
