"""conv2d: HLS and RTL in both forms and at many folds, against `run`."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from harness import Case, Unit, check, check_units, random_tensor
from intaglio.ir import IntType, Kernel, TensorType, as_integers
from intaglio.ops import Conv2d, Dense

Shape = tuple[int, int, int]
Pair = tuple[int, int]


def case(
    name: str,
    image: Shape,
    outputs: int,
    kernel: Pair,
    lanes: Pair,
    *,
    stride: Pair = (1, 1),
    padding: tuple[int, int, int, int] = (0, 0, 0, 0),
    inputs: Pair = (0, 15),
    weights: Sequence[int] = (-8, 7),
    stages: int = 1,
    memory: str = "auto",
    groups: int = 1,
    dilation: Pair = (1, 1),
) -> Case:
    """lanes: pe, simd; a simd of 0 stands for whole windows, of as many groups as pe takes."""
    rng = np.random.default_rng(len(name) + outputs)
    weight = rng.integers(weights[0], weights[1], (outputs, *kernel, image[2] // groups), endpoint=True)
    bias = rng.integers(-99, 99, outputs) if any(weights) else np.zeros(outputs)
    op = Conv2d(as_integers(weight), as_integers(bias), stride, padding, None, dilation, groups)
    simd = lanes[1] or weight[0].size * (max(1, lanes[0] * groups // outputs) if groups > 1 else 1)
    return Case(name, op, Kernel(lanes[0], simd, memory=memory, stages=stages), (TensorType.integer(image, *inputs),))


def binary(case: Case, bipolar: bool = False) -> Case:
    """The same with weights of -1 and +1, inputs of one bit, and XNOR in place of multiplication."""
    op, (x,) = case.op, case.ins
    assert isinstance(op, Conv2d | Dense)
    weight = as_integers(np.where(op.weight >= 0, 1, -1))
    ends = (-1, 1) if bipolar else (0, 1)
    kind = TensorType(x.shape, IntType(bipolar, 1), ends[:1] * x.channels, ends[1:] * x.channels)
    return Case(case.name, replace(op, weight=weight), replace(case.kernel, multiplier="xnor"), (kind,))


ROWS = [
    case("plain", (6, 7, 3), 5, (3, 3), (2, 2)),
    case("padded", (5, 6, 4), 3, (3, 3), (3, 4), padding=(1, 1, 1, 1), inputs=(-8, 7), stages=3),
    case("slow", (4, 5, 3), 4, (3, 2), (1, 1), padding=(0, 2, 1, 0)),
    case("odd", (3, 3, 37), 5, (2, 2), (4, 4), padding=(1, 0, 0, 1), inputs=(0, 1)),
    case("pointwise", (4, 3, 5), 6, (1, 1), (4, 5)),
    case("pointwise_folded", (3, 4, 5), 4, (1, 1), (4, 2), stride=(2, 2)),
    case("one", (2, 2, 1), 1, (1, 1), (1, 1), inputs=(-1, 1)),
    case("sparse", (9, 8, 2), 3, (2, 2), (3, 1), stride=(3, 4)),
    case("leap", (9, 8, 2), 3, (1, 2), (3, 2), stride=(7, 3)),
    case("strided", (7, 8, 3), 4, (3, 3), (4, 3), stride=(2, 1), padding=(1, 0, 2, 1), inputs=(-128, 127)),
    case("block", (5, 4, 3), 4, (3, 3), (2, 2), memory="bram"),
    case("big_kernel", (2, 3, 2), 3, (5, 4), (2, 2), padding=(2, 2, 3, 1)),
    case("far_padding", (2, 3, 2), 2, (2, 2), (1, 2), padding=(4, 3, 3, 4), stride=(1, 2)),
    case("tall", (8, 1, 2), 3, (3, 1), (3, 2), padding=(1, 1, 0, 0), memory="lutram"),
    case("wide", (1, 9, 3), 3, (1, 4), (2, 3), padding=(0, 0, 2, 2)),
    case("whole", (4, 4, 3), 10, (4, 4), (3, 3), inputs=(0, 3)),
    case("zero", (4, 4, 2), 2, (3, 3), (1, 2), weights=(0, 0)),
    case("pixel", (1, 1, 3), 2, (3, 3), (1, 2), padding=(1, 1, 1, 1)),
]

WINDOW = [
    case("plain", (6, 7, 3), 5, (3, 3), (5, 0)),
    case("padded", (5, 6, 2), 4, (3, 3), (2, 0), padding=(1, 1, 1, 1), inputs=(-8, 7), stages=6),
    case("slow", (4, 5, 3), 4, (3, 2), (1, 0), padding=(0, 2, 1, 0), stages=2),
    case("odd", (3, 3, 37), 5, (2, 2), (4, 0), padding=(1, 0, 0, 1), inputs=(0, 1)),
    case("one_channel", (5, 5, 1), 3, (2, 2), (2, 0), inputs=(0, 255)),
    case("sparse", (9, 8, 2), 3, (2, 2), (3, 0), stride=(3, 4)),
    case("leap", (9, 8, 2), 3, (1, 2), (2, 0), stride=(7, 3)),
    case("strided", (7, 8, 3), 4, (3, 3), (4, 0), stride=(2, 1), padding=(1, 0, 2, 1), inputs=(-128, 127)),
    case("big_kernel", (2, 3, 2), 3, (5, 4), (2, 0), padding=(2, 2, 3, 1)),
    case("far_padding", (2, 3, 2), 2, (2, 2), (1, 0), padding=(1, 3, 1, 4), stride=(1, 2)),
    case("tall", (8, 1, 2), 3, (3, 1), (3, 0), padding=(1, 1, 0, 0)),
    case("wide", (1, 9, 3), 3, (1, 4), (2, 0), padding=(0, 0, 2, 2)),
    case("whole", (4, 4, 3), 10, (4, 4), (10, 0), inputs=(0, 3), stages=7),
    case("zero", (4, 4, 2), 2, (3, 3), (2, 0), weights=(0, 0)),
    case("pixel", (1, 1, 3), 2, (3, 3), (1, 0), padding=(1, 1, 1, 1)),
    case("tail", (5, 5, 2), 2, (2, 2), (2, 0), stride=(2, 2)),
]


DILATED = [
    case("rows", (7, 8, 3), 4, (3, 3), (2, 2), dilation=(2, 2)),
    case("rows_padded", (6, 5, 2), 3, (3, 2), (3, 2), dilation=(2, 3), padding=(2, 1, 3, 0), inputs=(-8, 7)),
    case("rows_far", (4, 5, 3), 2, (2, 3), (1, 2), dilation=(5, 3), padding=(3, 2, 2, 4), stride=(2, 1)),
    case("rows_strided", (9, 8, 2), 3, (2, 3), (2, 1), dilation=(3, 1), stride=(2, 3), padding=(1, 0, 0, 1)),
    case("rows_tall", (9, 1, 2), 2, (3, 1), (2, 2), dilation=(4, 1), padding=(1, 2, 0, 0)),
    case("rows_over", (9, 2, 1), 1, (4, 1), (1, 1), dilation=(3, 2), padding=(0, 1, 0, 1)),
    case("rows_slot", (1, 7, 2), 2, (2, 2), (1, 2), dilation=(3, 2), padding=(3, 3, 1, 1)),
    case("window", (7, 8, 3), 4, (3, 3), (2, 0), dilation=(2, 2)),
    case("window_padded", (6, 5, 2), 3, (3, 2), (3, 0), dilation=(2, 3), padding=(2, 1, 3, 0), inputs=(-8, 7)),
    case("window_far", (4, 5, 3), 2, (2, 3), (1, 0), dilation=(5, 3), padding=(3, 2, 2, 4), stride=(2, 1)),
    case("window_wide", (2, 9, 2), 3, (1, 3), (2, 0), dilation=(7, 4), padding=(0, 0, 1, 1), stride=(1, 2)),
]

DEPTHWISE = [
    case("rows_serial", (5, 4, 5), 5, (3, 3), (1, 1), groups=5, padding=(1, 1, 1, 1)),
    case("rows_spare", (5, 4, 5), 5, (3, 3), (2, 2), groups=5, padding=(1, 0, 1, 0), inputs=(-8, 7)),
    case("rows_odd", (3, 3, 37), 37, (2, 2), (8, 8), groups=37, stride=(1, 2), stages=2),
    case("rows_all", (5, 4, 5), 5, (3, 3), (5, 5), groups=5, stride=(2, 2), memory="bram"),
    case("rows_multiplier", (4, 4, 3), 6, (2, 3), (2, 1), groups=3, padding=(0, 1, 1, 0)),
    case("rows_turns", (4, 4, 3), 6, (2, 3), (1, 1), groups=3),
    case("rows_pairs", (4, 4, 3), 6, (2, 3), (4, 2), groups=3, dilation=(2, 1), padding=(0, 1, 1, 0)),
    case("pointwise", (3, 3, 5), 5, (1, 1), (3, 3), groups=5),
    case("window_serial", (5, 4, 5), 5, (3, 3), (1, 0), groups=5, padding=(1, 1, 1, 1)),
    case("window_spare", (5, 4, 5), 5, (3, 3), (2, 0), groups=5, padding=(1, 0, 1, 0), inputs=(-8, 7), stages=4),
    case("window_odd", (3, 3, 37), 37, (2, 2), (8, 0), groups=37, stride=(1, 2)),
    case("window_all", (5, 4, 5), 5, (3, 3), (5, 0), groups=5, stride=(2, 2)),
    case("window_turns", (4, 4, 3), 6, (2, 3), (1, 0), groups=3, padding=(0, 1, 1, 0)),
    case("window_pairs", (4, 6, 3), 6, (2, 3), (4, 0), groups=3, dilation=(2, 2), padding=(0, 1, 1, 0)),
    case("window_dilated", (6, 6, 4), 4, (3, 2), (3, 0), groups=4, dilation=(2, 3), padding=(1, 2, 3, 1)),
]

GROUPED = [
    case("rows_serial", (4, 4, 6), 4, (2, 2), (1, 1), groups=2),
    case("rows_folded", (4, 3, 8), 12, (3, 2), (3, 2), groups=2, padding=(1, 1, 0, 1), inputs=(-8, 7), stages=2),
    case("rows_group", (4, 4, 6), 9, (2, 2), (3, 2), groups=3, dilation=(1, 2), padding=(0, 0, 1, 1)),
    case("rows_side", (4, 4, 10), 15, (2, 2), (6, 4), groups=5, stride=(2, 1), padding=(1, 0, 0, 0), stages=3),
    case("rows_all", (3, 3, 6), 4, (2, 2), (4, 6), groups=2, padding=(1, 1, 1, 1)),
    case("pointwise", (3, 3, 6), 4, (1, 1), (4, 6), groups=2),
    case("window_turns", (4, 4, 6), 4, (2, 2), (1, 0), groups=2, padding=(0, 1, 1, 1)),
    case("window_group", (4, 4, 6), 9, (2, 2), (3, 0), groups=3, dilation=(1, 2), padding=(0, 0, 1, 1)),
    case("window_side", (4, 4, 10), 15, (2, 2), (6, 0), groups=5, stride=(2, 1), padding=(1, 0, 0, 0), stages=4),
    case("window_all", (3, 3, 6), 4, (2, 2), (4, 0), groups=2, padding=(1, 1, 1, 1), inputs=(-8, 7)),
]

XNOR = [
    binary(case("rows_spare", (4, 3, 5), 3, (2, 3), (2, 2), padding=(1, 1, 1, 1))),
    binary(case("rows_bipolar", (4, 3, 5), 3, (2, 3), (2, 2)), bipolar=True),
    binary(case("rows_whole", (4, 3, 5), 3, (2, 2), (3, 5), padding=(0, 1, 1, 0), stages=3)),
    binary(case("rows_depthwise", (4, 3, 5), 5, (2, 2), (2, 2), groups=5, padding=(0, 1, 1, 0))),
    binary(case("rows_grouped", (3, 3, 6), 6, (2, 2), (1, 1), groups=2, dilation=(2, 1)), bipolar=True),
    binary(case("window_folded", (4, 4, 3), 5, (2, 2), (2, 0), padding=(1, 0, 0, 1))),
    binary(case("window_bipolar", (4, 4, 3), 5, (2, 2), (5, 0), stages=2), bipolar=True),
    binary(case("window_spare", (4, 4, 5), 10, (2, 2), (4, 0), groups=5, padding=(1, 1, 0, 0))),
    binary(case("window_depthwise", (4, 4, 5), 5, (2, 2), (3, 0), groups=5, stride=(2, 2)), bipolar=True),
]


def littered(case: Case, rng: np.random.Generator) -> Unit:
    """The same with anything in the spare lanes of its input."""
    unit = case.unit(rng, 3)
    ((x, kind, lanes),) = unit.inputs
    count = -(-kind.channels // lanes) * lanes
    assert count > kind.channels
    lo, hi = (e.repeat(count)[:count] for e in (kind.lo_array[:1], kind.hi_array[:1]))
    full = TensorType((*kind.shape[:-1], count), kind.dtype, tuple(lo.tolist()), tuple(hi.tolist()))
    litter = random_tensor(rng, len(x), full)
    litter[..., : kind.channels] = x
    return replace(unit, inputs=[(litter, full, lanes)])


def dense(name: str, lanes: Pair) -> Case:
    rng = np.random.default_rng(1)
    op = Dense(as_integers(rng.integers(-8, 8, (5, 7))), as_integers(rng.integers(-9, 9, 5)))
    return Case(name, op, Kernel(*lanes), (TensorType.integer((2, 7), 0, 15),))


SPARE = [
    case("rows", (4, 3, 5), 3, (2, 3), (2, 3), padding=(1, 1, 1, 1)),
    case("depthwise_rows", (4, 4, 5), 5, (2, 2), (2, 2), groups=5),
    case("depthwise_window", (4, 4, 5), 5, (2, 2), (3, 0), groups=5, padding=(1, 0, 0, 1)),
    case("grouped_window", (4, 4, 10), 15, (2, 2), (6, 0), groups=5),
    binary(case("xnor_rows", (4, 3, 5), 3, (2, 3), (2, 3), padding=(1, 1, 1, 1))),
    binary(case("xnor_bipolar", (4, 3, 5), 3, (2, 3), (3, 2)), bipolar=True),
    binary(case("xnor_depthwise", (4, 4, 5), 5, (2, 2), (3, 3), groups=5, padding=(0, 1, 1, 0))),
    binary(case("xnor_window", (4, 4, 10), 15, (2, 2), (6, 0), groups=5), bipolar=True),
    dense("dense", (2, 3)),
    binary(dense("xnor_dense", (2, 3))),
    binary(dense("xnor_dense_bipolar", (5, 2)), bipolar=True),
]


def test_spare_lanes_of_the_input_are_ignored(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    check_units([littered(case, rng) for case in SPARE], tmp_path)


def test_dilated_windows(tmp_path: Path) -> None:
    check(DILATED, tmp_path)


def test_depthwise_at_many_folds(tmp_path: Path) -> None:
    check(DEPTHWISE, tmp_path)


def test_groups_at_many_folds(tmp_path: Path) -> None:
    check(GROUPED, tmp_path)


def test_xnor_kernels(tmp_path: Path) -> None:
    check(XNOR, tmp_path)


def test_rows_at_many_folds(tmp_path: Path) -> None:
    check(ROWS, tmp_path)


def test_window_at_many_folds(tmp_path: Path) -> None:
    check(WINDOW, tmp_path)
