"""dense: values against a loop over integers, bounds, channels, kernels and their timing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from intaglio.errors import IntaglioError
from intaglio.ir import IntType, Kernel, Part, Parts, TensorType, as_integers
from intaglio.ops import Dense


@st.composite
def layers(draw: st.DrawFn) -> tuple[Dense, TensorType]:
    inputs, outputs = draw(st.integers(1, 9)), draw(st.integers(1, 7))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size = draw(st.sampled_from([0, 1, 8, 100, 2**20, 2**40]))
    weight, bias = rng.integers(-size, size + 1, (outputs, inputs)), rng.integers(-3 * size, 3 * size + 1, outputs)
    lo = rng.integers(-9, 9, inputs)
    pixels = draw(st.sampled_from([(), (3,), (2, 3)]))
    return Dense(as_integers(weight), as_integers(bias)), TensorType.integer((*pixels, inputs), lo, lo + 5)


def twin(op: Dense, x: list[int]) -> list[int]:
    """One pixel, in plain integers."""
    return [
        b + sum(w * v for w, v in zip(row, x, strict=True))
        for row, b in zip(op.weight.tolist(), op.bias.tolist(), strict=True)
    ]


@given(layers(), st.integers(0, 2**32 - 1))
def test_run_equals_a_loop_over_integers(case: tuple[Dense, TensorType], seed: int) -> None:
    op, kind = case
    x = np.random.default_rng(seed).integers(kind.lo_array, kind.hi_array, (3, *kind.shape), endpoint=True)
    y, out = op.run(x), op.infer(kind)
    assert y.reshape(-1, out.channels).tolist() == [twin(op, row) for row in x.reshape(-1, kind.channels).tolist()]
    assert y.shape == (3, *out.shape)
    assert (y >= out.lo_array).all()
    assert (y <= out.hi_array).all()


@given(layers())
def test_bounds_are_reached(case: tuple[Dense, TensorType]) -> None:
    op, kind = case
    out = op.infer(kind)
    lowest = np.where(op.weight > 0, kind.lo_array, kind.hi_array)
    highest = np.where(op.weight > 0, kind.hi_array, kind.lo_array)
    assert [twin(op, x)[m] for m, x in enumerate(lowest.tolist())] == list(out.lo)
    assert [twin(op, x)[m] for m, x in enumerate(highest.tolist())] == list(out.hi)


@given(layers(), st.data())
def test_keeping_channels_equals_masking_them(case: tuple[Dense, TensorType], data: st.DataObject) -> None:
    op, kind = case
    ins, out = op.couplings(kind)
    assert len({*ins[0].tolist(), *out.tolist()}) == kind.channels + len(op.bias)
    kept = np.array(sorted(data.draw(st.sets(st.integers(0, kind.channels - 1), min_size=1))))
    left = np.array(sorted(data.draw(st.sets(st.integers(0, len(op.bias) - 1), min_size=1))))
    x = np.random.default_rng(0).integers(kind.lo_array, kind.hi_array, (4, *kind.shape), endpoint=True)
    masked = np.zeros_like(x)
    masked[..., kept] = x[..., kept]
    assert (op.keep((kept,), left).run(x[..., kept]) == op.run(masked)[..., left]).all()


def weight_bits(op: Dense) -> int:
    """Of two's complement, two at least."""
    return next(n for n in range(2, 64) if -(1 << n - 1) <= op.weight.min() and op.weight.max() < 1 << n - 1)


def tiles(op: Dense, kernel: Kernel) -> list[list[int]]:
    """For each output fold, the beats whose block of weights is not all zero; the first where there is none."""
    rows, (outputs, inputs) = op.weight.tolist(), op.weight.shape
    result = []
    for first in range(0, outputs, kernel.pe):
        starts = enumerate(range(0, inputs, kernel.simd))
        used = [b for b, k in starts if any(any(r[k : k + kernel.simd]) for r in rows[first : first + kernel.pe])]
        result.append(used or [0])
    return result


def schedule(turns: list[list[int]], beats: int) -> tuple[int, list[int]]:
    """The steps of a pixel, and those in which a sum is complete: a beat a step, a tile when its beat has come."""
    step, writes = 0, []
    for turn in turns:
        for beat in turn:
            step = max(step, beat) + 1
        writes.append(step - 1)
    return max(step, beats), writes


@given(layers(), st.data())
def test_the_program_is_that_of_the_machine(case: tuple[Dense, TensorType], data: st.DataObject) -> None:
    op, kind = case
    kernel = data.draw(st.sampled_from(list(op.kernels(kind))))
    program = op.program(kernel, kind)
    assert op.steps(kernel, kind) == program.steps
    beats, turns = -(-kind.channels // kernel.simd), -(-len(op.bias) // kernel.pe)
    every, skipping = [list(range(beats))] * turns, tiles(op, kernel)
    steps, ends = schedule(skipping, beats)
    saved, words = beats * turns - steps, beats * turns - sum(map(len, skipping))
    word = kernel.pe * kernel.simd * weight_bits(op)
    if saved == 0 or (saved * 8 < beats * turns and words * word < 16 * steps):
        steps, ends = schedule(every, beats)
        assert steps == beats * turns
    pixels = range(0, steps * kind.pixels, steps)
    assert program.steps == steps * kind.pixels
    assert program.reads[0].tolist() == [start + beat for start in pixels for beat in range(beats)]
    assert program.writes.tolist() == [start + end for start in pixels for end in ends]


def test_a_tile_of_zeros_has_neither_a_step_nor_a_word() -> None:
    """Half of all tiles, and a whole output fold, whose bias still takes a step."""
    weight = np.ones((16, 32), np.int64)
    weight[0:4, 8:16] = weight[4:8, 0:24] = weight[8:12] = weight[12:16, 24:] = 0
    kind, kernel = TensorType.integer((32,), 0, 15), Kernel(4, 8)
    op = Dense(as_integers(weight), as_integers(np.arange(16)))
    assert op.program(kernel, kind).writes.tolist() == [3, 4, 5, 8]  # the third beat waits for none, the fourth comes
    assert op.steps(kernel, kind) == 9
    assert _weight_memory(op.parts(kernel, kind)) == (8, 4 * 8 * 2)
    full = Dense(as_integers(np.ones((16, 32))), op.bias)
    assert full.steps(kernel, kind) == 16
    assert _weight_memory(full.parts(kernel, kind)) == (16, 4 * 8 * 2)


def _weight_memory(parts: Parts) -> tuple[int, int]:
    """Words and bits of the widest memory in LUTs."""
    width, depth = max((part["width"], part["depth"]) for part in parts if part.kind == "rom_counted")
    return depth, width


def test_little_to_skip_is_not_skipped() -> None:
    """One weight of thirty-two: an order of steps would take more memory than the weight."""
    weight = np.ones((8, 4), np.int64)
    weight[3, 2] = 0
    kind = TensorType.integer((4,), 0, 15)
    assert Dense(as_integers(weight), as_integers(np.zeros(8))).steps(Kernel(1, 1), kind) == 32
    weight[4:8, 2] = 0
    assert Dense(as_integers(weight), as_integers(np.zeros(8))).steps(Kernel(1, 1), kind) == 27


def test_choices_are_legal_kernels_of_all_folds() -> None:
    rng = np.random.default_rng(0)
    op = Dense(as_integers(rng.integers(-8, 8, (10, 37))), as_integers(np.zeros(10)))
    kind = TensorType.integer((37,), 0, 15)

    def folds(kernel: Kernel) -> tuple[int, int]:
        return -(-37 // kernel.simd), -(-10 // kernel.pe)

    assert {folds(k) for k in op.choices(kind)} == {folds(k) for k in op.kernels(kind)}
    assert {(k.pe, k.simd) for k in op.choices(kind)} <= {(k.pe, k.simd) for k in op.kernels(kind)}


def test_xnor_is_for_one_bit_only() -> None:
    rng = np.random.default_rng(0)
    op = Dense(as_integers(rng.integers(0, 2, (10, 37)) * 2 - 1), as_integers(np.zeros(10)))
    kernel = Kernel(3, 4, multiplier="xnor")
    for signed in (True, False):
        kind = TensorType((37,), IntType(signed, 1), (-1 if signed else 0,) * 37, (1,) * 37)
        assert {k.multiplier for k in op.choices(kind)} == {"xnor"}
        parts = op.parts(kernel, kind)
        # a bit per weight, and one for each kind of spare lane
        assert Part("rom_counted", 1, {"depth": 40, "width": 3 * 4 + 2}) in parts
        assert Part("sum", 3, {"terms": 4, "bits": 1, "width": 3, "inputs": 2}) in parts
        assert op.program(kernel, kind).steps == op.program(Kernel(3, 4), kind).steps
    two_bits = TensorType.integer((37,), -1, 1)
    assert {k.multiplier for k in op.choices(two_bits)} == {"adders", "booth", "da4ml", "dsp2", "dsp4", "lut"}
    for ask in (op.program, op.params, op.parts):
        with pytest.raises(IntaglioError, match="weights of -1 and \\+1 with inputs of one bit"):
            ask(kernel, two_bits)
        with pytest.raises(IntaglioError, match="no multiplier 'abacus'"):
            ask(Kernel(3, 4, multiplier="abacus"), two_bits)


def test_accumulators_are_of_62_bits_at_most() -> None:
    kind = TensorType.integer((2,), -(2**15), 2**15 - 1)
    top = 2**61 - 1 - 2 * 2**44 * 2**15
    weight = as_integers(np.full((1, 2), 2**44))
    out = Dense(weight, as_integers([top - 2**10])).infer(kind)
    assert (out.bits, out.hi) == (62, (top - 2**10 + 2**45 * (2**15 - 1),))
    for bias in (2**61, -(2**61), 2**62):
        with pytest.raises(IntaglioError, match="62 is the widest accumulator"):
            Dense(weight, as_integers([bias])).infer(kind)
    with pytest.raises(IntaglioError, match="sums of 66 bits"):
        Dense(as_integers(np.full((1, 2), 2**48)), as_integers([0])).infer(kind)


@pytest.mark.parametrize(
    "kernel", [Kernel(0, 1), Kernel(4, 1), Kernel(1, 0), Kernel(1, 6), Kernel(1, 5, stages=0), Kernel(1, 5, stages=5)]
)
def test_illegal_kernels_are_refused(kernel: Kernel) -> None:
    op = Dense(as_integers(np.ones((3, 5))), as_integers(np.zeros(3)))
    kind = TensorType.integer((5,), 0, 3)
    for ask in (op.program, op.params, op.parts):
        with pytest.raises(IntaglioError, match="hint"):
            ask(kernel, kind)


def test_a_wrong_number_of_inputs_is_refused() -> None:
    with pytest.raises(IntaglioError, match="takes 5 inputs, not 4"):
        Dense(as_integers(np.ones((3, 5))), as_integers(np.zeros(3))).infer(TensorType.integer((4,), 0, 3))
