"""sum_pool: values against a loop over integers, tight bounds, its real meaning, and its widths in hardware."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from intaglio.errors import IntaglioError
from intaglio.ir import Kernel, TensorType
from intaglio.ops import SumPool


@st.composite
def pools(draw: st.DrawFn) -> tuple[SumPool, TensorType]:
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    stride = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    pads = [draw(st.integers(0, 2)) for _ in range(4)]
    height = draw(st.integers(max(1, kernel[0] - pads[0] - pads[1]), 7))
    width = draw(st.integers(max(1, kernel[1] - pads[2] - pads[3]), 7))
    lo = draw(st.integers(-9, 9))
    kind = TensorType.integer((height, width, draw(st.integers(1, 4))), lo, lo + draw(st.integers(0, 9)))
    return SumPool(kernel, stride, (pads[0], pads[1], pads[2], pads[3])), kind


def twin(op: SumPool, x: list[list[list[int]]]) -> list[list[list[int]]]:
    """One frame, in plain integers."""
    top, bottom, left, right = op.padding
    height, width = len(x), len(x[0])
    result = []
    for y in range(-top, height + bottom - op.kernel[0] + 1, op.stride[0]):
        row = []
        for z in range(-left, width + right - op.kernel[1] + 1, op.stride[1]):
            inside = [
                x[r][c]
                for r in range(max(y, 0), min(y + op.kernel[0], height))
                for c in range(max(z, 0), min(z + op.kernel[1], width))
            ]
            row.append([sum(pixel[k] for pixel in inside) for k in range(len(x[0][0]))])
        result.append(row)
    return result


@given(pools(), st.integers(0, 2**32 - 1))
def test_run_equals_a_loop_over_integers(case: tuple[SumPool, TensorType], seed: int) -> None:
    op, kind = case
    x = np.random.default_rng(seed).integers(kind.lo[0], kind.hi[0], (2, *kind.shape), endpoint=True)
    y, out = op.run(x), op.infer(kind)
    assert y.tolist() == [twin(op, frame) for frame in x.tolist()]
    assert (y >= out.lo_array).all()
    assert (y <= out.hi_array).all()


@given(pools())
def test_bounds_are_reached_or_are_those_of_padding(case: tuple[SumPool, TensorType]) -> None:
    op, kind = case
    out = op.infer(kind)
    if not any(op.padding):
        assert (op.run(np.broadcast_to(kind.hi_array, (1, *kind.shape))) == out.hi_array).all()
        assert (op.run(np.broadcast_to(kind.lo_array, (1, *kind.shape))) == out.lo_array).all()


@given(pools(), st.integers(1, 4))
def test_the_program_reads_all_and_writes_all(case: tuple[SumPool, TensorType], lanes: int) -> None:
    op, kind = case
    lanes = min(lanes, kind.channels)
    kernel = Kernel(pe=lanes, simd=lanes)
    program, folds = op.program(kernel, kind), -(-kind.channels // lanes)
    assert len(program.reads[0]) == kind.pixels * folds
    assert len(program.writes) == op.infer(kind).pixels * folds
    assert program.steps == op.steps(kernel, kind)
    assert max(program.writes.max(), program.reads[0].max()) < program.steps


@pytest.mark.parametrize(
    ("kernel", "stride", "latency"),
    [((3, 3), (3, 3), 2), ((3, 3), (1, 1), 2), ((4, 3), (1, 1), 3), ((8, 8), (8, 8), 2)],
)
def test_latency(kernel: tuple[int, int], stride: tuple[int, int], latency: int) -> None:
    op, kind = SumPool(kernel, stride), TensorType.integer((9, 9, 2), 0, 3)
    assert op.program(Kernel(), kind).latency == latency


def test_an_average_divides_only_the_scale() -> None:
    kind = TensorType.integer((4, 4, 2), 0, 15, Fraction(1, 8))
    out = SumPool((2, 2), (2, 2), divisor=4).infer(kind)
    assert out.scale == Fraction(1, 32)
    assert (out.lo, out.hi, out.bits) == ((0, 0), (60, 60), 6)


def test_channels_stay_in_place() -> None:
    kind = TensorType.integer((4, 4, 3), 0, 1)
    ins, out = SumPool((2, 2), (2, 2)).couplings(kind)
    assert ins[0].tolist() == out.tolist() == [0, 1, 2]


def test_a_vector_is_refused() -> None:
    with pytest.raises(IntaglioError, match="height, width, channels"):
        SumPool((2, 2), (2, 2)).infer(TensorType.integer((4,), 0, 3))


def test_adders_are_as_wide_as_the_sums() -> None:
    parts = SumPool((2, 2), (2, 2)).parts(Kernel(pe=2, simd=2), TensorType.integer((4, 4, 4), 0, 15))
    assert [(part.count, part["bits"]) for part in parts if part.kind == "adder"] == [(2, 6)]
