"""Fully unrolled layers as adder graphs, ours and da4ml's: HLS and RTL against `run`."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import harness
import numpy as np
import pytest
from harness import Case, check, check_hls
from intaglio.codegen.env import render
from intaglio.errors import IntaglioError
from intaglio.ir import IntType, Kernel, TensorType, as_integers
from intaglio.ops import Conv2d, Dense

BIPOLAR = TensorType((6,), IntType(True, 1), (-1,) * 6, (1,) * 6)

needs_da4ml = pytest.mark.skipif(
    importlib.util.find_spec("da4ml") is None, reason="da4ml is not installed: pip install intaglio[da]"
)


def dense(inputs: int, outputs: int, bits: int, *, biased: bool = True) -> Dense:
    rng = np.random.default_rng(inputs * outputs + bits)
    high = (1 << (bits - 1)) - 1
    weight = rng.integers(-high, high, (outputs, inputs), endpoint=True)
    bias = rng.integers(-99, 99, outputs) if biased else np.zeros(outputs, np.int64)
    return Dense(as_integers(weight), as_integers(bias))


def conv(inputs: int, outputs: int, bits: int, groups: int = 1, **rest: object) -> Conv2d:
    flat = dense(9 * inputs // groups, outputs, bits)
    return Conv2d(as_integers(flat.weight.reshape(outputs, 3, 3, -1)), flat.bias, groups=groups, **rest)


def vector(*shape: int, bits: int = 4, signed: bool = False) -> TensorType:
    low = -(1 << (bits - 1)) if signed else 0
    return TensorType.integer(shape, low, low + (1 << bits) - 1)


def odd_bounds(channels: int) -> TensorType:
    """Bounds that differ by channel, one of them a constant."""
    low, high = np.arange(channels) - 3, np.arange(channels) * 2 + 1
    low[-1] = high[-1]
    return TensorType.integer((channels,), low, high)


def without_rows() -> Dense:
    """An output that is its bias alone, one that is nothing, one that is an input, one that is its negative."""
    weight = np.array([[0, 0, 0], [0, 0, 0], [0, 4, 0], [0, 0, -1], [6, 2, 0]])
    return Dense(as_integers(weight), as_integers(np.array([5, 0, 0, 0, -7])))


CASES = [
    ("dense", dense(7, 5, 6), Kernel(5, 7), vector(7)),
    ("signed", dense(9, 6, 4, biased=False), Kernel(6, 9, stages=3), vector(2, 9, bits=5, signed=True)),
    ("deep", dense(16, 8, 8), Kernel(8, 16, stages=5), vector(16, bits=6)),
    ("bounds", dense(6, 4, 5), Kernel(4, 6, stages=2), odd_bounds(6)),
    ("bipolar", dense(6, 4, 3), Kernel(4, 6, stages=2), BIPOLAR),
    ("rows", without_rows(), Kernel(5, 3, stages=2), vector(3, signed=True)),
    ("window", conv(2, 3, 4, padding=(1, 1, 1, 1)), Kernel(3, 18, stages=3), vector(4, 4, 2)),
    ("depthwise", conv(3, 3, 3, groups=3), Kernel(3, 27, stages=2), vector(4, 4, 3, signed=True)),
]


def test_our_adder_graphs(tmp_path: Path) -> None:
    check([Case(n, op, replace(kernel, multiplier="adders"), (x,)) for n, op, kernel, x in CASES], tmp_path)


@needs_da4ml
def test_adder_graphs_by_da4ml(tmp_path: Path) -> None:
    chosen = [case for case in CASES if case[0] in ("deep", "bounds", "rows", "window")]
    check([Case(n, op, replace(kernel, multiplier="da4ml"), (x,)) for n, op, kernel, x in chosen], tmp_path)


def test_wires_as_wide_as_a_synthesiser_has_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In C-simulation wires are plain integers; here they are as wide as their bounds."""
    exact = "#define EXACT_WIRES\n"
    monkeypatch.setattr(harness, "render", lambda name, **c: exact * name.endswith(".h.j2") + render(name, **c))
    rng = np.random.default_rng(3)
    units = [Case(n, op, replace(k, multiplier="adders"), (x,)).unit(rng, 6) for n, op, k, x in CASES[1:6]]
    assert not check_hls(units, tmp_path)


def test_a_folded_layer_is_refused() -> None:
    with pytest.raises(IntaglioError, match="every weight as a constant"):
        dense(7, 5, 4).params(Kernel(5, 4, multiplier="adders"), vector(7))


def test_stages_follow_the_clock() -> None:
    op, kernel, x = dense(16, 8, 8), Kernel(8, 16, multiplier="adders"), vector(16, bits=6)
    stages = [op.pipelined(kernel, clock, x).stages for clock in (20, 100, 200, 400)]
    assert stages == sorted(stages)
    assert stages[0] == 1
    assert stages[-1] > stages[1]
    assert sum(p.count * p["bits"] for p in op.parts(replace(kernel, stages=4), x) if p.kind == "register") > sum(
        p.count * p["bits"] for p in op.parts(kernel, x) if p.kind == "register"
    )
