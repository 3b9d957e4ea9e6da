"""dense: HLS and RTL at many folds, against `run`."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from harness import Case, check
from intaglio.ir import IntType, Kernel, TensorType, as_integers
from intaglio.ops import Dense

BIPOLAR = TensorType((5,), IntType(True, 1), (-1,) * 5, (1,) * 5)
LOOSE = TensorType((6,), IntType(True, 8), (0, 2, 0, -1, 3, 0), (3, 5, 0, 1, 9, 0))
"""A type wider than its bounds."""


def vector(*shape: int, lo: int = 0, hi: int = 15) -> TensorType:
    return TensorType.integer(shape, lo, hi)


def dense(inputs: int, outputs: int, weights: int = 8, biases: int = 99) -> Dense:
    """Random weights of -weights..weights-1 and biases of -biases..biases."""
    rng = np.random.default_rng(inputs + outputs)
    weight = rng.integers(-weights, max(weights, 1), (outputs, inputs))
    return Dense(as_integers(weight), as_integers(rng.integers(-biases, biases, outputs, endpoint=True)))


TRIALS = {
    "serial": (dense(7, 5), Kernel(1, 1), vector(7)),
    "folded": (dense(7, 5), Kernel(2, 3, stages=2), vector(2, 2, 7, lo=-8, hi=7)),
    "unrolled": (dense(7, 5), Kernel(5, 7, stages=4), vector(7)),
    "unrolled_pixels": (dense(3, 2, biases=0), Kernel(2, 3), vector(3, 3, hi=255)),
    "one_beat": (dense(5, 37), Kernel(4, 5, stages=3), vector(5)),
    "one_turn": (dense(37, 10), Kernel(10, 4), vector(37, lo=-8, hi=7)),
    "odd": (dense(37, 9), Kernel(4, 4, stages=2), vector(37, hi=1)),
    "one": (dense(1, 1), Kernel(1, 1), vector(1, lo=-1, hi=1)),
    "column": (dense(1, 6), Kernel(4, 1), vector(2, 1)),
    "row": (dense(6, 1), Kernel(1, 4, stages=3), vector(2, 6)),
    "zero": (dense(5, 3, weights=0), Kernel(2, 2), vector(5)),
    "all_zero": (dense(5, 3, weights=0, biases=0), Kernel(3, 5), vector(5)),
    "one_bit": (dense(9, 4, weights=1, biases=0), Kernel(2, 9, stages=5), vector(9, hi=1)),
    "bipolar": (dense(5, 4), Kernel(3, 2), BIPOLAR),
    "bipolar_unrolled": (dense(5, 4), Kernel(4, 5), BIPOLAR),
    "loose": (dense(6, 4), Kernel(3, 4), LOOSE),
    "constant_input": (dense(3, 2), Kernel(1, 2), vector(3, lo=0, hi=0)),
    "block": (dense(12, 8), Kernel(2, 2, memory="bram", multiplier="dsp"), vector(12, lo=-128, hi=127)),
    "large_bias": (dense(3, 3, biases=5000), Kernel(3, 3), vector(3, hi=3)),
}


ONE_BIT = TensorType.integer((7,), 0, 1)
SEVEN = TensorType((7,), IntType(True, 1), (-1,) * 7, (1,) * 7)
PIXELS = TensorType((3, 37), IntType(True, 1), (-1,) * 37, (1,) * 37)


def binary(inputs: int, outputs: int) -> Dense:
    """Weights of -1 and +1."""
    rng = np.random.default_rng(inputs + outputs)
    weight = rng.integers(0, 2, (outputs, inputs)) * 2 - 1
    return Dense(as_integers(weight), as_integers(rng.integers(-9, 9, outputs, endpoint=True)))


XNOR = {
    "serial": (binary(7, 5), Kernel(1, 1), ONE_BIT),
    "spare": (binary(7, 5), Kernel(2, 3, stages=2), ONE_BIT),
    "spare_terms": (binary(7, 5), Kernel(5, 3), ONE_BIT),
    "spare_outputs": (binary(7, 5), Kernel(3, 7), ONE_BIT),
    "unrolled": (binary(7, 5), Kernel(5, 7, stages=4), ONE_BIT),
    "bipolar_serial": (binary(7, 5), Kernel(1, 1), SEVEN),
    "bipolar_spare": (binary(7, 5), Kernel(2, 3, stages=2), SEVEN),
    "bipolar_terms": (binary(7, 5), Kernel(5, 4, stages=3), SEVEN),
    "bipolar_outputs": (binary(7, 5), Kernel(4, 7), SEVEN),
    "bipolar_unrolled": (binary(7, 5), Kernel(5, 7), SEVEN),
    "odd": (binary(37, 6), Kernel(4, 9, memory="bram"), PIXELS),
    "one": (binary(1, 1), Kernel(1, 1), TensorType.integer((2, 1), 0, 1)),
    "constant": (binary(3, 4), Kernel(3, 2), TensorType.integer((3,), 0, (0, 1, 0))),
}


def wide(bits: int, outputs: int = 3) -> Dense:
    """Biases of so many bits, of both signs."""
    rng = np.random.default_rng(bits)
    reach = (1 << (bits - 1)) - 1
    bias = np.append(rng.integers(-reach, reach, outputs - 2, endpoint=True), [reach, -reach])
    return Dense(as_integers(rng.integers(-8, 8, (outputs, 5))), as_integers(bias))


WIDE = {
    "bias_33": (wide(33), Kernel(2, 2), vector(5)),
    "bias_33_unrolled": (wide(33), Kernel(3, 5), vector(5)),
    "bias_60": (wide(60, 5), Kernel(2, 3, stages=2), vector(5, lo=-8, hi=7)),
    "bias_60_unrolled": (wide(60), Kernel(3, 5), vector(5, lo=-8, hi=7)),
    "products_61": (
        Dense(as_integers([[2**30, -(2**30) + 1], [2**30, 2**30 - 1]]), as_integers([-(2**59), 2**58])),
        Kernel(1, 1),
        vector(2, lo=-(2**28), hi=2**28),
    ),
}


def test_xnor_kernels_at_many_folds(tmp_path: Path) -> None:
    kernels = {name: (op, replace(kernel, multiplier="xnor"), x) for name, (op, kernel, x) in XNOR.items()}
    check([Case(name, op, kernel, (x,)) for name, (op, kernel, x) in kernels.items()], tmp_path)


def test_biases_and_accumulators_of_up_to_62_bits(tmp_path: Path) -> None:
    assert max(op.infer(x).bits for op, _, x in WIDE.values()) == 61
    check([Case(name, op, kernel, (x,)) for name, (op, kernel, x) in WIDE.items()], tmp_path)


def test_dense_at_many_folds(tmp_path: Path) -> None:
    check([Case(name, op, kernel, (x,)) for name, (op, kernel, x) in TRIALS.items()], tmp_path)
