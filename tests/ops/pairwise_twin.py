"""The operators of two tensors once more, slowly, in plain Python integers; pairs of tensors for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st
from intaglio.ir import PINNED, IntType, Kernel, TensorType

Combine = Callable[[int, int], int]


@st.composite
def pairs(draw: Any, most: int = 300) -> tuple[TensorType, TensorType]:
    """Equal shapes, a gate of one pixel in either spelling, a gate of one channel; bipolar now and then."""
    channels = draw(st.integers(1, 5))
    shape = (draw(st.integers(1, 3)), draw(st.integers(1, 3)), channels)
    second = draw(st.sampled_from([shape, (channels,), (1, 1, channels), (*shape[:2], 1)]))
    return draw(_typed(shape, most)), draw(_typed(second, most))


@st.composite
def _typed(draw: Any, shape: tuple[int, ...], most: int) -> TensorType:
    if draw(st.integers(0, 5)) == 0:
        return TensorType(shape, IntType(True, 1), (-1,) * shape[-1], (1,) * shape[-1])
    lows = [draw(st.integers(-most, most)) for _ in range(shape[-1])]
    return TensorType.integer(shape, lows, [low + draw(st.integers(0, most)) for low in lows])


def drawn(rng: np.random.Generator, kind: TensorType, frames: int) -> np.ndarray:
    x = rng.integers(kind.lo_array, kind.hi_array, (frames, *kind.shape), endpoint=True)
    return np.where(x > 0, 1, -1) if kind.dtype == IntType(True, 1) else x


def twin(combine: Combine, x: np.ndarray, y: np.ndarray) -> list[int]:
    """Element by element; what y has only one of is used again."""
    rows = [frame.reshape(-1, x.shape[-1]).tolist() for frame in x]
    gates = [frame.reshape(-1, y.shape[-1]).tolist() for frame in y]
    result = []
    for pixels, others in zip(rows, gates, strict=True):
        for number, pixel in enumerate(pixels):
            other = others[number if len(others) > 1 else 0]
            for channel, value in enumerate(pixel):
                result.append(combine(value, other[channel if len(other) > 1 else 0]))
    return result


def check_semantics(op: Any, combine: Combine, kinds: tuple[TensorType, TensorType], seed: int) -> None:
    """run and the executor equal the twin, on any carrier; the bounds are those of the corners."""
    rng = np.random.default_rng(seed)
    x, y = (drawn(rng, kind, 4) for kind in kinds)
    expected = twin(combine, x, y)
    assert op.run(x, y).ravel().tolist() == expected
    fast = op.executor(*kinds)
    for dtype in (np.int64, np.float32, np.float64):
        given = x.astype(dtype), y.astype(dtype)
        got = fast(*given)
        assert got.shape == x.shape
        assert got.ravel().tolist() == expected
        assert (given[0] == x).all()
        assert (given[1] == y).all()
    out, (a, b) = op.infer(*kinds), kinds
    assert out.shape == a.shape
    for channel in range(a.channels):
        other = channel if b.channels > 1 else 0
        values = [combine(p, q) for p in (a.lo[channel], a.hi[channel]) for q in (b.lo[other], b.hi[other])]
        assert (out.lo[channel], out.hi[channel]) == (min(values), max(values))


def check_channels(op: Any, kinds: tuple[TensorType, TensorType], seed: int) -> None:
    """A gate of one channel is pinned, all others are tied; fewer channels give that part of the result."""
    (first, second), out = op.couplings(*kinds)
    channels = kinds[0].channels
    assert first.tolist() == out.tolist() == list(range(channels))
    gate = kinds[1].channels == 1 < channels
    assert second.tolist() == ([PINNED] if gate else out.tolist())
    kept = np.arange(0, channels, 2)
    kept_gate = np.array([0]) if gate else kept
    x, y = (drawn(np.random.default_rng(seed), kind, 3) for kind in kinds)
    smaller = op.keep((kept, kept_gate), kept)
    assert (smaller.run(x[..., kept], y[..., kept_gate]) == op.run(x, y)[..., kept]).all()


def check_programs(op: Any, kinds: tuple[TensorType, TensorType]) -> None:
    """Any number of lanes; a beat of the first input a step, of the second where it is new."""
    (a, b), kernels = kinds, list(op.kernels(*kinds))
    assert {k.pe for k in kernels} == set(range(1, a.channels + 1))
    assert set(op.choices(*kinds)) <= set(kernels)
    for kernel in kernels:
        program, folds = op.program(kernel, a, b), -(-a.channels // kernel.pe)
        every = list(range(a.pixels * folds))
        assert program.steps == op.steps(kernel, a, b) == len(every)
        assert program.reads[0].tolist() == program.writes.tolist() == every
        gate = b.channels == 1 < a.channels
        new = every[::folds] if gate else every[: b.pixels * folds]
        assert program.reads[1].tolist() == new
        assert op.lanes(kernel, a, b) == ((kernel.pe, 1 if gate else kernel.pe), kernel.pe)
        assert op.params(kernel, a, b)["latency"] == program.latency
        assert all(part.count >= 0 for part in op.parts(kernel, a, b))


IMAGE = TensorType.integer((2, 3, 5), 0, 15)
FORMS = {
    "equal": (IMAGE, IMAGE),
    "pixel": (IMAGE, TensorType.integer((5,), -3, 3)),
    "channel": (IMAGE, TensorType.integer((2, 3, 1), -3, 3)),
}
"""A pair of each form, at five channels."""


def kernel(lanes: int) -> Kernel:
    return Kernel(pe=lanes, simd=lanes)
