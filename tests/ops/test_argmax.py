"""argmax: the lowest index on a tie, pinned channels, one beat out of every frame."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from intaglio.errors import IntaglioError
from intaglio.ir import PINNED, Kernel, TensorType
from intaglio.ops import Argmax


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=12))
def test_run_gives_the_lowest_index_of_the_largest(values: list[int]) -> None:
    expected = next(k for k, value in enumerate(values) if value == max(values))
    assert Argmax().run(np.array([values])).tolist() == [[expected]]


def test_the_output_is_one_index() -> None:
    out = Argmax().infer(TensorType.integer((10,), -5, 5))
    assert (out.shape, out.lo, out.hi, out.bits) == ((1,), (0,), (9,), 4)


def test_nothing_may_be_removed() -> None:
    ins, out = Argmax().couplings(TensorType.integer((4,), 0, 1))
    assert {*ins[0].tolist(), *out.tolist()} == {PINNED}


def test_an_image_is_refused() -> None:
    with pytest.raises(IntaglioError, match="needs a vector"):
        Argmax().infer(TensorType.integer((2, 2, 3), 0, 1))


@pytest.mark.parametrize(("simd", "steps", "latency"), [(1, 37, 2), (8, 5, 2), (9, 5, 3), (37, 1, 3)])
def test_the_index_comes_after_the_last_beat(simd: int, steps: int, latency: int) -> None:
    kind = TensorType.integer((37,), -8, 7)
    program = Argmax().program(Kernel(simd=simd), kind)
    assert (program.steps, program.latency) == (steps, latency)
    assert program.steps == Argmax().steps(Kernel(simd=simd), kind)
    assert program.reads[0].tolist() == list(range(steps))
    assert program.writes.tolist() == [steps - 1]


@given(st.integers(1, 60), st.data())
def test_a_tree_has_a_comparator_less_than_lanes(channels: int, data: st.DataObject) -> None:
    kind = TensorType.integer((channels,), 0, 15)
    simd = data.draw(st.integers(1, channels))
    parts = Argmax().parts(Kernel(simd=simd), kind)
    compared = sum(part.count for part in parts if part.kind in {"comparator", "choice"})
    assert compared == simd - 1 + (simd < channels)
