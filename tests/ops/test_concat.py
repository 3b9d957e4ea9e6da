"""concat: values, bounds, types, channels at their offsets, the order of its reads."""

from __future__ import annotations

from fractions import Fraction
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
def test_every_number_of_lanes_issues_a_beat_a_step(kinds: tuple[TensorType, ...]) -> None:
    """Elements are counted: a step takes a beat of an input where the output beat wants one that has not come yet."""
    op, pixels = Concat(len(kinds)), kinds[0].pixels
    channels = [kind.channels for kind in kinds]
    order = [k for k, count in enumerate(channels) for _ in range(count)]
    kernels = list(op.kernels(*kinds))
    assert [k.pe for k in kernels] == list(range(1, len(order) + 1))
    for kernel in kernels:
        program, (lanes, out) = op.program(kernel, *kinds), op.lanes(kernel, *kinds)
        assert lanes == tuple(min(out, count) for count in channels)
        assert program.steps == op.steps(kernel, *kinds) == pixels * -(-len(order) // out)
        assert program.writes.tolist() == list(range(program.steps))
        reads: list[list[int]] = [[] for _ in kinds]
        for pixel in range(pixels):
            come = [0] * len(kinds)
            for start in range(0, len(order), out):
                step = pixel * -(-len(order) // out) + start // out
                for k in range(len(kinds)):
                    if come[k] < order[: start + out].count(k):
                        come[k] += lanes[k]
                        reads[k].append(step)
                    assert come[k] >= order[: start + out].count(k), "one beat of an input in a step is enough"
        assert [steps.tolist() for steps in program.reads] == reads
        op.params(kernel, *kinds)
        assert all(part.count > 0 for part in op.parts(kernel, *kinds))


def test_choices_are_the_narrowest_of_each_speed_and_those_that_hold_nothing() -> None:
    kinds = [TensorType.integer((n,), 0, 1) for n in (8, 16, 5)]
    assert [k.pe for k in Concat(3).choices(*kinds)] == [1, 2, 3, 4, 5, 6, 8, 10, 15, 29]
    assert {pe: Concat(3).params(Kernel(pe, min(pe, 16)), *kinds)["held"] for pe in (1, 2, 4, 8, 29)} == dict.fromkeys(
        (1, 2, 4, 8, 29), 0
    )
    assert Concat(3).params(Kernel(3, 3), *kinds)["held"] == 2


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
    for pe in (0, 7):
        with pytest.raises(IntaglioError, match=rf"cannot put 6 channels on {pe} lanes\s+hint: choose a pe of 1 to 6"):
            Concat(2).params(Kernel(pe, 1), kind, kind)
    with pytest.raises(IntaglioError, match="takes at most 3 channels of an input at once, not 4"):
        Concat(2).program(Kernel(4, 4), kind, kind)


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
