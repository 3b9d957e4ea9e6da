"""flatten: order, channels modulo the channel count, and lanes that never leave one spare."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from intaglio.errors import IntaglioError
from intaglio.ir import IntType, Kernel, TensorType
from intaglio.ops import Flatten


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 5))
def test_order_is_height_width_channels(height: int, width: int, channels: int) -> None:
    x = np.arange(2 * height * width * channels).reshape(2, height, width, channels)
    for frame, flat in zip(x.tolist(), Flatten().run(x).tolist(), strict=True):
        assert flat == [value for row in frame for pixel in row for value in pixel]
    lo = [-c for c in range(channels)]
    out = Flatten().infer(TensorType.integer((height, width, channels), lo, 3))
    assert out.shape == (height * width * channels,)
    assert out.lo == tuple(lo) * (height * width)


def test_channels_stand_or_fall_with_all_their_pixels() -> None:
    ins, out = Flatten().couplings(TensorType.integer((1, 2, 3), 0, 1))
    assert ins[0].tolist() == [0, 1, 2]
    assert out.tolist() == [0, 1, 2, 0, 1, 2]


@pytest.mark.parametrize(("channels", "lanes"), [(1, [1]), (6, [1, 2, 3, 6]), (7, [1, 7])])
def test_lanes_divide_the_channels(channels: int, lanes: list[int]) -> None:
    kind = TensorType.integer((2, 2, channels), 0, 1)
    assert [kernel.simd for kernel in Flatten().kernels(kind)] == lanes
    for count in lanes:
        program = Flatten().program(Kernel(pe=count, simd=count), kind)
        assert program.steps == 4 * channels // count
        assert program.writes.tolist() == program.reads[0].tolist() == list(range(program.steps))


def test_other_lanes_are_refused() -> None:
    with pytest.raises(IntaglioError, match="choose a divisor"):
        Flatten().program(Kernel(pe=4, simd=4), TensorType.integer((2, 2, 6), 0, 1))


def test_a_bipolar_image_stays_bipolar() -> None:
    kind = TensorType((1, 2, 2), IntType(True, 1), (-1, 1), (1, 1))
    out = Flatten().infer(kind)
    assert (out.shape, out.dtype, out.lo, out.hi) == ((4,), kind.dtype, (-1, 1, -1, 1), (1, 1, 1, 1))
