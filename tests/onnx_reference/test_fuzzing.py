"""Hostile files, and what the verdicts of the fuzzer rest on."""

from __future__ import annotations

import math
import warnings
from fractions import Fraction
from pathlib import Path

import numpy as np
import onnx

from onnx_reference.brevitas_networks import NETWORKS
from onnx_reference.fuzzing import agreement, readable
from onnx_reference.hostile import ATTACKS, MAY_LOAD, corrupted, valid
from onnx_reference.rational import execute


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


def test_messages_are_for_people() -> None:
    assert readable(ValueError("the scale of node `quantise` is zero\n  hint: none"))
    assert not readable(ValueError("a\x1b[2J" + "b" * 20))
    assert not readable(ValueError("x" * 10**6))
    assert not readable(ValueError(""))


def test_nothing_here_leaks_warnings(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        NETWORKS["convolutions_4bit"](tmp_path / "network.onnx", 0)
