"""max_pool: values against a loop over integers, bounds, channels, and the timing of both forms of its hardware."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from intaglio.errors import IntaglioError
from intaglio.ir import IntType, Kernel, TensorType
from intaglio.ops import MaxPool


@st.composite
def windows(draw: st.DrawFn) -> tuple[MaxPool, TensorType]:
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    stride = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    pads = [draw(st.integers(0, k - 1)) for k in (kernel[0], kernel[0], kernel[1], kernel[1])]
    height = draw(st.integers(max(1, kernel[0] - pads[0] - pads[1]), 8))
    width = draw(st.integers(max(1, kernel[1] - pads[2] - pads[3]), 8))
    lo = draw(st.integers(-9, 9))
    kind = TensorType.integer((height, width, draw(st.integers(1, 5))), lo, lo + draw(st.integers(0, 9)))
    return MaxPool(kernel, stride, (pads[0], pads[1], pads[2], pads[3])), kind


def twin(op: MaxPool, x: list[list[list[int]]]) -> list[list[list[int]]]:
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
            row.append([max(pixel[k] for pixel in inside) for k in range(len(x[0][0]))])
        result.append(row)
    return result


@given(windows(), st.integers(0, 2**32 - 1))
def test_run_equals_a_loop_over_integers(case: tuple[MaxPool, TensorType], seed: int) -> None:
    op, kind = case
    x = np.random.default_rng(seed).integers(kind.lo[0], kind.hi[0], (2, *kind.shape), endpoint=True)
    y, out = op.run(x), op.infer(kind)
    assert y.tolist() == [twin(op, frame) for frame in x.tolist()]
    assert y.shape == (2, *out.shape)
    assert (y >= out.lo_array).all()
    assert (y <= out.hi_array).all()


@given(windows(), st.data())
def test_a_window_is_issued_when_all_of_it_has_come(case: tuple[MaxPool, TensorType], data: st.DataObject) -> None:
    op, kind = case
    lanes = data.draw(st.sampled_from([k.simd for k in op.kernels(kind)]))
    kernel = Kernel(pe=lanes, simd=lanes)
    program, out = op.program(kernel, kind), op.infer(kind)
    folds = -(-kind.channels // lanes)
    (reads,), writes = program.reads, program.writes
    assert len(reads) == kind.pixels * folds
    assert len(writes) == out.pixels * folds
    for steps in (reads, writes):
        assert (np.diff(steps) > 0).all()
        assert steps.min() >= 0
        assert steps.max() < program.steps
    assert op.steps(kernel, kind) == program.steps
    height, width, _ = kind.shape
    for y in range(out.shape[0]):
        for z in range(out.shape[1]):
            row = min(y * op.stride[0] - op.padding[0] + op.kernel[0], height) - 1
            column = min(z * op.stride[1] - op.padding[2] + op.kernel[1], width) - 1
            for fold in range(folds):
                needed = reads[(row * width + column) * folds + fold]
                assert writes[(y * out.shape[1] + z) * folds + fold] >= needed
    if not any(op.padding):
        assert program.steps == kind.pixels * folds


def test_channels_stay_in_place() -> None:
    kind = TensorType.integer((4, 4, 3), [0, -5, 2], [1, 5, 2])
    op = MaxPool((2, 2), (2, 2))
    ins, out = op.couplings(kind)
    assert ins[0].tolist() == out.tolist() == [0, 1, 2]
    assert op.keep((np.array([0, 2]),), np.array([0, 2])) == op
    assert (op.infer(kind).lo, op.infer(kind).hi) == (kind.lo, kind.hi)


def test_every_lane_count_is_legal_and_choices_skip_equal_folds() -> None:
    op, kind = MaxPool((2, 2), (2, 2)), TensorType.integer((4, 4, 7), 0, 3)
    assert [k.simd for k in op.kernels(kind)] == [1, 2, 3, 4, 5, 6, 7]
    assert [k.simd for k in op.choices(kind)] == [1, 2, 3, 4, 7]
    assert all(k.pe == k.simd for k in op.kernels(kind))


def test_padding_as_large_as_the_kernel_is_refused() -> None:
    with pytest.raises(IntaglioError, match="reaches past its kernel"):
        MaxPool((2, 2), (2, 2), (2, 0, 0, 0)).infer(TensorType.integer((4, 4, 1), 0, 3))


def test_a_kernel_larger_than_the_image_is_refused() -> None:
    with pytest.raises(IntaglioError, match="does not fit"):
        MaxPool((5, 2), (2, 2)).infer(TensorType.integer((4, 4, 1), 0, 3))


@pytest.mark.parametrize(
    ("op", "shape", "kinds"),
    [
        (MaxPool((2, 2), (2, 2)), (4, 4, 3), {"ram_lutram"}),
        (MaxPool((4, 4), (4, 4)), (4, 4, 1), set()),
        (MaxPool((3, 3), (2, 2), (1, 1, 1, 1)), (6, 6, 3), {"shift_line"}),
        (MaxPool((3, 3), (2, 2), (1, 1, 1, 1)), (6, 200, 64), {"shift_line", "ram_bram"}),
        (MaxPool((2, 2), (2, 2)), (6, 200, 64), {"ram_bram"}),
    ],
)
def test_memories_are_those_that_the_form_needs(op: MaxPool, shape: tuple[int, int, int], kinds: set[str]) -> None:
    found = {part.kind for part in op.parts(Kernel(), TensorType.integer(shape, 0, 15))}
    assert found & {"ram_lutram", "ram_bram", "shift_line"} == kinds


def test_a_bipolar_image_stays_bipolar() -> None:
    kind = TensorType((2, 2, 2), IntType(True, 1), (-1, 1), (1, 1))
    op = MaxPool((2, 2), (2, 2), (1, 1, 0, 0))
    out = op.infer(kind)
    assert (out.dtype, out.lo, out.hi) == (kind.dtype, kind.lo, kind.hi)
    assert op.params(Kernel(), kind)["tap_type"] == "ap_uint<1>"


def test_the_padding_of_ceil_mode_keeps_every_window_on_the_image() -> None:
    kind = TensorType.integer((4, 4, 1), -8, -1)
    x = np.arange(-16, 0).reshape(1, 4, 4, 1) // 2
    assert MaxPool((3, 3), (2, 2), (0, 1, 0, 1)).infer(kind).shape == (2, 2, 1)
    assert MaxPool((3, 3), (2, 2), (0, 1, 0, 1)).run(x)[0, :, :, 0].tolist() == [[-3, -3], [-1, -1]]
