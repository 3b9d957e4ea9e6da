"""mul_shift: semantics, bounds, channels, widths."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from intaglio.errors import IntaglioError
from intaglio.ir import Kernel, TensorType
from intaglio.ops import MulShift
from requantiser_twins import check_channels, check_clocks, check_kernels, check_semantics, tensors


@st.composite
def cases(draw: Any) -> tuple[MulShift, TensorType]:
    kind = draw(tensors())
    multiplier = [draw(st.integers(-40, 80)) for _ in range(kind.channels)]
    addend = [draw(st.integers(-9000, 9000)) for _ in range(kind.channels)]
    low, high = sorted((draw(st.integers(-300, 300)), draw(st.integers(-300, 300))))
    return MulShift(np.array(multiplier), np.array(addend), draw(st.integers(0, 12)), low, high), kind


@given(cases())
def test_equals_its_twin(case: tuple[MulShift, TensorType]) -> None:
    check_semantics(*case)
    check_channels(*case)


@given(cases())
def test_its_widths_hold_everything(case: tuple[MulShift, TensorType]) -> None:
    op, kind = case
    context = op.params(Kernel(), kind)
    low, high = op.sums(kind)
    assert -(1 << (context["sum_bits"] - 1)) <= low <= high < 1 << (context["sum_bits"] - 1)
    assert context["clips_low"] == ((low >> op.shift) < op.lo)
    assert context["clips_high"] == ((high >> op.shift) > op.hi)


def test_kernels() -> None:
    op = MulShift(np.array([3, -2, 5]), np.array([1, 2, 3]), 2, -4, 7)
    check_kernels(op, TensorType.integer((2, 3), -10, 20))


def test_shared_multiplier_takes_no_memory() -> None:
    op = MulShift(np.full(6, 5), np.arange(6), 3, 0, 15)
    context = op.params(Kernel(pe=2, simd=2), TensorType.integer((6,), 0, 100))
    assert context["multiplier"]["shared"]
    assert context["multiplier"]["table"] == "{{5, 5}}"
    assert context["constant_width"] == 2 * context["addend"]["bits"]


def test_wide_products_may_go_to_dsp_slices() -> None:
    op = MulShift(np.array([12345, 54321]), np.array([0, 0]), 20, 0, 15)
    choices = list(op.choices(TensorType.integer((2,), 0, 1 << 20)))
    assert {k.multiplier for k in choices} == {"lut", "dsp"}
    kinds = {p.kind for p in op.parts(Kernel(multiplier="dsp"), TensorType.integer((2,), 0, 1 << 20))}
    assert "dsp_multiplier" in kinds


def test_clocks() -> None:
    op = MulShift(np.arange(60, 72), np.arange(12), 9, -8, 7)
    kind = TensorType.integer((12,), -3000, 3000)
    for kernel in (Kernel(), Kernel(2, 2, memory="bram"), Kernel(2, 2, multiplier="dsp")):
        check_clocks(op, kind, kernel)
    assert op.pipelined(Kernel(), 100, kind).stages == 1
    context = op.params(op.pipelined(Kernel(memory="bram"), 2000, kind), kind)
    assert context["registers"] == {"operands", "halves", "product", "compare"}
    assert context["addend"]["delay"] == 2
    assert op.params(Kernel(multiplier="dsp", stages=2), kind)["registers"] == {"product"}


def test_there_are_two_multipliers() -> None:
    with pytest.raises(IntaglioError, match=r"mul_shift has no multiplier 'booth'\s+hint: choose lut or dsp"):
        MulShift(np.ones(2, int), np.zeros(2, int), 0, 0, 1).parts(
            Kernel(multiplier="booth"), TensorType.integer((2,), 0, 9)
        )


def test_wrong_channels() -> None:
    with pytest.raises(IntaglioError, match="mul_shift has 2 channels, its input 3"):
        MulShift(np.ones(2, int), np.zeros(2, int), 0, 0, 1).infer(TensorType.integer((3,), 0, 1))
