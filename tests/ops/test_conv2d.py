"""conv2d: values against a loop over integers, bounds, channels, kernels and the timing of both forms."""

from __future__ import annotations

import time
from dataclasses import replace
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from intaglio.errors import IntaglioError
from intaglio.ir import Graph, IntType, Kernel, Node, TensorType, as_integers
from intaglio.ops import Conv2d, Requantise, executors
from intaglio.passes.carve import carve
from source_twin import run_integers


@st.composite
def layers(draw: st.DrawFn) -> tuple[Conv2d, TensorType]:
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    dilation = draw(st.sampled_from([(1, 1), (1, 1), (2, 1), (1, 3), (3, 2)]))
    span = [(size - 1) * apart + 1 for size, apart in zip(kernel, dilation, strict=True)]
    stride = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    pads = draw(st.tuples(*[st.integers(0, 4)] * 4))
    height = draw(st.integers(max(1, span[0] - pads[0] - pads[1]), 12))
    width = draw(st.integers(max(1, span[1] - pads[2] - pads[3]), 12))
    groups = draw(st.sampled_from([1, 1, 2, 3, 5]))
    group_inputs = draw(st.integers(1, 5 if groups == 1 else 3))
    inputs, outputs = groups * group_inputs, groups * draw(st.integers(1, 4 if groups == 1 else 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    weight, bias = rng.integers(-8, 8, (outputs, *kernel, group_inputs)), rng.integers(-20, 20, outputs)
    lo = rng.integers(-9, 9, inputs)
    op = Conv2d(as_integers(weight), as_integers(bias), stride, pads, None, dilation, groups)
    return op, TensorType.integer((height, width, inputs), lo, lo + 5)


def twin(op: Conv2d, x: list[list[list[int]]]) -> list[list[list[int]]]:
    """One frame, in plain integers."""
    top, bottom, left, right = op.padding
    weight, bias = op.weight.tolist(), op.bias.tolist()
    rows, columns = len(weight[0]), len(weight[0][0])
    inputs, outputs = len(x[0][0]) // op.groups, len(bias) // op.groups
    result = []
    for y in range(-top, len(x) + bottom - (rows - 1) * op.dilation[0], op.stride[0]):
        line = []
        for z in range(-left, len(x[0]) + right - (columns - 1) * op.dilation[1], op.stride[1]):
            pixel = list(bias)
            for m, taps in enumerate(weight):
                for r, c in product(range(rows), range(columns)):
                    place = y + r * op.dilation[0], z + c * op.dilation[1]
                    if 0 <= place[0] < len(x) and 0 <= place[1] < len(x[0]):
                        seen = x[place[0]][place[1]][m // outputs * inputs : (m // outputs + 1) * inputs]
                        pixel[m] += sum(w * v for w, v in zip(taps[r][c], seen, strict=True))
            line.append(pixel)
        result.append(line)
    return result


def spans(op: Conv2d) -> tuple[int, int]:
    _, rows, columns, _ = op.weight.shape
    return (rows - 1) * op.dilation[0] + 1, (columns - 1) * op.dilation[1] + 1


def weight_bits(op: Conv2d) -> int:
    """Of two's complement, two at least."""
    return next(n for n in range(2, 64) if -(1 << n - 1) <= op.weight.min() and op.weight.max() < 1 << n - 1)


def tiles(op: Conv2d, pe: int, simd: int) -> list[int]:
    """For each output fold, the blocks of `pe` x `simd` weights that are not all zero, one at least; or, where it does
    not pay to skip the others, how many there are.
    """
    outputs, rows, columns, inputs = op.weight.shape
    weight, result, every = op.weight.tolist(), [], []
    for first in range(0, outputs, pe):
        blocks = [
            any(any(taps[r][c][k : k + simd]) for taps in weight[first : first + pe])
            for r, c, k in product(range(rows), range(columns), range(0, inputs, simd))
        ]
        result.append(max(1, sum(blocks)))
        every.append(len(blocks))
    word = pe * simd * weight_bits(op)
    saved = sum(every) - sum(result)
    return result if saved and (saved * 8 >= sum(every) or saved * word >= 16 * sum(result)) else every


def without_groups(op: Conv2d) -> Conv2d:
    """The same, with zeros between groups."""
    outputs, rows, columns, inputs = op.weight.shape
    weight = np.zeros((outputs, rows, columns, inputs * op.groups), np.int64)
    for o, place in product(range(outputs), range(inputs)):
        weight[o, ..., o * op.groups // outputs * inputs + place] = op.weight[o, ..., place]
    return replace(op, weight=as_integers(weight), groups=1)


def rows_program(
    op: Conv2d, kernel: Kernel, kind: TensorType, depth: int, *, skips: bool
) -> tuple[int, list[int], list[int]]:
    """The rows form with a buffer of `depth` words, step by step: (steps, reads, writes); no steps if it gets stuck."""
    height, width, channels = kind.shape
    rows, columns = spans(op)
    (top, _, left, _), (down, right) = op.padding, op.stride
    folds = -(-channels // op.lanes(kernel, kind)[0][0])
    side = max(1, kernel.pe * op.groups // len(op.bias)) if op.groups > 1 else 1
    places = list(product(range(op.weight.shape[1]), range(op.weight.shape[2])))
    every = len(places) * -(-op.weight.shape[3] // (kernel.simd // side))
    passes = tiles(op, kernel.pe, kernel.simd // side) if skips else [every] * -(-len(op.bias) // kernel.pe)
    total = height * width * folds
    out_rows, out_columns, _ = op.infer(kind).shape
    by_pixel = (out_columns - 1) * right <= down * width  # a row of windows stays before the next one's first
    reads: list[int] = []
    writes: list[int] = []
    step = 0
    for y in range(out_rows):
        for z in range(out_columns):
            first = ((y * down - top) * width - left + (z * right if by_pixel else 0)) * folds
            row = min(y * down - top + rows, height) - 1
            column = max(min(z * right - left + columns, width) - 1, -1)
            need = 0 if row < 0 else (row * width + column + 1) * folds
            # what each step needs, and whether its sum is complete then
            left_over = [(need, number == 1) for number in passes for number in range(number, 0, -1)]
            if not skips:
                taps = [(y * down - top + i * op.dilation[0], z * right - left + j * op.dilation[1]) for i, j in places]
                needs = [(r * width + max(0, min(c + 1, width))) * folds if 0 <= r < height else 0 for r, c in taps]
                share = passes[0] // len(places)
                needs = [need for need in needs for _ in range(share)] * len(passes)
                left_over = [(need, last) for need, (_, last) in zip(needs, left_over, strict=True)]
            while left_over:
                ready, loads = len(reads) >= left_over[0][0], len(reads) < min(first + depth, total)
                if loads:
                    reads.append(step)
                elif not ready:
                    return 0, [], []
                if ready and left_over.pop(0)[1]:
                    writes.append(step)
                step += 1
    while len(reads) < total:
        reads.append(step)
        step += 1
    return step, reads, writes


def window_program(op: Conv2d, kernel: Kernel, kind: TensorType) -> tuple[int, list[int], list[int]]:
    """The window form, position by position: (steps, reads, writes)."""
    height, width, channels = kind.shape
    rows, columns = spans(op)
    top, _, left, _ = op.padding
    folds = -(-channels // op.lanes(kernel, kind)[0][0])
    passes = -(-len(op.bias) // kernel.pe) // folds
    out_rows, out_columns, _ = op.infer(kind).shape
    ends_down = [y * op.stride[0] + rows - 1 for y in range(out_rows)]
    ends_right = [z * op.stride[1] + columns - 1 for z in range(out_columns)]
    reads: list[int] = []
    writes: list[int] = []
    step = 0
    for y in range(max(ends_down[-1] + 1, top + height)):
        for z in range(max(ends_right[-1] + 1, left + width)):
            complete = y in ends_down and z in ends_right
            for _ in range(folds):
                reads += [step] * (0 <= y - top < height and 0 <= z - left < width)
                for _ in range(passes if complete else 1):
                    writes += [step] * complete
                    step += 1
    return step, reads, writes


@given(layers(), st.integers(0, 2**32 - 1))
def test_run_equals_a_loop_over_integers(case: tuple[Conv2d, TensorType], seed: int) -> None:
    op, kind = case
    x = np.random.default_rng(seed).integers(kind.lo_array, kind.hi_array, (2, *kind.shape), endpoint=True)
    y, out = op.run(x), op.infer(kind)
    assert y.tolist() == [twin(op, frame) for frame in x.tolist()]
    assert y.shape == (2, *out.shape)
    assert (y >= out.lo_array).all()
    assert (y <= out.hi_array).all()


@given(layers(), st.data())
def test_keeping_channels_equals_masking_them(case: tuple[Conv2d, TensorType], data: st.DataObject) -> None:
    op, kind = case
    ins, out = op.couplings(kind)
    labels = sorted({*ins[0].tolist(), *out.tolist()})
    group_inputs, group_outputs = op.weight.shape[3], len(op.bias) // op.groups
    free = kind.channels if op.groups > 1 == group_inputs else group_inputs + group_outputs
    assert len(labels) == free
    chosen = data.draw(st.sets(st.sampled_from(labels), min_size=1))
    kept, left = (np.flatnonzero(np.isin(label, sorted(chosen))) for label in (ins[0], out))
    assume(len(kept))
    assume(len(left))
    x = np.random.default_rng(0).integers(kind.lo_array, kind.hi_array, (2, *kind.shape), endpoint=True)
    masked = np.zeros_like(x)
    masked[..., kept] = x[..., kept]
    smaller = op.keep((kept,), left)
    assert (smaller.run(x[..., kept]) == op.run(masked)[..., left]).all()
    kind = TensorType.integer((*kind.shape[:2], len(kept)), kind.lo_array[kept], kind.hi_array[kept])
    assert smaller.infer(kind).channels == len(left)
    assert next(smaller.kernels(kind)).pe == 1


@given(layers(), st.data(), st.sampled_from([1, 0.5, 0.1, 0]))
def test_the_program_is_that_of_the_machine(
    case: tuple[Conv2d, TensorType], data: st.DataObject, density: float
) -> None:
    op, kind = case
    kernel = data.draw(st.sampled_from(list(op.kernels(kind))))
    tile = [(np.arange(n) // lanes) for n, lanes in ((len(op.weight), kernel.pe), (op.weight.shape[3], kernel.simd))]
    kept = np.random.default_rng(len(op.bias)).random((len(op.bias), *op.weight.shape[1:])) < density
    weight = np.where(kept[np.ix_(tile[0], *map(range, op.weight.shape[1:3]), tile[1])], op.weight, 0)
    op = replace(op, weight=as_integers(weight))
    program = op.program(kernel, kind)
    one, whole = (len(op.bias) // op.groups, op.weight.shape[3]), op.weight[0].size
    if (spans(op)[0] - 1, spans(op)[1] - 1) < (op.padding[0], op.padding[2]):
        whole = one[1]  # no whole windows, where one is complete before the first pixel
    folded = one[0] % kernel.pe == 0 and (kernel.simd == whole or one[1] % kernel.simd == 0)
    together = kernel.pe % one[0] == 0 and kernel.simd in {kernel.pe // one[0] * n for n in (one[1], whole)}
    if not folded and not together and op.groups > 1:
        op = without_groups(op)
    side = max(1, kernel.pe * op.groups // len(op.bias)) if op.groups > 1 else 1
    whole = kernel.simd > side * op.weight.shape[3]
    if whole:
        steps, reads, writes = window_program(op, kernel, kind)
    else:
        folds = -(-kind.channels // op.lanes(kernel, kind)[0][0])
        depth = next(p["depth"] for p in op.parts(kernel, kind) if p.kind.startswith("ram"))
        everything = 1 << 40
        # blocks of zeros are skipped where that is faster: for it, windows are waited for as wholes
        fastest = min((False, True), key=lambda skips: rows_program(op, kernel, kind, everything, skips=skips)[0])
        holds_image = depth == kind.pixels * folds
        steps, reads, writes = rows_program(op, kernel, kind, everything if holds_image else depth, skips=fastest)
        assert steps == rows_program(op, kernel, kind, everything, skips=fastest)[0]  # more room would be no faster,
        # less is, or stuck, or sends first; one that holds the image counts no room, whatever it could spare
        slower, late, early = rows_program(op, kernel, kind, depth - 1, skips=fastest)
        assert depth == folds or holds_image or steps != slower or late[0] > early[0]
    assert (program.steps, program.reads[0].tolist(), program.writes.tolist()) == (steps, reads, writes)
    assert op.steps(kernel, kind) == program.steps
    assert len(reads) == kind.pixels * -(-kind.channels // op.lanes(kernel, kind)[0][0])
    assert len(writes) == op.infer(kind).pixels * -(-len(op.bias) // kernel.pe)
    assert reads[0] <= writes[0]  # nothing is sent for a frame that has not begun to come
    assert op.parts(kernel, kind)


@given(layers(), st.integers(0, 2**32 - 1), st.sampled_from(["TAP_NS", "COPY_NS", "SEGMENT_NS", "MULTIPLY_NS", ""]))
def test_every_executor_equals_run(case: tuple[Conv2d, TensorType], seed: int, dear: str) -> None:
    op, kind = case
    x = np.random.default_rng(seed).integers(kind.lo_array, kind.hi_array, (3, *kind.shape), endpoint=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(executors, "CHUNK", 200)
        if dear:  # what is dear is avoided, so that all forms have their turn
            patch.setattr(executors, dear, 1e6)
        execute = op.executor(kind)
    for frames in (x, x.astype(np.float32)):
        assert (execute(frames) == op.run(x)).all()


@pytest.mark.parametrize(
    ("groups", "inputs", "outputs"), [(6, 6, 6), (3, 3, 6), (3, 6, 3), (2, 8, 6), (2, 10, 14), (3, 21, 15)]
)
def test_kernels_of_groups_take_any_lanes_and_many_whole(groups: int, inputs: int, outputs: int) -> None:
    rng = np.random.default_rng(0)
    weight = as_integers(rng.integers(1, 8, (outputs, 3, 2, inputs // groups)))
    op = Conv2d(weight, as_integers(np.zeros(outputs)), groups=groups)
    kind = TensorType.integer((5, 5, inputs), 0, 15)
    legal = {(k.pe, k.simd) for k in op.kernels(kind)}
    for pe in range(1, outputs + 1):
        for simd in range(1, 6 * inputs + 1):
            if (pe, simd) in legal:
                assert op.program(Kernel(pe, simd), kind).steps == op.steps(Kernel(pe, simd), kind)
            else:
                with pytest.raises(IntaglioError, match="hint"):
                    op.program(Kernel(pe, simd), kind)
    for count in range(1, groups + 1):
        assert {(count * outputs // groups, count * inputs // groups * taps) for taps in (1, 6)} <= legal
    assert {(pe, simd) for pe in range(1, outputs + 1) for simd in range(1, inputs + 1)} <= legal

    def pixel_steps(kernel: Kernel) -> int:
        turns, writes = -(-outputs // kernel.pe), op.program(kernel, kind).writes
        return int(writes[2 * turns - 1] - writes[turns - 1])

    choices = {(k.pe, k.simd): pixel_steps(k) for k in op.choices(kind)}
    assert set(choices) <= legal
    assert all(op.parts(k, kind) for k in op.choices(kind))  # with their multipliers
    for pe in range(1, outputs // groups + 1):  # whatever lanes a group is given, some choice uses them best
        for simd in range(1, inputs // groups + 1):
            rivals = [steps for (p, s), steps in choices.items() if p <= pe and s <= simd]
            assert min(rivals) <= pixel_steps(Kernel(pe, simd))
    assert (1, 1) in legal


def test_lanes_that_do_not_divide_a_group_take_the_blocks_that_touch_it() -> None:
    """Two groups of seven channels and five outputs, on two outputs and three inputs at a time."""
    op = Conv2d(as_integers(np.ones((10, 1, 1, 7))), as_integers(np.zeros(10)), groups=2)
    kind = TensorType.integer((4, 4, 14), 0, 15)
    # outputs 0-1, 2-3: beats 0-6 of channels; 4-5: all; 6-7, 8-9: channels 7-13
    assert op.steps(Kernel(2, 3), kind) == 5 + 16 * (3 + 3 + 5 + 3 + 3)
    assert op.lanes(Kernel(2, 3), kind) == ((3,), 2)
    assert op.program(Kernel(2, 3), kind).writes[:5].tolist() == [7, 10, 15, 18, 21]


def test_depthwise_multiplies_no_zeros() -> None:
    """Lanes side by side are channels: all are busy in every step that computes."""
    op = Conv2d(as_integers(np.ones((37, 3, 3, 1))), as_integers(np.zeros(37)), padding=(1, 1, 1, 1), groups=37)
    kind = TensorType.integer((8, 8, 37), 0, 15)
    for lanes in (1, 2, 8, 19, 37):
        folds = -(-37 // lanes)
        first = (8 + 2) * folds  # beats that the first window needs
        assert 8 * 8 * 9 * folds <= op.steps(Kernel(lanes, lanes), kind) <= 8 * 8 * 9 * folds + first
        assert op.steps(Kernel(lanes, 9 * lanes), kind) == 10 * 10 * folds
        multipliers = [p for p in op.parts(Kernel(lanes, lanes), kind) if p.kind == "sum" and "a" in p.sizes]
        assert [p.count * p["terms"] for p in multipliers] == [lanes]
        rom = next(p for p in op.parts(Kernel(lanes, lanes), kind) if p.kind.startswith("rom"))
        assert rom["depth"] * rom["width"] == 9 * folds * lanes * 2


def dying(groups: int, per_output: int, dead: list[int], *, silent: bool) -> Graph:
    """A convolution with dead outputs, one in groups on it, and a pointwise one on that; `silent` kills its weights."""
    rng = np.random.default_rng(groups)
    middle = 6

    def conv(outputs: int, kernel: int, inputs: int, groups: int = 1) -> Conv2d:
        weight = rng.integers(1, 8, (outputs, kernel, kernel, inputs // groups))
        weight *= rng.integers(0, 2, weight.shape) * 2 - 1
        pad = (kernel // 2,) * 4
        return Conv2d(as_integers(weight), as_integers(rng.integers(-9, 9, outputs)), padding=pad, groups=groups)

    def requantiser(channels: int) -> Requantise:
        slope = np.array([Fraction(1, 9 + c) for c in range(channels)], dtype=object)
        return Requantise(slope, np.array([Fraction(0)] * channels, dtype=object), 0, 15, Fraction(1))

    first, grouped = conv(middle, 1, 2), conv(middle * per_output, 3, middle, groups)
    outputs = len(grouped.bias) // groups
    gone = [o for o in range(len(grouped.bias)) if o // per_output in dead] if groups == middle else []
    gone = gone or [o for o in range(len(grouped.bias)) if o % outputs in dead]
    weight, bias = np.array(first.weight), np.array(first.bias)
    weight[[i for i in range(middle) if i % (middle // groups if groups < middle else middle) in dead]] = 0
    bias[~weight.any(axis=(1, 2, 3))] = 0
    first = Conv2d(as_integers(weight), as_integers(bias), padding=first.padding)
    weight, bias = np.array(grouped.weight), np.array(grouped.bias)
    bias[gone] = 0
    if silent or groups < middle:
        weight[gone] = 0
    grouped = Conv2d(as_integers(weight), as_integers(bias), padding=grouped.padding, groups=groups)
    nodes = (
        Node("first", first, ("x",)),
        Node("first_q", requantiser(middle), ("first",)),
        Node("grouped", grouped, ("first_q",)),
        Node("grouped_q", requantiser(len(bias)), ("grouped",)),
        Node("last", conv(2, 1, len(bias)), ("grouped_q",)),
    )
    return Graph({"x": TensorType.integer((4, 4, 2), -8, 7, Fraction(1))}, nodes, ("last",))


@pytest.mark.parametrize("silent", [True, False])
@pytest.mark.parametrize(
    ("groups", "per_output", "dead", "left"),
    [(6, 1, [0, 3, 4], 3), (6, 2, [1, 5], 8), (6, 1, [1, 2, 3, 4, 5], 1), (2, 1, [1], 4), (3, 2, [0], 9)],
)
def test_carving_groups_computes_what_masking_did(
    groups: int, per_output: int, dead: list[int], left: int, *, silent: bool
) -> None:
    graph = dying(groups, per_output, dead, silent=silent)
    carved = carve(graph)
    op = carved.by_name["grouped"].op
    assert isinstance(op, Conv2d)
    assert (len(op.bias), op.groups) == (left, left // per_output if groups == 6 else groups)
    x = np.random.default_rng(1).integers(-8, 8, (5, 4, 4, 2))
    assert (run_integers(carved, {"x": x})["last"] == run_integers(graph, {"x": x})["last"]).all()


def test_a_living_channel_of_a_place_keeps_it_in_all_groups() -> None:
    graph = dying(2, 1, [1], silent=True)
    node = graph.by_name["grouped"]
    assert isinstance(node.op, Conv2d)
    weight = np.array(node.op.weight)
    weight[1, 1, 1, 0] = 5  # of two outputs at place 1, one lives again
    revived = replace(node, op=replace(node.op, weight=as_integers(weight)))
    carved = carve(graph.with_nodes(revived if n is node else n for n in graph.nodes))
    assert len(carved.by_name["grouped"].op.bias) == 6


@pytest.mark.parametrize("bipolar", [True, False])
def test_xnor_takes_the_place_of_lut_multipliers_where_all_is_one_bit(*, bipolar: bool) -> None:
    kind = TensorType((4, 4, 5), IntType(bipolar, 1), (-1 if bipolar else 0,) * 5, (1,) * 5)
    op = layer(3, (2, 2), 5)
    assert {k.multiplier for k in op.choices(kind)} == {"xnor"}
    kernel = Kernel(2, 2, multiplier="xnor")
    parts = op.parts(kernel, kind)
    assert not any(p.kind == "dsp_multiplier" or "a" in p.sizes for p in parts)
    rom = next(part for part in parts if part.kind == "rom_counted")
    assert (rom["depth"], rom["width"]) == (2 * 4 * 3, 2 * 2 + 2)  # two flags for spare lanes
    assert op.program(kernel, kind).steps == op.program(Kernel(2, 2), kind).steps
    for wrong, x in (
        (replace(op, weight=as_integers(np.zeros(op.weight.shape))), kind),
        (op, TensorType.integer((4, 4, 5), 0, 3)),
    ):
        assert "xnor" not in {k.multiplier for k in wrong.choices(x)}
        for ask in (wrong.program, wrong.params, wrong.parts):
            with pytest.raises(IntaglioError, match="weights of -1 and \\+1"):
                ask(kernel, x)


def layer(outputs: int, kernel: tuple[int, int], inputs: int, padding: tuple[int, int, int, int] = (0,) * 4) -> Conv2d:
    return Conv2d(as_integers(np.ones((outputs, *kernel, inputs))), as_integers(np.zeros(outputs)), (1, 1), padding)


def test_kernels_take_up_to_all_channels_or_a_whole_window() -> None:
    kind = TensorType.integer((5, 5, 3), 0, 3)
    assert sorted({k.simd for k in layer(2, (3, 3), 3).kernels(kind)}) == [1, 2, 3, 27]
    assert sorted({k.pe for k in layer(2, (3, 3), 3).kernels(kind)}) == [1, 2]
    assert sorted({k.simd for k in layer(2, (1, 1), 3).kernels(kind)}) == [1, 2, 3]
    assert sorted({k.simd for k in layer(2, (2, 2), 3, (2, 0, 0, 0)).kernels(kind)}) == [1, 2, 3]
    assert {(k.pe, k.simd) for k in layer(5, (2, 2), 3).choices(kind)} == {
        (pe, simd) for pe in (1, 2, 3, 5) for simd in (1, 2, 3, 12)
    }


@pytest.mark.parametrize(
    "kernel", [Kernel(0, 1), Kernel(3, 1), Kernel(1, 0), Kernel(1, 4), Kernel(1, 26), Kernel(1, 3, stages=4)]
)
def test_illegal_kernels_are_refused(kernel: Kernel) -> None:
    kind = TensorType.integer((5, 5, 3), 0, 3)
    op = layer(2, (3, 3), 3)
    for ask in (op.program, op.params, op.parts):
        with pytest.raises(IntaglioError, match="hint"):
            ask(kernel, kind)


def test_windows_of_padding_alone_are_not_taken_whole() -> None:
    with pytest.raises(IntaglioError, match="nothing but padding"):
        layer(2, (2, 2), 3, (2, 0, 0, 0)).program(Kernel(1, 12), TensorType.integer((5, 5, 3), 0, 3))


def test_a_bipolar_image_is_not_padded() -> None:
    kind = TensorType((4, 4, 1), IntType(True, 1), (-1,), (1,))
    with pytest.raises(IntaglioError, match="no 0 to pad with"):
        layer(2, (3, 3), 1, (1, 1, 1, 1)).program(Kernel(1, 1), kind)


def test_images_that_do_not_fit_are_refused() -> None:
    with pytest.raises(IntaglioError, match="does not fit"):
        layer(2, (3, 3), 3).infer(TensorType.integer((2, 5, 3), 0, 3))
    with pytest.raises(IntaglioError, match="takes 3 channels, not 2"):
        layer(2, (3, 3), 3).infer(TensorType.integer((5, 5, 2), 0, 3))
    with pytest.raises(IntaglioError, match="height, width, channels"):
        layer(2, (3, 3), 3).infer(TensorType.integer((5, 3), 0, 3))
    with pytest.raises(IntaglioError, match="does not fit"):
        replace(layer(2, (3, 3), 3), dilation=(1, 3)).infer(TensorType.integer((6, 6, 3), 0, 3))
    with pytest.raises(IntaglioError, match="takes 6 channels, not 3"):
        replace(layer(2, (3, 3), 3), groups=2).infer(TensorType.integer((5, 5, 3), 0, 3))
    with pytest.raises(IntaglioError, match="3 outputs do not fall into 2"):
        replace(layer(3, (3, 3), 1), groups=2).infer(TensorType.integer((5, 5, 2), 0, 3))


def test_the_program_of_a_large_image_takes_milliseconds() -> None:
    kind = TensorType.integer((32, 32, 16), 0, 15)
    op = layer(32, (3, 3), 16, (1, 1, 1, 1))
    start = time.process_time()
    for pe in (1, 2, 4, 8, 16):
        op.program(Kernel(pe, 4), kind)
    assert time.process_time() - start < 0.25


def test_large_row_buffers_may_lie_in_ultra_ram() -> None:
    op = Conv2d(as_integers(np.ones((2, 3, 3, 8))), as_integers([0, 1]), padding=(1, 1, 1, 1))
    small, large = (TensorType.integer((4, columns, 8), 0, 255) for columns in (16, 1024))
    assert {kernel.buffer for kernel in op.choices(small)} == {"auto"}
    ultra = [kernel for kernel in op.choices(large) if kernel.buffer == "uram"]
    assert ultra
    for kernel in ultra:
        kinds = {part.kind for part in op.parts(kernel, large)}
        assert "ram_uram" in kinds
        assert "ram_bram" not in kinds
        assert op.program(kernel, large).steps == op.program(replace(kernel, buffer="auto"), large).steps
    with pytest.raises(IntaglioError, match="parameters cannot lie in UltraRAM"):
        op.parts(Kernel(1, 1, memory="uram"), small)
