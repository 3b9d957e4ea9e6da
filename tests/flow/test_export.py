"""Networks as files that others read, from the command line and beside a design."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import intaglio
import numpy as np
import onnx
import pytest
import torch
from intaglio.cli import main
from intaglio.errors import IntaglioError
from intaglio.flow.export import export
from intaglio.ir import print_graph
from intaglio.simulator.border import random_inputs
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from small_networks import multilayer_perceptron, residual_network


def run(path: Path, x: np.ndarray, monkeypatch: pytest.MonkeyPatch, *words: Any) -> int:
    path.write_text(print_graph(residual_network()))
    monkeypatch.setattr(sys, "argv", ["intaglio", "export", str(path), *map(str, words)])
    try:
        main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


@pytest.mark.parametrize("flags", [(), ("--thresholds",)])
def test_the_command_writes_models_that_compute_the_same(
    flags: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    x = random_inputs(residual_network(), 3)["x"].astype(np.float32)
    files = ("--qonnx", tmp_path / "net.onnx", "--torch", tmp_path / "net.pt2")
    assert run(tmp_path / "graph.txt", x, monkeypatch, *files, "--batch", 3, "--json", *flags) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["written"] == [str(tmp_path / "net.onnx"), str(tmp_path / "net.pt2")]
    assert len(answer["peers_may_refuse"]) == (5 if flags else 0)
    want = intaglio.simulate(residual_network(), x)
    model = ModelWrapper(onnx.load(tmp_path / "net.onnx"))
    assert np.array_equal(execute_onnx(model, {"x": x})["fc"], want)
    program = torch.export.load(str(tmp_path / "net.pt2")).module()
    assert np.array_equal(program(torch.tensor(x)).numpy(), want)


def test_a_design_leaves_its_model(tmp_path: Path) -> None:
    design = intaglio.compile(multilayer_perceptron(), board="pynq-z2")
    model = ModelWrapper(onnx.load(design.write(tmp_path / "out") / "model.onnx"))
    for x in random_inputs(multilayer_perceptron(), 5)["x"].astype(np.float32):
        got = execute_onnx(model, {"x": x[None]})["out"]
        assert np.array_equal(got, intaglio.simulate(multilayer_perceptron(), x[None]))


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "nothing is to be exported"),
        ({"qonnx": "net.txt"}, r"ends in \.onnx"),
        ({"torch": "net.onnx"}, r"ends in \.pt2"),
        ({"qonnx": "nowhere/net.onnx"}, "cannot be written"),
        ({"torch": "nowhere/net.pt2"}, "cannot be written"),
    ],
)
def test_what_cannot_be_written_is_said(files: dict[str, str], message: str, tmp_path: Path) -> None:
    with pytest.raises(IntaglioError, match=message):
        export(multilayer_perceptron(), **{key: tmp_path / name for key, name in files.items()})
    assert list(tmp_path.iterdir()) == []
