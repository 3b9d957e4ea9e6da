"""to_beats and from_beats against packing by plain Python integers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from intaglio.errors import IntaglioError
from intaglio.ir import IntType, TensorType
from intaglio.ops.beats import beat_shape, from_beats, to_beats


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_beats_are_packed_integers_and_back(data: st.DataObject) -> None:
    kind = IntType(data.draw(st.booleans()), data.draw(st.integers(1, 63)))
    pixels, channels, lanes = (data.draw(st.integers(1, high)) for high in (3, 40, 45))
    tensor = TensorType((pixels, channels), kind, (kind.lo,) * channels, (kind.hi,) * channels)
    choice = st.sampled_from([-1, 1]) if kind.bipolar else st.integers(kind.lo, kind.hi)
    some = data.draw(st.lists(choice, min_size=1, max_size=12))
    values = np.array([some[k % len(some)] for k in range(2 * pixels * channels)]).reshape(2, pixels, channels)
    beats = to_beats(values, tensor, lanes)
    assert beats.shape == (2, *beat_shape(tensor, lanes))
    for frame in range(2):
        words = []
        for pixel in values[frame].tolist():
            for begin in range(0, channels, lanes):
                word = 0
                for lane, value in enumerate(pixel[begin : begin + lanes]):
                    code = (value + 1) // 2 if kind.bipolar else value % 2**kind.bits
                    word += code << (lane * kind.bits)
                words.append(word)
        assert [int.from_bytes(beat.tobytes(), "little") for beat in beats[frame]] == words
    back = from_beats(beats, tensor, lanes)
    assert back.dtype == np.int64
    assert (back == values).all()


def test_spare_lanes_and_padding_bits_are_ignored() -> None:
    tensor = TensorType.integer((3,), -4, 3)
    beats = to_beats(np.array([[1, -2, 3]]), tensor, 2)
    dirty = beats | np.array([0xC0, 0xF8], np.uint8)[None, :, None]
    assert (from_beats(dirty, tensor, 2) == [[1, -2, 3]]).all()


def test_floats_that_hold_integers_are_taken() -> None:
    tensor = TensorType.integer((3,), -4, 3)
    assert (
        to_beats(np.array([[1.0, -2.0, 3.0]], np.float32), tensor, 2) == to_beats(np.array([[1, -2, 3]]), tensor, 2)
    ).all()


def test_what_does_not_fit_is_refused() -> None:
    tensor = TensorType.integer((3,), 0, 15)
    with pytest.raises(IntaglioError, match=r"0\.\.16 do not fit u4"):
        to_beats(np.array([[0, 16, 3]]), tensor, 1)
    with pytest.raises(IntaglioError, match="shape"):
        to_beats(np.zeros((1, 4), np.int64), tensor, 1)
    with pytest.raises(IntaglioError, match="not uint8"):
        from_beats(np.zeros((1, 3, 2), np.uint8), tensor, 1)
