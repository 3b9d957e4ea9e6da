"""What holds of every operator that only moves data: channels may go where couplings say so, and beats come in time."""

from __future__ import annotations

import numpy as np
from intaglio.ir import PINNED, Kernel, Op, TensorType


def image(*shape: int, lo: int = -4, hi: int = 3) -> TensorType:
    return TensorType.integer(shape, lo, hi)


def frames_of(kind: TensorType, seed: int, count: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).integers(kind.lo_array, kind.hi_array, (count, *kind.shape), endpoint=True)


def check_values(op: Op, kind: TensorType, twin: object, seed: int = 0) -> None:
    """`twin` takes and gives nested lists of plain integers, one frame."""
    x, out = frames_of(kind, seed), op.infer(kind)
    y = op.run(x)
    assert y.tolist() == [twin(frame) for frame in x.tolist()]  # type: ignore[operator]
    assert y.shape == (2, *out.shape)
    assert (y >= out.lo_array).all()
    assert (y <= out.hi_array).all()
    for dtype in (np.int64, np.float32, np.float64):
        carried = x.astype(dtype)
        assert np.array_equal(op.executor(kind)(carried), y)
        assert np.array_equal(carried, x)


def check_keep(op: Op, kind: TensorType, seed: int) -> int:
    """Without some of the channels, the operator gives what it gave without them. Answers how many groups may go."""
    random = np.random.default_rng(seed)
    (labels,), out = op.couplings(kind)
    groups = sorted({*labels.tolist(), *out.tolist()} - {PINNED})
    gone = [g for g in groups if random.random() < 0.4]
    kept_in, kept_out = np.flatnonzero(~np.isin(labels, gone)), np.flatnonzero(~np.isin(out, gone))
    if len(kept_in) and len(kept_out):
        smaller = op.keep((kept_in,), kept_out)
        x = frames_of(kind, seed)
        lo, hi = kind.lo_array[kept_in], kind.hi_array[kept_in]
        carved = TensorType.integer((*kind.shape[:-1], len(kept_in)), lo, hi)
        assert np.array_equal(smaller.run(x[..., kept_in]), op.run(x)[..., kept_out])
        assert smaller.infer(carved).shape == (*op.infer(kind).shape[:-1], len(kept_out))
    return len(groups)


def check_program(op: Op, kernel: Kernel, kind: TensorType) -> None:
    """Every beat goes in and out once, in order; none goes out before what it is made of has come in."""
    program, out = op.program(kernel, kind), op.infer(kind)
    (simd,), pe = op.lanes(kernel, kind)
    (reads,), writes = program.reads, program.writes
    folds_in, folds_out = -(-kind.channels // simd), -(-out.channels // pe)
    assert op.steps(kernel, kind) == program.steps
    assert len(reads) == kind.pixels * folds_in
    assert len(writes) == out.pixels * folds_out
    for steps in (reads, writes):
        assert (np.diff(steps) > 0).all()
        assert steps.min() >= 0
        assert steps.max() < program.steps
    assert reads[0] <= writes[0]
    base = 1 << 20
    names = np.arange(base, base + kind.size).reshape(1, *kind.shape)
    moved = op.run(names).reshape(out.pixels, out.channels) - base
    for pixel, row in enumerate(moved.tolist()):
        for channel, source in enumerate(row):
            if source >= 0:  # the rest is constant
                beat = source // kind.channels * folds_in + source % kind.channels // simd
                assert writes[pixel * folds_out + channel // pe] >= reads[beat]


def check_every_kernel(op: Op, kind: TensorType) -> None:
    kernels = list(op.kernels(kind))
    assert Kernel(pe=1, simd=1) in kernels
    assert set(op.choices(kind)) <= set(kernels)
    for kernel in kernels:
        check_program(op, kernel, kind)
