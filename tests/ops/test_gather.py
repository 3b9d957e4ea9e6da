"""gather: any order against a loop over integers, channels that it ties, beats that may move whole, address loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from intaglio.errors import IntaglioError
from intaglio.ir import PINNED, IntType, Kernel, TensorType, as_integers
from intaglio.ops import Flatten, Gather
from intaglio.ops.order import Loop, loops_of
from mover_checks import check_every_kernel, check_keep, check_values, image

SHAPES = st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple)


@st.composite
def gathers(draw: st.DrawFn) -> tuple[Gather, TensorType]:
    kind = image(*draw(SHAPES))
    form = draw(st.sampled_from(["any", "transpose", "shuffle", "reshape"]))
    places = np.arange(kind.size).reshape(kind.shape)
    if form == "transpose":
        places = places.transpose(draw(st.permutations(range(places.ndim))))
    elif form == "shuffle":
        places = places[..., draw(st.permutations(range(kind.channels)))]
    elif form == "reshape":
        places = places.reshape(draw(st.sampled_from([(kind.size,), (1, 1, kind.size), (1, kind.size, 1)])))
    else:
        shape = draw(SHAPES)
        places = np.array([draw(st.integers(0, kind.size - 1)) for _ in range(int(np.prod(shape)))]).reshape(shape)
    return Gather(as_integers(places.ravel()), places.shape, kind.channels), kind


def elements(x: object) -> list[int]:
    return [x] if isinstance(x, int) else [value for part in x for value in elements(part)]  # type: ignore[attr-defined]


def twin(op: Gather, x: list) -> list:
    flat, drawn = elements(x), iter(op.index.tolist())

    def build(shape: tuple[int, ...]) -> object:
        return [build(shape[1:]) for _ in range(shape[0])] if shape else flat[next(drawn)]

    return build(op.shape)  # type: ignore[return-value]


@given(gathers(), st.integers(0, 2**32 - 1))
def test_run_equals_a_loop_over_integers(case: tuple[Gather, TensorType], seed: int) -> None:
    op, kind = case
    check_values(op, kind, lambda x: twin(op, x), seed)


@given(gathers(), st.integers(0, 2**32 - 1))
def test_what_couplings_allow_may_go(case: tuple[Gather, TensorType], seed: int) -> None:
    op, kind = case
    check_keep(op, kind, seed)
    (labels,), out = op.couplings(kind)
    sources = (op.index % kind.channels).reshape(-1, op.shape[-1])
    assert all((labels[sources[:, c]] == out[c]).all() for c in range(op.shape[-1]))
    unread = sorted(set(range(kind.channels)) - set(sources.ravel().tolist()))
    own = [int((labels == labels[c]).sum() + (out == labels[c]).sum()) for c in unread]
    assert own == [1] * len(unread)


@given(gathers())
def test_programs(case: tuple[Gather, TensorType]) -> None:
    check_every_kernel(*case)


def permuted(shape: tuple[int, ...], *axes: int) -> Gather:
    places = np.arange(np.prod(shape)).reshape(shape).transpose(axes)
    return Gather(as_integers(places.ravel()), places.shape, shape[-1])


def reshaped(before: tuple[int, ...], *after: int) -> Gather:
    return Gather(as_integers(np.arange(np.prod(before))), after, before[-1])


def test_a_transpose_of_the_image_frees_its_channels_and_one_of_channels_ties_them() -> None:
    (labels,), out = permuted((2, 3, 4), 1, 0, 2).couplings(image(2, 3, 4))
    assert labels.tolist() == out.tolist() == [0, 1, 2, 3]
    (labels,), out = permuted((2, 3, 4), 0, 2, 1).couplings(image(2, 3, 4))
    assert {*labels.tolist(), *out.tolist()} == {0}


def test_channels_are_pinned_where_nothing_says_how_many_there_are() -> None:
    op = Gather(as_integers([2, 0]), (2,))
    (labels,), out = op.couplings(image(3))
    assert {*labels.tolist(), *out.tolist()} == {PINNED}
    assert op.keep((np.arange(3),), np.arange(2)) is op


def test_a_flatten_may_be_a_gather() -> None:
    kind = image(2, 3, 4)
    op = reshaped((2, 3, 4), 24)
    (labels,), out = op.couplings(kind)
    want = Flatten().couplings(kind)
    assert (labels.tolist(), out.tolist()) == (want[0][0].tolist(), want[1].tolist())
    assert op.infer(kind) == Flatten().infer(kind)


@pytest.mark.parametrize(
    ("op", "shape", "lanes", "buffered"),
    [
        (reshaped((1, 1, 5), 5), (1, 1, 5), [(n, n) for n in range(1, 6)], False),
        (reshaped((5,), 1, 1, 5), (5,), [(n, n) for n in range(1, 6)], False),
        (reshaped((2, 3, 4), 1, 6, 4), (2, 3, 4), [(n, n) for n in range(1, 5)], False),
        (reshaped((2, 2, 6), 1, 6, 4), (2, 2, 6), [(1, 1), (2, 2)], False),
        (permuted((2, 3, 4), 1, 0, 2), (2, 3, 4), [(n, n) for n in range(1, 5)], True),
        (permuted((2, 3, 4), 0, 2, 1), (2, 3, 4), [(1, 1)], True),
        (Gather(as_integers([3, 0, 1]), (3,)), (4,), [(1, 1), (3, 4)], True),
    ],
)
def test_beats_that_move_whole(
    op: Gather, shape: tuple[int, ...], lanes: list[tuple[int, int]], buffered: bool
) -> None:
    kind = image(*shape)
    kernels = [k for k in op.kernels(kind) if len(op.route(k.pe, k.simd, kind).ways) == 1]
    assert [(k.pe, k.simd) for k in kernels] == lanes
    assert any(part.kind.startswith("ram") for part in op.parts(kernels[0], kind)) == buffered
    if not buffered:
        assert all(op.steps(k, kind) == kind.pixels * -(-kind.channels // k.simd) for k in kernels)


def test_a_pixel_shuffle_takes_whole_pixels_and_chooses_among_their_lanes() -> None:
    shape = (2, 3, 5, 2, 2)  # height, width, channels, factors
    index = np.arange(np.prod(shape)).reshape(shape).transpose(0, 3, 1, 4, 2)
    op, kind = Gather(as_integers(index.ravel()), (4, 6, 5), 20), image(2, 3, 20)
    kernel = Kernel(pe=5, simd=20)
    assert kernel in op.choices(kind)
    route = op.route(5, 20, kind)
    assert route.ways == tuple(tuple(range(way, 20, 4)) for way in range(4))
    assert route.order[:6].tolist() == [0, 0, 1, 1, 2, 2]
    assert route.way[:6].tolist() == [0, 1, 0, 1, 0, 1]
    parts = op.parts(kernel, kind)
    assert not any(part.kind.startswith("rom") for part in parts)
    assert [(p.count, p["inputs"], p["bits"]) for p in parts if p.kind == "mux"] == [(5, 2, 3)]


def test_choices_leave_out_what_another_beats_in_time_and_in_size() -> None:
    kind = image(2, 3, 4)
    found = {(k.pe, k.simd) for k in permuted((2, 3, 4), 1, 0, 2).choices(kind)}
    assert found == {(1, 1), (2, 2), (4, 4)}
    found = {(k.pe, k.simd) for k in permuted((2, 3, 4), 2, 0, 1).choices(kind)}
    assert found == {(1, 1), (1, 2), (1, 4)}


def test_more_ways_than_a_multiplexer_takes_are_refused() -> None:
    kind = image(1, 2, 17)
    assert permuted((1, 2, 17), 2, 0, 1).route(1, 17, kind) is None
    assert permuted((1, 2, 16), 2, 0, 1).route(1, 16, image(1, 2, 16)) is not None


def test_a_channel_shuffle_of_whole_pixels_is_wires_and_a_register() -> None:
    index = np.arange(6)[:, None] * 4 + np.array([2, 0, 3, 1])
    op, kind = Gather(as_integers(index.ravel()), (2, 3, 4), 4), image(2, 3, 4)
    program = op.program(Kernel(pe=4, simd=4), kind)
    assert (program.steps, program.latency) == (6, 1)
    assert not any(part.kind.startswith("ram") for part in op.parts(Kernel(pe=4, simd=4), kind))


def test_writing_starts_when_nothing_will_have_to_wait() -> None:
    op, kind = permuted((2, 3, 1), 1, 0, 2), image(2, 3, 1)
    program = op.program(Kernel(), kind)  # beats 0 3 1 4 2 5
    assert program.reads[0].tolist() == [0, 1, 2, 3, 4, 5]
    assert program.writes.tolist() == [3, 4, 5, 6, 7, 8]
    assert program.steps == 9


@pytest.mark.parametrize(
    ("order", "loops"),
    [
        ([0, 1, 2, 3], [Loop(4, 1)]),
        ([0, 3, 1, 4, 2, 5], [Loop(2, 3), Loop(3, 1)]),
        ([7, 5, 3], [Loop(3, -2)]),
        ([0, 0, 4, 4, 1, 1, 5, 5], [Loop(2, 0), Loop(2, 4), Loop(2, 1)]),
        ([0, 2, 1], None),
        ([5], []),
    ],
)
def test_loops_of_addresses(order: list[int], loops: list[Loop] | None) -> None:
    assert loops_of(np.array(order)) == loops


@given(st.lists(st.tuples(st.integers(2, 3), st.integers(-5, 5)), max_size=4))
def test_loops_run_through_the_addresses_that_they_were_made_of(nest: list[tuple[int, int]]) -> None:
    order = np.zeros(1, np.int64)
    for count, stride in nest:
        order = (np.arange(count)[:, None] * stride + order).ravel()
    found = loops_of(order)
    if found is not None:
        again = order[:1]
        for loop in found:
            again = (np.arange(loop.count)[:, None] * loop.stride + again).ravel()
        assert again.tolist() == order.tolist()


def test_irregular_orders_take_a_table_of_addresses_and_regular_ones_do_not() -> None:
    table = Gather(as_integers([0, 2, 1, 5, 3, 3]), (6,)).parts(Kernel(), image(1, 1, 6))
    assert any(part.kind.startswith("rom") for part in table)
    loops = permuted((2, 3, 4), 2, 1, 0).parts(Kernel(), image(2, 3, 4))
    assert not any(part.kind.startswith("rom") for part in loops)


def test_bounds_are_those_of_the_channels_drawn_from() -> None:
    kind = TensorType.integer((1, 2, 3), [-9, 0, 2], [9, 1, 5])
    out = Gather(as_integers([1, 2, 4, 1]), (2, 2)).infer(kind)
    assert (out.lo, out.hi, out.dtype) == ((0, 0), (1, 5), IntType(False, 3))
    bipolar = TensorType((3,), IntType(True, 1), (-1, -1, 1), (1, 1, 1))
    assert Gather(as_integers([2, 0]), (2,)).infer(bipolar).dtype == bipolar.dtype


@pytest.mark.parametrize(
    ("op", "message"),
    [
        (Gather(as_integers([0, 1]), (3,)), "2 indices for an output"),
        (Gather(as_integers([0, 6]), (2,)), "element 6 of an input of 6"),
        (Gather(as_integers([0, 1]), (2,), 4), "takes 4 channels, not 3"),
    ],
)
def test_what_does_not_fit_is_refused(op: Gather, message: str) -> None:
    with pytest.raises(IntaglioError, match=message):
        op.infer(image(1, 2, 3))


def test_other_folds_are_refused() -> None:
    with pytest.raises(IntaglioError, match="cannot take 2 channels"):
        permuted((2, 3, 4), 2, 1, 0).program(Kernel(pe=2, simd=2), image(2, 3, 4))
