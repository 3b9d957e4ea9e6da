"""maximum: values, bounds per channel, coupled channels, gates, widths."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from intaglio.errors import IntaglioError
from intaglio.estimate.features import features
from intaglio.ir import IntType, TensorType
from intaglio.ops import Maximum, Minimum
from pairwise_twin import FORMS, check_channels, check_programs, check_semantics, kernel, pairs


def combine(p: int, q: int) -> int:
    return q if q > p else p


@given(pairs(), st.integers(0, 2**32))
def test_equals_its_twin(kinds: tuple[TensorType, TensorType], seed: int) -> None:
    check_semantics(Maximum(), combine, kinds, seed)
    check_channels(Maximum(), kinds, seed)


@pytest.mark.parametrize("form", FORMS)
def test_a_step_takes_what_is_new(form: str) -> None:
    check_programs(Maximum(), FORMS[form])


def test_one_scale_stays() -> None:
    kind = TensorType.integer((3,), 0, 1, Fraction(1, 2))
    assert Maximum().infer(kind, kind).scale == Fraction(1, 2)
    assert Maximum().infer(kind, kind.with_scale(Fraction(1))).scale is None


@pytest.mark.parametrize("shape", [(4,), (2, 3), (2, 3, 4), (1, 3, 1), (3, 2, 1)])
def test_a_second_input_that_fits_nowhere_is_refused(shape: tuple[int, ...]) -> None:
    kind = TensorType.integer((2, 3, 5), 0, 1)
    with pytest.raises(IntaglioError, match="maximum needs two equal shapes"):
        Maximum().infer(kind, TensorType.integer(shape, 0, 1))


MEASURED = {
    ("maximum", "u4", "u4"): 8, ("maximum", "u3", "u3"): 3, ("maximum", "u8", "u7"): 14, ("maximum", "u5", "i3"): 3,
    ("maximum", "i4", "u6"): 7, ("maximum", "u8", "i7"): 12, ("maximum", "i3", "u3"): 2, ("maximum", "u1", "u4"): 2,
    ("maximum", "i10", "i10"): 17, ("minimum", "u6", "i7"): 12, ("minimum", "i4", "u1"): 2, ("minimum", "u6", "i5"): 8,
    ("minimum", "u4", "u2"): 2, ("minimum", "u5", "u2"): 3,
}  # fmt: skip
"""LUTs of a lane, as Yosys 0.70 maps it for xc7."""


@pytest.mark.parametrize(("name", "first", "second"), MEASURED)
def test_luts_of_a_lane(name: str, first: str, second: str) -> None:
    a, b = (TensorType.integer((4, 4, 8), kind.lo, kind.hi) for kind in map(IntType.parse, (first, second)))
    parts = {"maximum": Maximum(), "minimum": Minimum()}[name].operators(kernel(8), a, b)
    found = sum(part.count * sum(features(part).values()) for part in parts) / 8
    assert abs(found - MEASURED[name, first, second]) <= 0.5


def test_of_a_gate_of_one_channel_the_upper_bits_are_asked_for_once() -> None:
    a, b = TensorType.integer((2, 2, 8), 0, 3), TensorType.integer((2, 2, 1), 0, 31)
    counts = {part.kind: part.count for part in Maximum().operators(kernel(8), a, b)}
    assert counts == {"comparator": 1, "mux": 8}


def test_lanes_without_a_channel_blank_the_bits_that_no_lut_makes() -> None:
    a, b = TensorType.integer((9,), 0, 31), TensorType.integer((9,), -4, 3)
    (mask,) = [part for part in Maximum().parts(kernel(5), a, b) if part.kind == "mask"]
    assert mask["bits"] == 3
