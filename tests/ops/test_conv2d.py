"""conv2d: values against a loop over integers, bounds, channels, kernels and the timing of both forms."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from intaglio.errors import IntaglioError
from intaglio.ir import IntType, Kernel, TensorType, as_integers
from intaglio.ops import Conv2d


@st.composite
def layers(draw: st.DrawFn) -> tuple[Conv2d, TensorType]:
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    stride = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    pads = draw(st.tuples(*[st.integers(0, 4)] * 4))
    height = draw(st.integers(max(1, kernel[0] - pads[0] - pads[1]), 8))
    width = draw(st.integers(max(1, kernel[1] - pads[2] - pads[3]), 8))
    inputs, outputs = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    weight, bias = rng.integers(-8, 8, (outputs, *kernel, inputs)), rng.integers(-20, 20, outputs)
    lo = rng.integers(-9, 9, inputs)
    return Conv2d(as_integers(weight), as_integers(bias), stride, pads), TensorType.integer(
        (height, width, inputs), lo, lo + 5
    )


def twin(op: Conv2d, x: list[list[list[int]]]) -> list[list[list[int]]]:
    """One frame, in plain integers."""
    top, bottom, left, right = op.padding
    weight, bias = op.weight.tolist(), op.bias.tolist()
    rows, columns = len(weight[0]), len(weight[0][0])
    result = []
    for y in range(-top, len(x) + bottom - rows + 1, op.stride[0]):
        line = []
        for z in range(-left, len(x[0]) + right - columns + 1, op.stride[1]):
            pixel = list(bias)
            for r in range(max(y, 0), min(y + rows, len(x))):
                for c in range(max(z, 0), min(z + columns, len(x[0]))):
                    for m, taps in enumerate(weight):
                        pixel[m] += sum(w * v for w, v in zip(taps[r - y][c - z], x[r][c], strict=True))
            line.append(pixel)
        result.append(line)
    return result


def rows_program(op: Conv2d, kernel: Kernel, kind: TensorType) -> tuple[int, list[int], list[int]]:
    """The rows form, step by step: (steps, reads, writes)."""
    height, width, channels = kind.shape
    _, rows, columns, _ = op.weight.shape
    top, _, left, _ = op.padding
    folds, turns = -(-channels // kernel.simd), -(-len(op.bias) // kernel.pe)
    slots, total = min(rows + op.stride[0], height), height * width * folds
    out_rows, out_columns, _ = op.infer(kind).shape
    reads: list[int] = []
    writes: list[int] = []
    step = 0
    for y in range(out_rows):
        limit = min(max(y * op.stride[0] - top, 0) + slots, height) * width * folds
        for z in range(out_columns):
            row = min(y * op.stride[0] - top + rows, height) - 1
            column = max(min(z * op.stride[1] - left + columns, width) - 1, -1)
            need = 0 if row < 0 else (row * width + column + 1) * folds
            computed = 0
            while computed < turns * rows * columns * folds:
                ready = len(reads) >= need
                if len(reads) < limit:
                    reads.append(step)
                if ready:
                    computed += 1
                    if computed % (rows * columns * folds) == 0:
                        writes.append(step)
                step += 1
    while len(reads) < total:
        reads.append(step)
        step += 1
    return step, reads, writes


def window_program(op: Conv2d, kernel: Kernel, kind: TensorType) -> tuple[int, list[int], list[int]]:
    """The window form, position by position: (steps, reads, writes)."""
    height, width, _ = kind.shape
    _, rows, columns, _ = op.weight.shape
    top, _, left, _ = op.padding
    out_rows, out_columns, _ = op.infer(kind).shape
    ends_down = [y * op.stride[0] + rows - 1 for y in range(out_rows)]
    ends_right = [z * op.stride[1] + columns - 1 for z in range(out_columns)]
    reads: list[int] = []
    writes: list[int] = []
    step = 0
    for y in range(max(ends_down[-1] + 1, top + height)):
        for z in range(max(ends_right[-1] + 1, left + width)):
            reads += [step] * (0 <= y - top < height and 0 <= z - left < width)
            complete = y in ends_down and z in ends_right
            for _ in range(-(-len(op.bias) // kernel.pe) if complete else 1):
                writes += [step] * complete
                step += 1
    return step, reads, writes


@given(layers(), st.integers(0, 2**32 - 1))
def test_run_equals_a_loop_over_integers(case: tuple[Conv2d, TensorType], seed: int) -> None:
    op, kind = case
    x = np.random.default_rng(seed).integers(kind.lo_array, kind.hi_array, (2, *kind.shape), endpoint=True)
    y, out = op.run(x), op.infer(kind)
    assert y.tolist() == [twin(op, frame) for frame in x.tolist()]
    assert y.shape == (2, *out.shape)
    assert (y >= out.lo_array).all()
    assert (y <= out.hi_array).all()


@given(layers(), st.data())
def test_keeping_channels_equals_masking_them(case: tuple[Conv2d, TensorType], data: st.DataObject) -> None:
    op, kind = case
    ins, out = op.couplings(kind)
    assert len({*ins[0].tolist(), *out.tolist()}) == kind.channels + len(op.bias)
    kept = np.array(sorted(data.draw(st.sets(st.integers(0, kind.channels - 1), min_size=1))))
    left = np.array(sorted(data.draw(st.sets(st.integers(0, len(op.bias) - 1), min_size=1))))
    x = np.random.default_rng(0).integers(kind.lo_array, kind.hi_array, (2, *kind.shape), endpoint=True)
    masked = np.zeros_like(x)
    masked[..., kept] = x[..., kept]
    assert (op.keep((kept,), left).run(x[..., kept]) == op.run(masked)[..., left]).all()


@given(layers(), st.data())
def test_the_program_is_that_of_the_machine(case: tuple[Conv2d, TensorType], data: st.DataObject) -> None:
    op, kind = case
    kernel = data.draw(st.sampled_from(list(op.kernels(kind))))
    program = op.program(kernel, kind)
    steps, reads, writes = (window_program if kernel.simd > kind.channels else rows_program)(op, kernel, kind)
    assert (program.steps, program.reads[0].tolist(), program.writes.tolist()) == (steps, reads, writes)
    assert op.steps(kernel, kind) == program.steps
    assert len(reads) == kind.pixels * -(-kind.channels // op.lanes(kernel, kind)[0][0])
    assert len(writes) == op.infer(kind).pixels * -(-len(op.bias) // kernel.pe)
    assert reads[0] <= writes[0]  # nothing is sent for a frame that has not begun to come
    assert op.parts(kernel, kind)


def layer(outputs: int, kernel: tuple[int, int], inputs: int, padding: tuple[int, int, int, int] = (0,) * 4) -> Conv2d:
    return Conv2d(as_integers(np.ones((outputs, *kernel, inputs))), as_integers(np.zeros(outputs)), (1, 1), padding)


def test_kernels_take_up_to_all_channels_or_a_whole_window() -> None:
    kind = TensorType.integer((5, 5, 3), 0, 3)
    assert sorted({k.simd for k in layer(2, (3, 3), 3).kernels(kind)}) == [1, 2, 3, 27]
    assert sorted({k.pe for k in layer(2, (3, 3), 3).kernels(kind)}) == [1, 2]
    assert sorted({k.simd for k in layer(2, (1, 1), 3).kernels(kind)}) == [1, 2, 3]
    assert sorted({k.simd for k in layer(2, (2, 2), 3, (2, 0, 0, 0)).kernels(kind)}) == [1, 2, 3]
    assert {(k.pe, k.simd) for k in layer(5, (2, 2), 3).choices(kind)} == {
        (pe, simd) for pe in (1, 2, 3, 5) for simd in (1, 2, 3, 12)
    }


@pytest.mark.parametrize(
    "kernel", [Kernel(0, 1), Kernel(3, 1), Kernel(1, 0), Kernel(1, 4), Kernel(1, 26), Kernel(1, 3, stages=4)]
)
def test_illegal_kernels_are_refused(kernel: Kernel) -> None:
    kind = TensorType.integer((5, 5, 3), 0, 3)
    op = layer(2, (3, 3), 3)
    for ask in (op.program, op.params, op.parts):
        with pytest.raises(IntaglioError, match="hint"):
            ask(kernel, kind)


def test_windows_of_padding_alone_are_not_taken_whole() -> None:
    with pytest.raises(IntaglioError, match="nothing but padding"):
        layer(2, (2, 2), 3, (2, 0, 0, 0)).program(Kernel(1, 12), TensorType.integer((5, 5, 3), 0, 3))


def test_a_bipolar_image_is_not_padded() -> None:
    kind = TensorType((4, 4, 1), IntType(True, 1), (-1,), (1,))
    with pytest.raises(IntaglioError, match="no 0 to pad with"):
        layer(2, (3, 3), 1, (1, 1, 1, 1)).program(Kernel(1, 1), kind)


def test_images_that_do_not_fit_are_refused() -> None:
    with pytest.raises(IntaglioError, match="does not fit"):
        layer(2, (3, 3), 3).infer(TensorType.integer((2, 5, 3), 0, 3))
    with pytest.raises(IntaglioError, match="takes 3 channels, not 2"):
        layer(2, (3, 3), 3).infer(TensorType.integer((5, 5, 2), 0, 3))
    with pytest.raises(IntaglioError, match="height, width, channels"):
        layer(2, (3, 3), 3).infer(TensorType.integer((5, 3), 0, 3))


def test_the_program_of_a_large_image_takes_milliseconds() -> None:
    kind = TensorType.integer((32, 32, 16), 0, 15)
    op = layer(32, (3, 3), 16, (1, 1, 1, 1))
    start = time.process_time()
    for pe in (1, 2, 4, 8, 16):
        op.program(Kernel(pe, 4), kind)
    assert time.process_time() - start < 0.25
