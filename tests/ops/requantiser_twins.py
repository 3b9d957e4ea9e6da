"""The requantisers once more, slowly, in plain Python integers; and tensors for them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from intaglio.errors import IntaglioError
from intaglio.ir import Kernel, TensorType
from intaglio.ops import MulShift, Requantise, Shift, Threshold
from rounding_twin import rounded


def clip(value: int, low: int, high: int) -> int:
    return low if value < low else high if value > high else value


def twin(op: Any, channel: int, x: int) -> int:
    """What one channel makes of one integer."""
    match op:
        case Threshold():
            reached = 0
            for threshold in op.thresholds[channel].tolist():
                if x >= threshold:
                    reached += 1
            return int(op.base[channel]) + int(op.step[channel]) * reached
        case MulShift():
            total = x * int(op.multiplier[channel]) + int(op.addend[channel])
            return clip(total // (1 << op.shift), op.lo, op.hi)
        case Shift():
            return clip((x + int(op.addend[channel])) // (1 << op.shift), op.lo, op.hi)
        case Requantise():
            code = rounded(op.rounding, x * op.slope[channel] + op.offset[channel])
            return clip(code, op.lo, op.hi) - op.zero
    raise AssertionError(op)


def twins(op: Any, x: np.ndarray) -> list[list[int]]:
    """Rows of channels."""
    return [[twin(op, c, value) for c, value in enumerate(row)] for row in x.reshape(-1, x.shape[-1]).tolist()]


def everything(kind: TensorType) -> np.ndarray:
    """Frames that hold every integer of every channel, shorter ranges repeating their last."""
    lo, hi = kind.lo_array, kind.hi_array
    count = int((hi - lo).max()) + 1
    rows = np.minimum(lo + np.arange(count)[:, None], hi)
    return np.broadcast_to(rows[:, None], (count, kind.pixels, kind.channels)).reshape(count, *kind.shape)


@st.composite
def tensors(draw: Any, most: int = 300) -> TensorType:
    """One to five channels of their own ranges, as a vector or an image."""
    channels = draw(st.integers(1, 5))
    lows = [draw(st.integers(-most, most)) for _ in range(channels)]
    highs = [low + draw(st.integers(0, most)) for low in lows]
    shape = draw(st.sampled_from([(channels,), (3, channels), (2, 2, channels)]))
    return TensorType.integer(shape, lows, highs)


def check_semantics(op: Any, kind: TensorType) -> None:
    """run and the executor equal the twin on every integer; the result lies within the inferred bounds."""
    x = everything(kind)
    result = op.run(x)
    assert result.reshape(-1, kind.channels).tolist() == twins(op, x)
    out = op.infer(kind)
    assert out.shape == kind.shape
    assert (result.reshape(-1, kind.channels).min(axis=0) == out.lo_array).all()
    assert (result.reshape(-1, kind.channels).max(axis=0) == out.hi_array).all()
    fast = op.executor(kind)
    before = x.copy()
    for dtype in (np.int64, np.float32, np.float64):
        given = x.astype(dtype)
        assert (fast(given) == result).all()
        assert (given == before).all(), "an executor wrote to its input"


def check_channels(op: Any, kind: TensorType) -> None:
    """Every channel stands alone, and keeping some is the same as looking at those of the whole."""
    labels, out = op.couplings(kind)
    assert labels[0].tolist() == out.tolist() == list(range(kind.channels))
    kept = np.arange(0, kind.channels, 2)
    x = everything(kind)
    assert (op.keep((kept,), kept).run(x[..., kept]) == op.run(x)[..., kept]).all()


def check_kernels(op: Any, kind: TensorType, forms: int = 1) -> None:
    """Any number of lanes, each in so many forms; a beat a cycle, a cycle later for every stage."""
    kernels = list(op.kernels(kind))
    assert [k.pe for k in kernels] == [lanes for lanes in range(1, kind.channels + 1) for _ in range(forms)]
    for kernel in kernels:
        program = op.program(kernel, kind)
        assert op.lanes(kernel, kind) == ((kernel.pe,), kernel.pe)
        assert program.steps == op.steps(kernel, kind) == kind.pixels * -(-kind.channels // kernel.pe)
        assert program.reads[0].tolist() == program.writes.tolist() == list(range(program.steps))
        for stages in range(1, op.path(kernel, kind).most + 1):
            staged = replace(kernel, stages=stages)
            assert op.program(staged, kind).latency == program.latency + stages - 1
            assert op.params(staged, kind)["latency"] == program.latency + stages - 1
            assert all(part.count >= 0 for part in op.parts(staged, kind))
        for stages in (0, op.path(kernel, kind).most + 1):
            for illegal in (op.program, op.params, op.parts):
                with pytest.raises(IntaglioError, match=f"{op.name} has no place for {stages} stages"):
                    illegal(replace(kernel, stages=stages), kind)
    for pe, simd in ((0, 0), (kind.channels + 1, kind.channels + 1), (1, 2)):
        for illegal in (op.program, op.params, op.parts):
            with pytest.raises(
                IntaglioError, match=f"{op.name} cannot put|{op.name} issues as many channels as it takes"
            ):
                illegal(Kernel(pe, simd), kind)
    assert all(replace(k, multiplier="lut", memory="auto") in kernels for k in op.choices(kind))


def check_clocks(op: Any, kind: TensorType, kernel: Kernel) -> None:
    """Faster clocks never take fewer registers; slow ones none, the fastest all."""
    stages = [op.pipelined(kernel, clock, kind).stages for clock in (10, 100, 150, 200, 300, 400, 600, 2000)]
    assert stages[0] == 1
    assert stages == sorted(stages)
    op.params(op.pipelined(kernel, 2000, kind), kind)
