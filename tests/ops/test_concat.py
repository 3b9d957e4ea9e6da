"""concat: values, bounds, types, channels at their offsets, the order of its reads."""

from __future__ import annotations

from fractions import Fraction
from math import gcd
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from intaglio.errors import IntaglioError
from intaglio.ir import Graph, IntType, Kernel, Node, TensorType, as_integers, parse_graph, print_graph, verify
from intaglio.ir.channels import channel_groups
from intaglio.ops import Concat, Dense
from pairwise_twin import drawn


def bipolar(*shape: int) -> TensorType:
    return TensorType(shape, IntType(True, 1), (-1,) * shape[-1], (1,) * shape[-1])


@st.composite
def tensors(draw: Any) -> tuple[TensorType, ...]:
    pixels, kinds = draw(st.sampled_from([(), (3,), (2, 2)])), []
    for _ in range(draw(st.integers(2, 4))):
        channels = draw(st.integers(1, 6))
        lows = [draw(st.integers(-300, 300)) for _ in range(channels)]
        kind = TensorType.integer((*pixels, channels), lows, [low + draw(st.integers(0, 300)) for low in lows])
        kinds.append(draw(st.sampled_from([kind, kind, bipolar(*kind.shape)])))
    return tuple(kinds)


def twin(arrays: list[np.ndarray]) -> list[int]:
    """Pixel by pixel, the channels of each input in turn."""
    frames, result = [[f.reshape(-1, x.shape[-1]).tolist() for f in x] for x in arrays], []
    for frame in range(len(frames[0])):
        for pixel in range(len(frames[0][0])):
            for x in frames:
                result += x[frame][pixel]
    return result


@given(tensors(), st.integers(0, 2**32))
def test_equals_its_twin(kinds: tuple[TensorType, ...], seed: int) -> None:
    op, rng = Concat(len(kinds)), np.random.default_rng(seed)
    arrays = [drawn(rng, kind, 3) for kind in kinds]
    expected = twin(arrays)
    assert op.run(*arrays).ravel().tolist() == expected
    mixed = [x.astype((np.float32, np.float64, np.int64)[k % 3]) for k, x in enumerate(arrays)]
    result = op.executor(*kinds)(*mixed)
    assert result.dtype == np.float32
    assert result.ravel().tolist() == expected
    out = op.infer(*kinds)
    assert out.shape == result.shape[1:]
    assert out.lo == tuple(v for kind in kinds for v in kind.lo)
    assert out.hi == tuple(v for kind in kinds for v in kind.hi)
    every_bipolar = all(kind.dtype == IntType(True, 1) for kind in kinds)
    assert out.dtype == (IntType(True, 1) if every_bipolar else IntType.holding(min(out.lo), max(out.hi)))


@given(tensors(), st.integers(0, 2**32))
def test_channels_stand_or_fall_with_those_they_come_from(kinds: tuple[TensorType, ...], seed: int) -> None:
    op, rng = Concat(len(kinds)), np.random.default_rng(seed)
    ins, out = op.couplings(*kinds)
    assert np.concatenate(ins).tolist() == out.tolist() == list(range(len(out)))
    kept = [np.arange(k % 2, kind.channels, 2) for k, kind in enumerate(kinds)]
    whole = np.concatenate([labels[kept_] for labels, kept_ in zip(ins, kept, strict=True)])
    arrays = [drawn(rng, kind, 2) for kind in kinds]
    smaller = op.keep(tuple(kept), whole)
    assert (smaller.run(*(x[..., k] for x, k in zip(arrays, kept, strict=True))) == op.run(*arrays)[..., whole]).all()


def test_wide_integers_are_left_to_run() -> None:
    kind = TensorType.integer((2,), 0, 1 << 60)
    op = Concat(2)
    assert op.executor(kind, kind) == op.run
    x = np.array([[(1 << 60) - 1, 1 << 60]])
    assert op.run(x, x).tolist() == [[*x[0].tolist(), *x[0].tolist()]]


@given(tensors())
def test_every_kernel_reads_one_input_behind_the_other_or_all_at_once(kinds: tuple[TensorType, ...]) -> None:
    op, pixels = Concat(len(kinds)), kinds[0].pixels
    common, total = gcd(*(kind.channels for kind in kinds[:-1])), sum(kind.channels for kind in kinds)
    kernels = list(op.kernels(*kinds))
    assert [k.pe for k in kernels] == [n for n in range(1, common + 1) if common % n == 0] + [total]
    for kernel in kernels:
        program = op.program(kernel, *kinds)
        lanes, out = op.lanes(kernel, *kinds)
        assert program.steps == op.steps(kernel, *kinds) == pixels * -(-total // out)
        assert program.writes.tolist() == list(range(program.steps))
        if kernel.pe == total:
            assert lanes == tuple(kind.channels for kind in kinds)
            assert all(reads.tolist() == list(range(pixels)) for reads in program.reads)
        else:
            order = [
                k for kind, k in zip(kinds, range(len(kinds)), strict=True) for _ in range(-(-kind.channels // out))
            ]
            steps = {k: [s for s in range(program.steps) if order[s % len(order)] == k] for k in range(len(kinds))}
            assert {k: reads.tolist() for k, reads in enumerate(program.reads)} == steps
        op.params(kernel, *kinds)
        assert all(part.count >= 0 for part in op.parts(kernel, *kinds))


def test_inputs_of_two_scales_give_a_result_without_one() -> None:
    kind = TensorType.integer((2, 3), 0, 1, Fraction(1))
    assert Concat(2).infer(kind, kind).scale == 1
    assert Concat(2).infer(kind, kind.with_scale(Fraction(1, 2))).scale is None


def test_what_does_not_fit_is_refused() -> None:
    kind = TensorType.integer((2, 3), 0, 1, Fraction(1))
    with pytest.raises(IntaglioError, match="equal pixels"):
        Concat(2).infer(kind, TensorType.integer((3, 3), 0, 1, Fraction(1)))
    with pytest.raises(IntaglioError, match="concat of 2 takes 2 inputs, not 3"):
        Graph({"x": kind}, (Node("c", Concat(2), ("x",) * 3),), ("c",)).types  # noqa: B018
    with pytest.raises(IntaglioError, match="two tensors or more"):
        Concat(1)
    with pytest.raises(IntaglioError, match="cannot take 2 of 3 channels"):
        Concat(2).lanes(Kernel(2, 2), kind, kind)


def test_a_tensor_twice_ties_its_copies_and_the_graph_survives_as_text() -> None:
    x = TensorType.integer((2, 3), -8, 7)
    nodes = (
        Node("first", Dense(as_integers(np.ones((2, 3))), as_integers([0, 0])), ("x",)),
        Node("both", Concat(3), ("first", "x", "first")),
        Node("last", Dense(as_integers(np.ones((1, 7))), as_integers([0])), ("both",)),
    )
    graph = verify(Graph({"x": x}, nodes, ("last",)))
    groups = channel_groups(graph)
    assert groups["both"].tolist() == [*groups["first"], -1, -1, -1, *groups["first"]]
    assert len(set(groups["first"].tolist()) | {-1}) == 3
    again = parse_graph(print_graph(graph))
    assert again.by_name["both"].op == Concat(3)
