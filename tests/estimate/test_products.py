"""Products of two numbers in registers: against counts of Yosys 0.70 for xc7 that are not in the table."""

from __future__ import annotations

import numpy as np
import pytest
from intaglio.estimate.features import features, fixed
from intaglio.estimate.features.products import product_luts
from intaglio.flow.measure_products import Case, cases, measure
from intaglio.ir import IntType, Kernel, Part, TensorType
from intaglio.ops import MulShift, Multiply
from intaglio.ops.varying import Factors

LONG = {(0, 0): 172.5, (0, 1): 184.5, (1, 0): 166.5, (1, 1): 191.75}
"""Of 8 and 12 bits: [is the shorter one signed, is the longer one]."""


@pytest.mark.parametrize("signs", LONG)
def test_between_measurements_a_bit_takes_as_many_more(signs: tuple[int, int]) -> None:
    short, long = signs
    assert product_luts(8, short, 12, long) == pytest.approx(LONG[signs], rel=0.06)
    assert product_luts(12, long, 8, short) == product_luts(8, short, 12, long)


def test_of_wide_factors_there_is_no_measurement() -> None:
    assert product_luts(9, 0, 9, 0) is None
    assert product_luts(1, 0, 7, 1) is None


def _known(case: Case) -> float | None:
    added = case.what == "product_and_sum"
    return product_luts(case.short_bits, case.short_signed, case.long_bits, case.long_signed, added=added)


def test_every_case_is_in_the_table_and_longer_products_are_larger() -> None:
    rows: dict[tuple[str, int, int, int], list[float]] = {}
    for case in cases():
        luts = _known(case)
        assert luts is not None
        rows.setdefault((case.what, case.short_bits, case.short_signed, case.long_signed), []).append(luts)
    assert all(row == sorted(row) for row in rows.values())


def test_what_is_measured_again_is_what_the_table_holds() -> None:
    again = [Case("product", 2, 0, 3, 0), Case("product", 3, 1, 4, 0), Case("product_and_sum", 2, 1, 4, 1)]
    assert measure(again) == [_known(case) for case in again]


LANES = {("i4", "i3"): 16, ("u2", "u2"): 5, ("u3", "i3"): 6, ("u3", "i4"): 10, ("i4", "u3"): 15, ("u1", "i5"): 5}
"""LUTs of a lane: of two factors of as many bits with their signs, the second one has the rows."""


@pytest.mark.parametrize("pair", LANES)
def test_lanes_of_multiply(pair: tuple[str, str]) -> None:
    kinds = [TensorType.integer((8,), kind.lo, kind.hi) for kind in map(IntType.parse, pair)]
    (rows,) = Multiply().operators(Kernel(4, 4), *kinds)
    assert rows.count == 4
    assert features(rows) == {"rows.luts": LANES[pair]}


ADDED = {("u4", 6, 6): 50, ("u7", 8, 8): 134, ("u3", 6, 9): 37, ("i6", 4, 7): 56, ("u6", 4, 4): 51, ("i3", 3, 3): 22}
"""LUTs of `x * factor + addend`, of registers, signed: (x, bits of the factor, of the addend)."""


@pytest.mark.parametrize("sizes", ADDED)
def test_a_product_and_a_number_are_one_sum(sizes: tuple[str, int, int]) -> None:
    kind, bits, addend = sizes
    x = IntType.parse(kind)
    whole = product_luts(x.bits, int(x.signed), bits, 1, added=True)
    assert whole == pytest.approx(ADDED[sizes], rel=0.04)
    same = {"rows": x.bits, "gated": x.bits, "negative": int(x.signed), "bits": bits, "signed": 1, "addend": addend}
    steady = [
        features(Part("rows", 1, {**same, "width": x.bits + bits + 1, "steady": known}))["rows.luts"]
        for known in range(addend + 1)
    ]
    assert (steady[0], steady[-1]) == (whole, product_luts(x.bits, int(x.signed), bits, 1))
    assert steady == sorted(steady, reverse=True), "bits that are always the same take nothing"


CONSTANT = {
    "i8": {1: 0, -1: 0, -32: 0, 3: 14, 12: 14, 17: 13, -3: 15, -28: 15, 7: 18, 11: 21, -5: 20, -27: 25, -19: 32},
    "i12": {5: 22, -7: 23, 14: 26, -22: 39, 15: 36, 31: 50},
    "i16": {3: 30, 7: 34, -11: 55, 29: 61, 31: 74},
    "u8": {10: 12, -14: 12, 25: 19, -5: 19},
    "u1": {21: 0},
}  # fmt: skip
"""LUTs of products by literals of six bits: twos are shifts, copies of a sign are taken off, inverters melt."""


@pytest.mark.parametrize("kind", CONSTANT)
def test_products_by_literals(kind: str) -> None:
    x = IntType.parse(kind)
    for factor, count in CONSTANT[kind].items():
        literal = Factors.of(np.array([[[factor]]]), 6)
        (rows,) = literal.parts(TensorType.integer((1,), x.lo, x.hi), 0, x.bits + 6)
        assert features(rows).get("rows.luts", 0) == pytest.approx(count, rel=0.22), factor


SLICES = {("u4", "i4"): 0, ("u4", "u4"): 0, ("i5", "i4"): 4, ("u5", "u4"): 4, ("u3", "i5"): 0, ("u3", "i6"): 4}
"""Of four lanes that may use them: a product of which nine bits are read is the smallest that does."""


@pytest.mark.parametrize("pair", SLICES)
def test_slices_take_products_of_which_enough_is_read(pair: tuple[str, str]) -> None:
    kinds = [TensorType.integer((8,), kind.lo, kind.hi) for kind in map(IntType.parse, pair)]
    parts = Multiply().operators(Kernel(4, 4, multiplier="dsp"), *kinds)
    assert sum(fixed(part).dsp * part.count for part in parts) == SLICES[pair]


def test_slices_take_no_product_of_which_the_sum_reads_eight_bits() -> None:
    kind = TensorType.integer((4, 18), -16, 15)
    op = MulShift(np.resize([4, 5, 6, 7], 18), np.resize([1, -1, 0], 18), 1, 0, 63)
    assert not any(fixed(part).dsp for part in op.parts(Kernel(9, 9, multiplier="dsp"), kind))
