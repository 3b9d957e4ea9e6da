"""What a command is given: a script that trains a network, an ONNX file, a folder of `compile`, or a graph as text."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from .. import ops  # noqa: F401  the operators register themselves
from ..errors import IntaglioError
from ..ir import Graph, parse_graph, verify


@dataclass(frozen=True)
class Source:
    """A graph, inputs to try it on (None: random ones), their labels, and what its maker says to compile it with."""

    graph: Graph
    x: Any = None
    y: Any = None
    defaults: Mapping[str, Any] = field(default_factory=dict)


def load(
    path: str | Path,
    *,
    input_type: str | Mapping[str, str] | None = None,
    output_type: str | None = None,
    softmax_bits: int = 16,
) -> Graph:
    """The integer graph in a file: QONNX or QCDQ (`.onnx`), `graph.txt`, or the folder that holds one.

    Args:
        path: the file.
        input_type: of an ONNX network whose inputs have no quantiser: `fixed<16,6>`, `ufixed<8,0>`, `int8`, `uint8`;
            a dict by input name where they differ.
        output_type: likewise, of outputs that no quantiser ends and that are no affine map of integers.
        softmax_bits: fraction bits of a softmax that is left in the network.

    Raises:
        IntaglioError: for a file that cannot be read, or a network that integers cannot express: all such nodes at
            once, each with its name and what to write instead.
    """
    return load_source(Path(path), types=Types(input_type, output_type, softmax_bits)).graph


@dataclass(frozen=True)
class Types:
    """What an imported network does not say of its border itself; see `load`."""

    input_type: str | Mapping[str, str] | None = None
    output_type: str | None = None
    softmax_bits: int = 16


def load_source(
    path: Path, recipe: Mapping[str, Any] | None = None, epochs: int | None = None, types: Types | None = None
) -> Source:
    """Reads any source. recipe: fields of the script's recipe to change; epochs: of its training.

    Raises IntaglioError for a path that is not there, is of an unknown kind, or cannot be read.
    """
    if not path.exists():
        raise IntaglioError("there is no such file", where=str(path))
    if path.is_dir():
        inner = _read_graph(path / "graph.txt")
        try:
            facts = json.loads((path / "report.json").read_text())
            defaults = {"board": facts["board"]["name"], "clock_mhz": facts["clock_mhz"], "name": facts["name"]}
            defaults["target_interval"] = facts["total"]["interval_cycles"]
            defaults["budget"] = facts.get("asked", {}).get("budget", 0.8)
            notes = {key: facts[key] for key in ("accuracy", "recipe") if key in facts}
        except (OSError, KeyError, TypeError, json.JSONDecodeError) as error:
            raise IntaglioError(f"the report cannot be read: {error}", where=str(path / "report.json")) from None
        if (path / "folding.toml").is_file():
            defaults["folding"] = path / "folding.toml"
        return Source(replace(inner, notes=notes), defaults=defaults)
    if path.suffix == ".py":
        return _train(path, recipe or {}, epochs)
    if path.suffix == ".onnx":
        return Source(_import(path, types or Types()), defaults={"name": _core_name(path.stem)})
    if path.suffix == ".txt":
        return Source(_read_graph(path))
    raise IntaglioError(
        f"a {path.suffix or 'nameless'} file is no source",
        where=str(path),
        hint="a script (.py), an .onnx file, a graph.txt, or its folder",
    )


def load_script(path: Path) -> ModuleType:
    """The user's script as a module, its folder on the path, as `python script.py` has it."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise IntaglioError("this is not a Python script", where=str(path))
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent.resolve()))
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except IntaglioError:
        raise
    except Exception as error:
        raise IntaglioError(f"the script fails: {type(error).__name__}: {error}", where=str(path)) from error
    return module


def _read_graph(path: Path) -> Graph:
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise IntaglioError(f"the graph cannot be read: {error}", where=str(path)) from None
    try:
        return verify(parse_graph(text))
    except IntaglioError as error:
        raise IntaglioError(error.what, where=f"{path}, {error.where}", other=error.other, hint=error.hint) from None


def _import(path: Path, types: Types) -> Graph:
    from ..frontend.onnx import read_onnx
    from ..passes.pipeline import LOWER, run_passes

    source = read_onnx(
        path, input_types=types.input_type, output_type=types.output_type, softmax_bits=types.softmax_bits
    )
    try:
        return run_passes(source, LOWER)
    except IntaglioError as error:
        where = f"{path}, {error.where}" if error.where else str(path)
        raise IntaglioError(error.what, where=where, other=error.other, hint=error.hint) from None


def _core_name(stem: str) -> str:
    """A file's name as the name of a core."""
    name = re.sub(r"[^A-Za-z0-9]+", "_", stem).strip("_")
    return name if name[:1].isalpha() else f"network_{name}".strip("_")


def _train(path: Path, changes: Mapping[str, Any], epochs: int | None) -> Source:
    from ..compress.fit import evaluate
    from .lower import lower

    module = load_script(path)
    if not hasattr(module, "trained"):
        raise IntaglioError(
            "the script has no function trained()",
            where=str(path),
            hint="it returns (model, x, y): the frozen model, and samples to verify and score it with",
        )
    known = {**module.recipe.to_dict(), **changes}
    recipe = type(module.recipe).from_dict(known)
    model, x, y = module.trained(recipe, **({} if epochs is None else {"epochs": epochs}))
    graph = lower(model)
    accuracy = {"frozen model": 100 * evaluate(model, [(x, y)])}
    notes = {**graph.notes, "accuracy": accuracy}
    defaults = {"name": path.stem, **({"board": module.board} if hasattr(module, "board") else {})}
    defaults |= getattr(module, "compile_options", {})
    return Source(replace(graph, notes=notes), np.asarray(x), np.asarray(y), defaults)


def findings_of(path: Path, types: Types | None = None) -> list[Any]:
    """Every operation of an ONNX file, or of a script's network: what it becomes, or why not and what to write instead.

    Of an ONNX file it is also tried whether integers express the whole.
    """
    if path.suffix == ".onnx":
        return _findings_of_onnx(path, types or Types())
    from ..frontend.torch import check

    if path.suffix != ".py" or not path.is_file():
        raise IntaglioError(
            "there is no such script", where=str(path), hint="a .py that defines net() and example_input()"
        )
    module = load_script(path)
    for name in ("net", "example_input"):
        if not hasattr(module, name):
            raise IntaglioError(f"the script has no {name}()", where=str(path), hint="it returns what its name says")
    return list(check(_value(module.net), _value(module.example_input)))


def _findings_of_onnx(path: Path, types: Types) -> list[Any]:
    from ..frontend.findings import Finding
    from ..frontend.onnx import check_onnx

    if not path.is_file():
        raise IntaglioError("there is no such file", where=str(path))
    findings = list(check_onnx(path, input_types=types.input_type, output_type=types.output_type))
    if all(f.supported for f in findings):
        try:
            _import(path, types)
        except IntaglioError as error:
            node = error.where.rpartition(", ")[2] or path.name
            findings.append(Finding(node, "lower", False, "", error.what, error.hint, error.where))
    return findings


def _value(thing: Any) -> Any:
    """What a script's attribute says: itself, or what the function or class of that name gives."""
    is_maker = isinstance(thing, type) or (not hasattr(thing, "shape") and not hasattr(thing, "state_dict"))
    return thing() if is_maker else thing
