"""top_k: the order, ties, proven bounds, one result a step."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from intaglio.errors import IntaglioError
from intaglio.ir import PINNED, IntType, Kernel, TensorType
from intaglio.ops import Argmax, TopK
from intaglio.ops.elements import bipolar_tensor


def twin(values: list[int], k: int, largest: bool) -> list[int]:
    """Indices, by taking the best of what is left again and again."""
    left, order = dict(enumerate(values)), []
    for _ in range(k):
        best = (max if largest else min)(left.values())
        order.append(next(i for i, v in left.items() if v == best))
        del left[order[-1]]
    return order


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=12), st.data(), st.booleans())
def test_equals_its_twin(values: list[int], data: st.DataObject, largest: bool) -> None:
    k = data.draw(st.integers(1, len(values)))
    order = twin(values, k, largest)
    for dtype in (np.int64, np.float32):
        x = np.array([values], dtype)
        assert TopK(k, largest).run(x).tolist() == [order]
        assert TopK(k, largest, values=True).run(x).tolist() == [[values[i] for i in order]]
    if largest:
        assert order[0] == Argmax().run(np.array([values]))[0, 0]


@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(0, 9)), min_size=1, max_size=6), st.data(), st.booleans())
def test_bounds_hold_and_are_reached(ends: list[tuple[int, int]], data: st.DataObject, largest: bool) -> None:
    lo, hi = np.array([low for low, _ in ends]), np.array([low + span for low, span in ends])
    kind = TensorType.integer((len(ends),), lo, hi, Fraction(1, 2))
    op = TopK(data.draw(st.integers(1, len(ends))), largest, values=True)
    out = op.infer(kind)
    assert (out.shape, out.scale) == ((op.k,), Fraction(1, 2))
    assert op.run(lo[None])[0].tolist() == list(out.lo)
    assert op.run(hi[None])[0].tolist() == list(out.hi)
    x = np.array([[data.draw(st.integers(low, low + span)) for low, span in ends]])
    assert (op.run(x) >= out.lo_array).all()
    assert (op.run(x) <= out.hi_array).all()


def test_indices_are_indices() -> None:
    out = TopK(3).infer(TensorType.integer((10,), -5, 5, Fraction(1, 8)))
    assert (out.shape, out.lo, out.hi, out.bits, out.scale) == ((3,), (0, 0, 0), (9, 9, 9), 4, Fraction(1))


def test_values_of_bipolar_elements_are_bipolar() -> None:
    x = bipolar_tensor((3,), [-1, -1, 1], [1, -1, 1], None)
    out = TopK(3, values=True).infer(x)
    assert (out.dtype, out.lo, out.hi) == (IntType(True, 1), (1, -1, -1), (1, 1, -1))


def test_nothing_may_be_removed() -> None:
    ins, out = TopK(2).couplings(TensorType.integer((4,), 0, 1))
    assert {*ins[0].tolist(), *out.tolist()} == {PINNED}


@pytest.mark.parametrize(("k", "simd", "beats"), [(1, 1, 37), (5, 1, 37), (5, 4, 10), (37, 3, 13)])
def test_the_results_come_with_the_last_beat_and_after_it(k: int, simd: int, beats: int) -> None:
    op, kernel, kind = TopK(k), Kernel(simd=simd), TensorType.integer((37,), -8, 7)
    program = op.program(kernel, kind)
    assert program.steps == op.steps(kernel, kind) == beats + k - 1
    assert program.reads[0].tolist() == list(range(beats))
    assert program.writes.tolist() == list(range(beats - 1, beats + k - 1))
    assert op.lanes(kernel, kind) == ((simd,), 1)


def test_kernels() -> None:
    kind = TensorType.integer((37,), -8, 7)
    for op in (TopK(5), TopK(1, values=True)):
        assert [k.simd for k in op.kernels(kind)] == [1, 2, 3, 4]
        assert [k.simd for k in op.choices(kind)] == [1, 2, 3, 4]
        for kernel in op.kernels(kind):
            compared = sum(part.count for part in op.parts(kernel, kind) if part.kind == "comparator")
            assert compared == op.k * kernel.simd
    assert [k.simd for k in TopK(2).kernels(TensorType.integer((2,), 0, 1))] == [1, 2]


def test_errors() -> None:
    with pytest.raises(IntaglioError, match="needs a vector"):
        TopK(1).infer(TensorType.integer((2, 3), 0, 1))
    for k in (0, 4):
        with pytest.raises(IntaglioError, match=f"no top {k} of 3"):
            TopK(k).infer(TensorType.integer((3,), 0, 1))
    with pytest.raises(IntaglioError, match="4 elements in a step at most"):
        TopK(1).params(Kernel(simd=5), TensorType.integer((9,), 0, 1))
