"""The same operator with one more bit: what it computes is what it computed, but for that bit. And work, counted."""

from __future__ import annotations

import numpy as np
import pytest
from intaglio.ir import IntType, Op, TensorType, Work, as_integers, bit_operations
from intaglio.ops import (
    Argmax,
    Conv2d,
    Dense,
    Lookup,
    MulShift,
    Multiply,
    PositionAffine,
    Shift,
    Softmax,
    Threshold,
    TopK,
)

X = TensorType.integer((4, 3), -20, 23)
BIPOLAR = TensorType(X.shape, IntType(True, 1), (-1,) * 3, (1,) * 3)

REQUANTISERS: list[Op] = [
    Threshold(as_integers([[-9, 0, 4], [-3, -3, 8], [1, 2, 30]]), as_integers([0, 1, -2]), as_integers([1, -1, 1])),
    Threshold(as_integers([[3], [0], [-5]]), as_integers([-1, -1, 1]), as_integers([2, 2, -2])),
    MulShift(as_integers([3, -5, 7]), as_integers([4, 8, -9]), 4, -3, 4),
    MulShift(as_integers([3, -5, 7]), as_integers([4, 8, -9]), 0, -30, 40),
    Shift(as_integers([2, 0, -5]), 2, -4, 7),
    Lookup(as_integers([np.arange(44) % 7 - 3, np.arange(44) // 6, np.arange(44) ** 2]), -20),
    Lookup(as_integers([np.where(np.arange(44) % 3, 1, -1)]), -20, bipolar=True),
]


def samples(kind: TensorType) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(kind.lo_array, kind.hi_array + 1, (50, *kind.shape))


@pytest.mark.parametrize("op", REQUANTISERS, ids=lambda op: op.name)
def test_a_finer_output_is_the_output_with_a_bit_below(op: Op) -> None:
    finer = op.finer_output(X)
    assert finer is not None
    x = samples(X)
    expected = (op.run(x) - 1) // 2 if op.infer(X).bits == 1 else op.run(x)  # -1, +1 become -1, 0
    assert (finer.run(x) >> 1 == expected).all()
    assert finer.infer(X).bits == op.infer(X).bits + 1


@pytest.mark.parametrize("op", REQUANTISERS, ids=lambda op: op.name)
def test_a_finer_input_changes_nothing(op: Op) -> None:
    taking = op.taking_finer(X)
    assert taking is not None
    x = samples(X)
    assert (taking.run(2 * x) == op.run(x)).all()
    if not isinstance(op, MulShift):  # which goes half a step on
        assert (taking.run(2 * x + 1) == op.run(x)).all()
    twice = TensorType.integer(X.shape, X.lo_array * 2, X.hi_array * 2 + 1)
    assert taking.infer(twice).dtype == op.infer(X).dtype


def test_a_shift_by_nothing_has_all_bits_already() -> None:
    assert Shift(as_integers([0]), 0, -4, 4).finer_output(X) is None


def test_a_table_of_signs_takes_two_bits() -> None:
    taking = Lookup(as_integers([[5, 0, 7]]), -1).taking_finer(BIPOLAR)
    assert taking.run(np.array([[-2], [-1], [0], [1]])).ravel().tolist() == [5, 5, 7, 7]


def test_what_gives_indices_takes_finer_values_as_they_are() -> None:
    kind = TensorType.integer((5,), -8, 7)
    assert isinstance(Argmax().taking_finer(kind), Argmax)
    assert isinstance(TopK(2).taking_finer(kind), TopK)
    assert TopK(2, values=True).taking_finer(kind) is None
    assert Dense(as_integers([[1, 2]]), as_integers([0])).taking_finer(kind) is None


def test_a_softmax_of_twice_the_values() -> None:
    kind = TensorType.integer((5,), -8, 7)
    softmax = Softmax(as_integers([64, 40, 24, 15, 9, 5, 2]), 6)
    x = np.random.default_rng(0).integers(-8, 8, (50, 5))
    assert (softmax.taking_finer(kind).run(2 * x) == softmax.run(x)).all()
    finer = softmax.finer_output(kind)
    assert finer.infer(kind).bits == softmax.infer(kind).bits + 1
    assert (np.abs(finer.run(x) - 2 * softmax.run(x)) <= 1).all()


def test_finer_weights_are_twice_the_weights_and_a_bit() -> None:
    dense = Dense(as_integers([[3, 0, -4], [1, -1, 2]]), as_integers([5, -1]))
    finer = dense.finer_weights()
    assert (finer.weight >> 1 == dense.weight).all()
    assert finer.weight[0, 1] == 0
    assert finer.bias.tolist() == [10, -2]
    affine = PositionAffine(as_integers([[3, -2, 1]]), as_integers([[1, 1, 1]])).finer_weights()
    assert (affine.multiplier >> 1).tolist() == [[3, -2, 1]]
    assert affine.addend.tolist() == [[2, 2, 2]]
    assert Argmax().finer_weights() is None


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 0.9])
def test_zeros_are_as_many_as_asked_for(share: float) -> None:
    dense = Dense(as_integers(np.arange(200).reshape(10, 20) % 7 - 3), as_integers(np.zeros(10)))
    zeroed = dense.with_zeros(share)
    assert np.count_nonzero(zeroed.weight == 0) == round(200 * share)
    assert (zeroed.weight.min(), zeroed.weight.max()) == (-3, 3)
    others = zeroed.weight[(zeroed.weight != 0) & (dense.weight != 0)]
    assert (others == dense.weight[(zeroed.weight != 0) & (dense.weight != 0)]).all()


def test_work_of_a_dense_layer() -> None:
    dense = Dense(as_integers([[3, 0, -4], [1, -1, 2]]), as_integers([5, -1]))
    # at 4 positions; inputs of 6 bits, weights of 3; a sixth of the weights is 0
    bops = 4 * 2 * 3 * (5 / 6 * 6 * 3 + 6 + 3 + np.log2(3))
    assert dense.work(X) == Work(24, 48, pytest.approx(bops), 6, 1, 3)
    assert (dense.work(X).stored_bits, dense.work(X).nonzero_bits) == (18, 15)


def test_work_of_a_convolution_counts_padding_and_groups() -> None:
    image = TensorType.integer((5, 4, 6), 0, 15)
    weight = as_integers(np.ones((6, 3, 3, 2)))
    conv = Conv2d(weight, as_integers(np.zeros(6)), padding=(1, 1, 1, 1), groups=3)
    work = conv.work(image)
    assert (work.macs, work.weights, work.zeros, work.weight_bits) == (20 * 6 * 18, 108, 0, 1)
    assert work.bops == pytest.approx(20 * bit_operations(6, 18, 0.0, 4, 1))


def test_work_of_products_and_affine_maps() -> None:
    a, b = TensorType.integer((2, 2, 3), 0, 15), TensorType.integer((2, 2, 3), -2, 1)
    assert Multiply().work(a, b) == Work(12, 12, 12 * 4 * 2)
    affine = PositionAffine(as_integers([[[3, 0, 1]]]), as_integers([[[1, 1, 1]]]))
    assert affine.work(a) == Work(12, 24, pytest.approx(12 * (2 / 3 * 4 * 3 + 4 + 3)), 3, 1, 3)
    assert Argmax().work(TensorType.integer((4,), 0, 3)) == Work()
