"""The quantisers against rational arithmetic."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from intaglio.compress.dyadic import power_below, power_of_two, smallest, with_mantissa
from intaglio.compress.quantisers import (
    ActivationRange,
    RunningMean,
    WeightRange,
    code_range,
    fake_quantise,
    fake_weights,
    levels_of,
    scale_and_sign,
)


def exactly(x: float, scale: float, lo: int, hi: int) -> Fraction:
    code = floor(Fraction(x) / Fraction(scale) + Fraction(1, 2))
    return Fraction(scale) * max(lo, min(hi, code))


@given(
    st.builds(lambda a, fine: a / 2**fine, st.integers(-(2**20), 2**20), st.integers(0, 12)),
    st.builds(lambda m, n: m * 2.0**-n, st.integers(1, 63), st.integers(-4, 10)),
    st.integers(1, 8),
    st.booleans(),
)
def test_equals_rational_arithmetic(x: float, scale: float, bits: int, signed: bool) -> None:
    lo, hi = code_range(bits, signed)
    got = fake_quantise(torch.tensor([x], dtype=torch.float64), torch.tensor(scale, dtype=torch.float64), lo, hi)
    assert Fraction(got.item()) == exactly(x, scale, lo, hi)


@given(st.integers(-40, 40), st.integers(1, 31))
def test_ties_go_up(k: int, m: int) -> None:
    scale = m / 16
    tie = torch.tensor([(k + 0.5) * scale], dtype=torch.float64)
    got = fake_quantise(tie, torch.tensor(scale, dtype=torch.float64), -100, 100)
    assert got.item() == (k + 1) * scale


def test_the_clamp_clamps_and_stops_the_gradient() -> None:
    x = torch.tensor([-3.0, -0.6, 0.2, 14.9, 15.6, 40.0], requires_grad=True)
    y = fake_quantise(x, torch.tensor(1.0), 0, 15)
    assert y.tolist() == [0, 0, 0, 15, 15, 15]
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [0, 0, 1, 1, 0, 0]


def test_one_bit_weights_are_signs() -> None:
    w = torch.tensor([[-0.5, 0.0, 2.0]], requires_grad=True)
    y = fake_weights(w, torch.tensor([0.25]), 1, levels_of("binary", 1))
    assert y.tolist() == [[-0.25, 0.25, 0.25]]
    y.sum().backward()
    assert w.grad is not None
    assert w.grad.tolist() == [[1, 1, 1]]


@pytest.mark.parametrize(("bits", "per_tensor", "want"), [(4, False, [1 / 7, 3 / 7]), (4, True, [3 / 7]),
                                                          (1, False, [0.75, 2.0]), (2, False, [1.0, 3.0])])  # fmt: skip
def test_weight_scales(bits: int, per_tensor: bool, want: list[float]) -> None:
    found = WeightRange(bits, 2, per_tensor=per_tensor)
    found.observe(torch.tensor([[1.0, -0.5], [-3.0, 1.0]]))
    assert found.scale().tolist() == pytest.approx(want)


def test_running_mean() -> None:
    mean = RunningMean(1)
    for value in (1.0, 2.0, 6.0):
        mean.observe(torch.tensor([value]))
    assert mean.mean.item() == pytest.approx(3.0)


def test_activation_scale_and_shared_sign() -> None:
    positive, signed = ActivationRange(), ActivationRange()
    positive.observe(torch.tensor([0.0, 3.0]))
    assert scale_and_sign([positive, ActivationRange()], 4) == (pytest.approx(3 / 15), False)
    signed.observe(torch.tensor([-4.0, 1.0]))
    assert scale_and_sign([positive, signed], 4) == (pytest.approx(4 / 7), True)


@given(st.floats(1e-6, 1e6), st.integers(1, 10))
def test_dyadic_snapping(value: float, bits: int) -> None:
    near = with_mantissa(value, bits)
    numerator = Fraction(near).numerator
    assert (numerator // (numerator & -numerator)).bit_length() <= bits
    assert abs(near - value) <= value * 2.0**-bits
    assert abs(smallest(value, 1 / 16, 8) - value) <= value / 16
    assert 2**-0.5 * 0.999 <= power_of_two(value) / value <= 2**0.5 * 1.001
    assert power_below(value) <= value < 2 * power_below(value)
