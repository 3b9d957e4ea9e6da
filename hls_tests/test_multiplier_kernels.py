"""The ways to multiply: HLS and RTL of dense layers and convolutions in each of them, against `run`."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from harness import Case, check
from intaglio.errors import IntaglioError
from intaglio.ir import IntType, Kernel, TensorType, as_integers
from intaglio.ops import Conv2d, Dense
from intaglio.ops.multiply_accumulate.forms import FORMS

BIPOLAR = TensorType((5,), IntType(True, 1), (-1,) * 5, (1,) * 5)


def vector(*shape: int, bits: int = 4, signed: bool = False) -> TensorType:
    low = -(1 << (bits - 1)) if signed else 0
    return TensorType.integer(shape, low, low + (1 << bits) - 1)


def dense(inputs: int, outputs: int, bits: int) -> Dense:
    """Random weights that use the whole range of so many bits; with one bit, -1 and +1."""
    rng = np.random.default_rng(inputs * outputs + bits)
    high = 1 << (bits - 1)
    weight = rng.integers(-high, high, (outputs, inputs)) if bits > 1 else rng.integers(0, 2, (outputs, inputs)) * 2 - 1
    weight.flat[0] = -high
    return Dense(as_integers(weight), as_integers(rng.integers(-99, 99, outputs)))


def conv(image: TensorType, outputs: int, bits: int, groups: int = 1, **rest: object) -> Conv2d:
    inputs = image.channels // groups
    flat = dense(9 * inputs, outputs, bits)
    return Conv2d(as_integers(flat.weight.reshape(outputs, 3, 3, inputs)), flat.bias, groups=groups, **rest)


BOOTH = [
    *((f"w{bits}", dense(7, 5, bits), Kernel(2, 3, stages=2), vector(7)) for bits in (1, 2, 3, 4, 5, 6, 8)),
    *((f"s{bits}", dense(7, 5, bits), Kernel(3, 2), vector(2, 7, signed=True)) for bits in (1, 2, 3, 4, 5)),
    ("serial", dense(5, 3, 2), Kernel(1, 1), vector(5, bits=1)),
    ("bipolar", dense(5, 4, 2), Kernel(3, 2), BIPOLAR),
    ("wide", dense(37, 6, 3), Kernel(4, 9, stages=3, memory="bram"), vector(37, bits=8, signed=True)),
    ("spare_ones", dense(7, 5, 1), Kernel(3, 4), vector(7, bits=2)),
    ("spare_outputs", dense(7, 5, 1), Kernel(3, 7), vector(7, bits=2)),
    ("spare_terms", dense(7, 5, 1), Kernel(5, 3), vector(7, bits=2)),
    ("rows", conv(vector(5, 5, 3), 4, 2, padding=(1, 1, 1, 1)), Kernel(3, 2), vector(5, 5, 3)),
    ("window", conv(vector(5, 5, 3), 4, 1), Kernel(3, 27, stages=3), vector(5, 5, 3)),
]

PACKED = [
    ("two_8", 2, dense(7, 5, 8), Kernel(2, 3, stages=2), vector(7, bits=8)),
    ("two_8s", 2, dense(7, 5, 8), Kernel(3, 3), vector(2, 7, bits=8, signed=True)),
    ("two_5", 2, dense(9, 4, 5), Kernel(4, 1), vector(9, bits=3)),
    ("two_wide", 2, dense(6, 4, 4), Kernel(2, 2), vector(6, bits=16, signed=True)),
    ("four_3", 4, dense(7, 9, 3), Kernel(5, 3), vector(7)),
    ("four_2s", 4, dense(37, 8, 2), Kernel(4, 9, stages=3, memory="bram"), vector(37, bits=5, signed=True)),
    ("four_2", 4, dense(7, 8, 2), Kernel(7, 7), vector(7, bits=2)),
    ("rows", 2, conv(vector(5, 5, 3), 4, 4, padding=(1, 0, 1, 1)), Kernel(3, 2), vector(5, 5, 3, signed=True)),
    ("window", 4, conv(vector(5, 5, 2), 6, 2, padding=(1, 1, 0, 0)), Kernel(4, 18), vector(5, 5, 2, signed=True)),
    ("groups", 2, conv(vector(5, 5, 4), 8, 4, groups=2), Kernel(4, 2), vector(5, 5, 4, signed=True)),
    ("side", 2, conv(vector(5, 5, 6), 12, 4, groups=3), Kernel(8, 4), vector(5, 5, 6, signed=True)),
]


def test_booth_digits_at_all_widths(tmp_path: Path) -> None:
    check([Case(n, op, replace(kernel, multiplier="booth"), (x,)) for n, op, kernel, x in BOOTH], tmp_path)


def test_packed_dsp_slices(tmp_path: Path) -> None:
    check([Case(n, op, replace(k, multiplier=f"dsp{pack}"), (x,)) for n, pack, op, k, x in PACKED], tmp_path)


@pytest.mark.parametrize(
    ("kernel", "bits", "message"),
    [
        (Kernel(5, 7, multiplier="booth"), 2, "a weight of its own"),
        (Kernel(4, 2, multiplier="dsp4"), 4, "4 products of 4 by 4 bits do not fit a DSP slice"),
        (Kernel(4, 2, multiplier="xnor"), 1, "inputs of one bit only"),
    ],
)
def test_forms_that_cannot_be_built_say_why(kernel: Kernel, bits: int, message: str) -> None:
    with pytest.raises(IntaglioError, match=message):
        dense(7, 5, bits).params(kernel, vector(7))


def test_every_form_is_benched() -> None:
    assert set(FORMS) >= {"lut", "dsp", "xnor", "booth", "dsp2", "dsp4"}
