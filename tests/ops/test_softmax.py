"""softmax: its integers in plain Python, how near it is to the real one, its passes."""

from __future__ import annotations

from fractions import Fraction
from math import exp
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from intaglio.errors import IntaglioError
from intaglio.ir import PINNED, Kernel, TensorType
from intaglio.ops import Softmax, softmax
from intaglio.ops.elements import bipolar_tensor


def twin(op: Softmax, pixel: list[int]) -> list[int]:
    table = op.exponent.tolist()
    e = [table[max(pixel) - v] if max(pixel) - v < len(table) else 0 for v in pixel]
    total = sum(e)
    return [min((v * (1 << op.bits) * 2 + total) // (2 * total), (1 << op.bits) - 1) for v in e]


@st.composite
def cases(draw: Any) -> tuple[Softmax, np.ndarray]:
    channels, bits = draw(st.integers(1, 9)), draw(st.integers(1, 40))
    table = draw(st.lists(st.integers(0, 4 << min(bits, 20)), min_size=1, max_size=40))
    table[0] = max(table[0], 1)
    pixels = [[draw(st.integers(-60, 60)) for _ in range(channels)] for _ in range(4)]
    return Softmax(np.array(table), bits), np.array(pixels)


@given(cases())
def test_equals_its_twin(case: tuple[Softmax, np.ndarray]) -> None:
    op, x = case
    result = op.run(x)
    assert result.tolist() == [twin(op, row) for row in x.tolist()]
    assert op.run(x.astype(np.float32)).tolist() == result.tolist()
    out = op.infer(TensorType.integer((x.shape[1],), -60, 60))
    assert (result >= out.lo_array).all()
    assert (result <= out.hi_array).all()
    assert (out.bits, out.scale) == (op.bits, Fraction(1, 1 << op.bits))


@given(st.lists(st.integers(-128, 127), min_size=1, max_size=12), st.integers(1, 16))
def test_it_is_the_softmax(pixel: list[int], divisor: int) -> None:
    op = Softmax.of(Fraction(1, divisor), 12, TensorType.integer((len(pixel),), -128, 127))
    powers = [exp((v - max(pixel)) / divisor) for v in pixel]
    for y, power in zip(op.run(np.array([pixel]))[0].tolist(), powers, strict=True):
        assert abs(y / 4096 - power / sum(powers)) < 3 / 4096


def test_the_exponentials_are_rounded_and_end_before_the_zeros() -> None:
    op = Softmax.of(Fraction(1), 2, TensorType.integer((3,), -128, 127))
    assert op.exponent.tolist() == [16, 6, 2, 1]
    near = Softmax.of(Fraction(1), 2, TensorType.integer((3,), 0, 1))
    assert near.exponent.tolist() == [16, 6]


def test_every_channel_is_pinned_and_the_text_of_a_pixel_stands_for_all() -> None:
    op, x = Softmax(np.array([8, 3]), 4), TensorType.integer((2, 3), 0, 7)
    ins, out = op.couplings(x)
    assert {*ins[0].tolist(), *out.tolist()} == {PINNED}
    values = np.array([[[1, 2, 2], [7, 0, 6]]])
    assert op.run(values)[0].tolist() == [twin(op, [1, 2, 2]), twin(op, [7, 0, 6])]


@pytest.mark.parametrize(
    ("lanes", "steps", "latency", "first_write"),
    [(37, 1, 5 + 8 + 2 + 2, 0), (36, 8, 13, 6), (8, 15, 13, 10), (16, 11, 13, 8), (4, 30, 13, 20), (1, 111, 13, 74)],
)
def test_passes(lanes: int, steps: int, latency: int, first_write: int) -> None:
    op, x = Softmax(np.array([8, 3]), 8), TensorType.integer((2, 37), 0, 7)
    kernel = Kernel(pe=lanes, simd=lanes)
    program, beats = op.program(kernel, x), -(-37 // lanes)
    assert (program.steps, program.latency) == (2 * steps, latency)
    assert program.steps == op.steps(kernel, x)
    assert program.reads[0].tolist() == [*range(beats), *range(steps, steps + beats)]
    assert program.writes.tolist() == [start + first_write + b for start in (0, steps) for b in range(beats)]
    assert op.lanes(kernel, x) == ((lanes,), lanes)


@given(st.integers(1, 40), st.integers(0, 300), st.data())
def test_any_distance_has_an_address(entries: int, reach: int, data: st.DataObject) -> None:
    op = Softmax(np.arange(entries, 0, -1), 3)
    x = TensorType.integer((3,), -reach, 0)
    context = op.params(Kernel(), x)
    words = [int(word.split("h")[1], 16) for word in context["words"]]
    assert len(words) == 1 << context["address_bits"]
    distance = data.draw(st.integers(0, reach))
    assert distance < 1 << context["distance_bits"]
    address = min(distance, len(words) - 1) if context["saturates"] else distance
    assert words[address] == (entries - distance if distance < entries else 0)


def test_kernels() -> None:
    op = Softmax(np.array([8, 3]), 4)
    for x in (TensorType.integer((2, 5), -4, 7), bipolar_tensor((5,), [-1] * 5, [1] * 5, None)):
        kernels = list(op.kernels(x))
        assert [k.pe for k in kernels] == [1, 2, 3, 4, 5]
        assert [k.pe for k in op.choices(x)] == [1, 2, 3, 5]
        for kernel in kernels:
            assert all(part.count >= 0 for part in op.parts(kernel, x))


def test_errors() -> None:
    x = TensorType.integer((3,), 0, 1 << 30)
    for exponent, bits in (([], 4), ([0, 1], 4), ([3, -1], 4), ([3], 0)):
        with pytest.raises(IntaglioError, match="exponentials, none negative"):
            Softmax(np.array(exponent, np.int64), bits).infer(x)
    with pytest.raises(IntaglioError, match="positive scale"):
        Softmax.of(Fraction(0), 8, x)


def test_too_many_exponentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(softmax, "MOST_EXPONENTS", 16)
    with pytest.raises(IntaglioError, match="more than 16 exponentials"):
        Softmax.of(Fraction(1, 1000), 8, TensorType.integer((3,), 0, 1 << 30))
