"""lookup: semantics, bounds, channels, and the addresses of its hardware."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from intaglio.errors import IntaglioError
from intaglio.ir import IntType, Kernel, TensorType
from intaglio.ops import Lookup
from intaglio.ops.elements import bipolar_tensor
from requantiser_twins import check_clocks, check_kernels, everything, tensors


@st.composite
def cases(draw: Any) -> tuple[Lookup, TensorType]:
    kind = draw(tensors(40))
    rows = draw(st.sampled_from([1, kind.channels]))
    first = min(kind.lo) - draw(st.integers(0, 5))
    entries = max(kind.hi) - first + 1 + draw(st.integers(0, 5))
    bipolar = draw(st.booleans())
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    table = rng.choice([-1, 1], (rows, entries)) if bipolar else rng.integers(-300, 500, (rows, entries))
    return Lookup(table, first, Fraction(1, 4), bipolar), kind


def twin(op: Lookup, channel: int, x: int) -> int:
    rows = op.table.tolist()
    return int(rows[channel if len(rows) > 1 else 0][x - op.first])


@given(cases())
def test_equals_its_twin(case: tuple[Lookup, TensorType]) -> None:
    op, kind = case
    x = everything(kind)
    flat = x.reshape(-1, kind.channels).tolist()
    expected = [[twin(op, c, v) for c, v in enumerate(row)] for row in flat]
    result = op.run(x)
    assert result.reshape(-1, kind.channels).tolist() == expected
    out = op.infer(kind)
    assert (out.shape, out.scale) == (kind.shape, Fraction(1, 4))
    assert out.lo == tuple(min(column) for column in zip(*expected, strict=True))
    assert out.hi == tuple(max(column) for column in zip(*expected, strict=True))
    assert (out.dtype == IntType(True, 1)) == op.bipolar
    fast, before = op.executor(kind), x.copy()
    for dtype in (np.int64, np.float32, np.float64):
        given_x = x.astype(dtype)
        assert (fast(given_x) == result).all()
        assert (given_x == before).all(), "an executor wrote to its input"


@given(cases())
def test_every_channel_stands_alone(case: tuple[Lookup, TensorType]) -> None:
    op, kind = case
    labels, out = op.couplings(kind)
    assert labels[0].tolist() == out.tolist() == list(range(kind.channels))
    kept = np.arange(0, kind.channels, 2)
    x = everything(kind)
    assert (op.keep((kept,), kept).run(x[..., kept]) == op.run(x)[..., kept]).all()


@given(cases(), st.integers(1, 5))
def test_the_word_at_the_low_bits_of_an_element_is_its_value(case: tuple[Lookup, TensorType], lanes: int) -> None:
    op, kind = case
    lanes = min(lanes, kind.channels)
    memories, bits = op.memories(lanes, kind)
    assert max(kind.hi) - min(kind.lo) < 1 << bits
    for c in range(kind.channels):
        lane, fold = c % lanes, c // lanes
        memory = memories[lane if len(memories) > 1 else 0]
        page = fold if len(memory) > 1 << bits else 0
        for value in range(kind.lo[c], kind.hi[c] + 1):
            assert memory[(page << bits) + value % (1 << bits)] == twin(op, c, value)


def test_kernels() -> None:
    check_kernels(Lookup(np.arange(93).reshape(3, 31), -10), TensorType.integer((2, 3), -10, 20))


def test_clocks() -> None:
    op, x = Lookup(np.arange(4 << 10).reshape(2, -1), 0), TensorType.integer((2,), 0, 2047)
    for kernel in (Kernel(memory="bram"), Kernel(memory="lutram")):
        check_clocks(op, x, kernel)
    assert op.pipelined(Kernel(memory="lutram"), 250, x).stages == 2


def test_equal_tables_are_one() -> None:
    x = TensorType.integer((6,), 0, 3)
    table = np.array([[7, 1, 4, 2, c] for c in range(6)])  # they differ where no x reaches
    context = Lookup(table, 0).params(Kernel(pe=2, simd=2), x)
    assert (context["shared"], context["depth"], context["counts_folds"]) == (True, 4, False)


def test_a_large_table_is_a_block_ram_per_lane() -> None:
    op, x = Lookup(np.arange(1024)[None], 0), TensorType.integer((6,), 0, 1023)
    kinds = {part.kind: part for part in op.parts(Kernel(pe=3, simd=3), x)}
    assert kinds["rom_bram"].count == 3
    assert kinds["rom_bram"].sizes == {"depth": 1024, "width": 10}
    assert {p.kind: p.count for p in op.parts(Kernel(pe=3, simd=3, memory="lutram"), x)}["rom_lutram"] == 3


def test_a_bipolar_input_is_never_zero() -> None:
    x = bipolar_tensor((2,), [-1, 1], [1, 1], None)
    op = Lookup(np.array([[5, 99, 7]]), -1)
    out = op.infer(x)
    assert (out.lo, out.hi) == ((5, 7), (7, 7))
    assert op.memories(2, x)[0].tolist() == [[5, 7]]


def test_errors() -> None:
    op, x = Lookup(np.zeros((2, 4), int), -1), TensorType.integer((2,), -1, 2)
    op.infer(x)
    with pytest.raises(IntaglioError, match="tables for 2 channels, its input 3"):
        op.infer(TensorType.integer((3,), 0, 1))
    for low, high in ((-2, 0), (0, 3)):
        with pytest.raises(IntaglioError, match=r"lookup knows -1\.\.2"):
            op.infer(TensorType.integer((2,), low, high))
    with pytest.raises(IntaglioError, match="nothing but -1 and"):
        replace(op, bipolar=True).infer(x)
