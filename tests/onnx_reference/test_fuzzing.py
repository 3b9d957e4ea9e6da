"""Hostile files, and what the verdicts of the fuzzer rest on."""

from __future__ import annotations

import math
import time
import warnings
from fractions import Fraction
from pathlib import Path
from typing import Any

import intaglio
import numpy as np
import onnx
import pytest

from onnx_reference.brevitas_networks import NETWORKS
from onnx_reference.fuzzing import agreement, judge, readable, resist
from onnx_reference.hostile import ATTACKS, MAY_LOAD, corrupted, valid
from onnx_reference.rational import Reference, execute


def test_hostile_files_are_many_and_the_same_each_time() -> None:
    files = [corrupted(seed) for seed in range(len(ATTACKS) + 60)]
    assert len(ATTACKS) >= 200
    assert len({data for _, data in files}) == len(files)
    assert corrupted(len(ATTACKS) + 1) == files[len(ATTACKS) + 1]
    assert set(ATTACKS) > MAY_LOAD
    assert valid().SerializeToString() not in {data for _, data in files}
    onnx.checker.check_model(valid())
    assert execute(valid(), {"x": np.ones((1, 2, 4, 4))})["y"].shape == (1, 3)


def test_an_answer_agrees_with_a_rational_or_not() -> None:
    assert agreement(0.75, Fraction(3, 4)) == "equal"
    assert agreement(1 / 3, Fraction(1, 3)) == "equal"
    assert agreement(math.nextafter(1 / 3, 1), Fraction(1, 3)) == "last bit"
    assert agreement(math.nextafter(0.75, 1), Fraction(3, 4)) == ""
    assert agreement(0.3334, Fraction(1, 3)) == ""
    assert agreement(math.nan, Fraction(1, 3)) == ""


class Pretended:
    """A product that answers as the reference does, but for what a test spoils."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, spoil: Any = None, load: Any = onnx.load) -> None:
        self.spoil = spoil or (lambda answers: answers)
        monkeypatch.setattr(intaglio, "load", load)
        monkeypatch.setattr(intaglio, "simulate", self.simulate)

    def simulate(self, model: onnx.ModelProto, x: Any) -> Any:
        reference = Reference(model)
        batch = x if isinstance(x, dict) else {reference.inputs[0]: x}
        frames = len(next(iter(batch.values())))
        each = [reference({name: values[at : at + 1] for name, values in batch.items()}) for at in range(frames)]
        joined = [np.concatenate([one[name] for one in each]).astype(np.float64) for name in each[0]]
        answers = self.spoil(joined)
        return answers[0] if len(answers) == 1 else tuple(answers)


def one_step_off(answers: list[Any]) -> list[Any]:
    answers[-1].reshape(-1)[-1] += 1
    return answers


def refuse(path: Path) -> Any:
    raise intaglio.IntaglioError("no such thing as c12 of 3.5 'here'", where=str(path))


def crash(path: Path) -> Any:
    return {}[path]


def test_a_verdict_finds_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = range(40)
    Pretended(monkeypatch)
    assert {judge(seed).outcome for seed in seeds} <= {"equal", "last bit"}
    Pretended(monkeypatch, one_step_off)
    assert {judge(seed).outcome for seed in seeds} == {"different"}
    Pretended(monkeypatch, lambda answers: [*answers, answers[0]])
    assert {judge(seed).outcome for seed in range(5)} == {"different"}
    Pretended(monkeypatch, lambda answers: [answer[:, None] for answer in answers])
    assert {judge(seed).outcome for seed in range(5)} == {"different"}
    Pretended(monkeypatch, load=refuse)
    assert {judge(seed).why for seed in range(5)} == {"no such thing as … of … …"}
    assert not judge(0).failed
    Pretended(monkeypatch, load=crash)
    assert {judge(seed).outcome for seed in range(5)} == {"crash"}
    assert judge(0).failed


def test_time_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    Pretended(monkeypatch, load=lambda _: time.sleep(30))
    assert resist(0, seconds=1).outcome == "slow"


def test_a_hostile_file_that_loads_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    names = list(ATTACKS)
    Pretended(monkeypatch, load=lambda _: None)
    assert resist(names.index("scale of zero")).outcome == "loaded"
    assert resist(names.index("a version of the format of 0")).outcome == "equal"
    Pretended(monkeypatch, load=refuse)
    assert not resist(names.index("scale of zero")).failed


def test_messages_are_for_people() -> None:
    assert readable(ValueError("the scale of node `quantise` is zero\n  hint: none"))
    assert not readable(ValueError("a\x1b[2J" + "b" * 20))
    assert not readable(ValueError("x" * 10**6))
    assert not readable(ValueError(""))


def test_nothing_here_leaks_warnings(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        NETWORKS["convolutions_4bit"](tmp_path / "network.onnx", 0)
