"""multiply: values, bounds per channel, coupled channels, gates, scales, DSP slices."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from intaglio.errors import IntaglioError
from intaglio.ir import Graph, Kernel, Node, TensorType, verify
from intaglio.ir.channels import channel_groups
from intaglio.ops import Multiply
from pairwise_twin import FORMS, check_channels, check_programs, check_semantics, pairs, twin


def combine(p: int, q: int) -> int:
    return p * q


@given(pairs(), st.integers(0, 2**32))
def test_equals_its_twin(kinds: tuple[TensorType, TensorType], seed: int) -> None:
    check_semantics(Multiply(), combine, kinds, seed)
    check_channels(Multiply(), kinds, seed)


@pytest.mark.parametrize(
    ("magnitude", "carrier"),
    [(1 << 12, np.float32), (1 << 26, np.float64), (1 << 31, np.int64)],
    ids=["f32", "f64", "i64"],
)
def test_the_carrier_holds_every_product(magnitude: int, carrier: type) -> None:
    kind = TensorType.integer((4,), -magnitude, magnitude)
    x = np.array([[magnitude, magnitude - 1, -magnitude, 3 - magnitude]])
    result = Multiply().executor(kind, kind)(x.astype(np.float64), x.astype(np.float64))
    assert result.dtype == carrier
    assert result.ravel().tolist() == twin(combine, x, x)


def test_products_beyond_64_bits_are_refused() -> None:
    kind = TensorType.integer((2,), 0, 1 << 40)
    with pytest.raises(IntaglioError, match="do not fit 64 bits"):
        Multiply().infer(kind, kind)


@pytest.mark.parametrize("form", FORMS)
def test_a_step_takes_what_is_new(form: str) -> None:
    check_programs(Multiply(), FORMS[form])


def test_scales_multiply_where_both_are_known() -> None:
    kind = TensorType.integer((3,), 0, 1, Fraction(1, 2))
    assert Multiply().infer(kind, kind.with_scale(Fraction(3, 8))).scale == Fraction(3, 16)
    assert Multiply().infer(kind, kind.with_scale(None)).scale is None


def test_a_tensor_times_itself() -> None:
    x = TensorType.integer((2, 3), [-3, 0, 2], [2, 5, 4])
    graph = verify(Graph({"x": x}, (Node("square", Multiply(), ("x", "x")),), ("square",)))
    assert (graph.types["square"].lo, graph.types["square"].hi) == ((-6, 0, 4), (9, 25, 16))
    assert channel_groups(graph)["square"].tolist() == [-1, -1, -1]  # both ends of the graph pin


def test_wide_products_may_go_to_dsp_slices() -> None:
    narrow, wide = TensorType.integer((5,), 0, 3), TensorType.integer((5,), -(1 << 14), 1 << 14)
    assert {k.multiplier for k in Multiply().kernels(narrow, narrow)} == {"lut"}
    assert {k.multiplier for k in Multiply().choices(wide, narrow)} == {"lut", "dsp"}
    kernel = Kernel(pe=2, simd=2, multiplier="dsp")
    found = [p for p in Multiply().parts(kernel, wide, narrow) if p.kind == "dsp_multiplier"]
    assert [(p.count, p["a"], p["b"]) for p in found] == [(2, 16, 3)]
    assert Multiply().params(kernel, wide, narrow)["use_dsp"] == "yes"


def test_a_shape_that_fits_nowhere_is_refused() -> None:
    with pytest.raises(IntaglioError, match="multiply needs two equal shapes"):
        Multiply().infer(TensorType.integer((2, 5), 0, 1), TensorType.integer((3, 5), 0, 1))
