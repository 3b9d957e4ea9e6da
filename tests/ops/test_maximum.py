"""maximum: values, bounds per channel, coupled channels, gates, widths."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from intaglio.errors import IntaglioError
from intaglio.ir import TensorType
from intaglio.ops import Maximum
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


def test_a_sign_beside_an_unsigned_number_takes_no_comparison_and_upper_bits_of_one_alone_are_asked_for_once() -> None:
    a, b = TensorType.integer((5,), 0, 15), TensorType.integer((5,), -100, 3)
    parts = [p for p in Maximum().parts(kernel(2), a, b) if p.kind in {"comparator", "constant_comparator"}]
    assert [(p.kind, p.count, p["bits"]) for p in parts[:2]] == [("comparator", 2, 4), ("constant_comparator", 2, 3)]
    assert Maximum().infer(a, b).bits == 4
