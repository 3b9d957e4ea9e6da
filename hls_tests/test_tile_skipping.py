"""Weights with whole tiles of zeros: HLS and RTL step over the occupied tiles alone, against `run` and a plain loop."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from harness import Case, check
from intaglio.ir import Kernel, TensorType, as_integers
from intaglio.ops import Conv2d, Dense

Pair = tuple[int, int]


@dataclass(frozen=True)
class Trial:
    """A case, and how many steps one pixel takes in it, with and without skipping."""

    case: Case
    steps: int
    every: int


def occupied(weight: np.ndarray, lanes: Pair) -> list[list[int]]:
    """For each output fold, the beats whose block has a weight that is not zero; the first where there is none."""
    rows = weight.reshape(len(weight), -1, weight.shape[-1]).tolist()
    pe, simd = lanes
    result = []
    for first in range(0, len(rows), pe):
        beats, number = [], 0
        for position in range(len(rows[0])):
            for start in range(0, len(rows[0][0]), simd):
                block = [row[position][start : start + simd] for row in rows[first : first + pe]]
                beats += [number] * any(any(terms) for terms in block)
                number += 1
        result.append(beats or [0])
    return result


def pixel_steps(beats_of_turns: list[list[int]], beats: int) -> int:
    """dense: a step takes one beat while there are any, and a tile waits for its beat."""
    step = 0
    for turn in beats_of_turns:
        for beat in turn:
            step = max(step, beat) + 1
    return max(step, beats)


def sparse(rng: np.random.Generator, shape: tuple[int, ...], tile: Pair, density: float, reach: int) -> np.ndarray:
    """Weights of which about `density` of the blocks of `tile` (outputs, inputs), at each position, are not zero."""
    weight = rng.integers(1, reach, shape, endpoint=True) * rng.choice([-1, 1], shape)
    blocks = -(-shape[0] // tile[0]), *shape[1:-1], -(-shape[-1] // tile[1])
    keep = (rng.random(blocks) < density).repeat(tile[0], axis=0).repeat(tile[1], axis=-1)
    return np.where(keep[: shape[0], ..., : shape[-1]], weight, 0)


def dense(
    name: str,
    shape: Pair,
    lanes: Pair,
    density: float,
    *,
    pixels: tuple[int, ...] = (),
    inputs: Pair = (0, 15),
    reach: int = 7,
    multiplier: str = "lut",
    clear: tuple[int, ...] = (),
    stages: int = 1,
) -> Trial:
    """shape: inputs, outputs; clear: output folds that have no weight left."""
    rng = np.random.default_rng(len(name))
    weight = sparse(rng, shape[::-1], lanes, density, reach)
    for fold in clear:
        weight[fold * lanes[0] : (fold + 1) * lanes[0]] = 0
    op = Dense(as_integers(weight), as_integers(rng.integers(-99, 99, shape[1])))
    kernel = Kernel(*lanes, multiplier=multiplier, stages=stages)
    beats = -(-shape[0] // lanes[1])
    tiles = occupied(weight, lanes)
    x = TensorType.integer((*pixels, shape[0]), *inputs)
    return Trial(Case(name, op, kernel, (x,)), pixel_steps(tiles, beats), beats * len(tiles))


def conv(
    name: str,
    image: tuple[int, int, int],
    outputs: int,
    kernel: Pair,
    lanes: Pair,
    density: float,
    *,
    stride: Pair = (1, 1),
    padding: tuple[int, int, int, int] = (0, 0, 0, 0),
    dilation: Pair = (1, 1),
    groups: int = 1,
    inputs: Pair = (0, 15),
    reach: int = 7,
    multiplier: str = "lut",
    clear: tuple[int, ...] = (),
    stages: int = 1,
) -> Trial:
    rng = np.random.default_rng(len(name) + outputs)
    side = max(1, lanes[0] * groups // outputs) if groups > 1 else 1
    tile = lanes[0], lanes[1] // side
    weight = sparse(rng, (outputs, *kernel, image[2] // groups), tile, density, reach)
    for fold in clear:
        weight[fold * lanes[0] : (fold + 1) * lanes[0]] = 0
    op = Conv2d(
        as_integers(weight), as_integers(rng.integers(-99, 99, outputs)), stride, padding, None, dilation, groups
    )
    how = Kernel(*lanes, multiplier=multiplier, stages=stages)
    tiles = occupied(weight, tile)
    every = len(tiles) * kernel[0] * kernel[1] * -(-weight.shape[-1] // tile[1])
    return Trial(Case(name, op, how, (TensorType.integer(image, *inputs),)), sum(map(len, tiles)), every)


def across(
    name: str, image: tuple[int, int, int], outputs: int, kernel: Pair, lanes: Pair, groups: int, **options: Any
) -> Trial:
    """Lanes that do not divide a group: the layer as one without groups, of which the blocks between groups are 0."""
    trial = conv(name, image, outputs, kernel, (1, 1), 1.0, groups=groups, **options)
    weight, channels = trial.case.op.attributes()["weight"], image[2] // groups
    full = np.zeros((outputs, *kernel, image[2]), np.int64)
    for o in range(outputs):
        first = o * groups // outputs * channels
        full[o, ..., first : first + channels] = weight[o]
    tiles, how = occupied(full, lanes), replace(trial.case.kernel, pe=lanes[0], simd=lanes[1])
    every = len(tiles) * kernel[0] * kernel[1] * -(-image[2] // lanes[1])
    return Trial(replace(trial.case, kernel=how), sum(map(len, tiles)), every)


def single(name: str, where: tuple[int, int, int, int], **options: Any) -> Trial:
    """A convolution of which one weight alone is left."""
    trial = conv(name, (5, 4, 3), 2, (3, 3), (2, 1), 0.0, **options)
    op = trial.case.op
    assert isinstance(op, Conv2d)
    weight = np.array(op.weight)
    weight[where] = 5
    return replace(trial, case=replace(trial.case, op=replace(op, weight=as_integers(weight))))


DENSE = [
    dense("half", (16, 12), (2, 4), 0.5),
    dense("tenth", (24, 18), (3, 2), 0.1, pixels=(2, 2), inputs=(-8, 7)),
    dense("most", (16, 16), (4, 4), 0.75, stages=3),
    dense("odd", (37, 13), (4, 5), 0.4, pixels=(3,)),
    dense("serial", (9, 7), (1, 1), 0.3),
    dense("empty_fold", (12, 12), (3, 3), 0.6, clear=(0, 2)),
    dense("last_fold", (12, 10), (3, 4), 0.6, clear=(3,)),
    dense("nothing", (7, 5), (2, 2), 0.0),
    dense("nothing_pixels", (6, 6), (1, 3), 0.0, pixels=(3,)),
    dense("booth", (16, 12), (4, 2), 0.4, multiplier="booth", reach=3, inputs=(-8, 7)),
    dense("packed", (16, 12), (4, 4), 0.5, multiplier="dsp2", inputs=(-8, 7), pixels=(2,)),
    dense("packed_four", (16, 9), (4, 2), 0.5, multiplier="dsp4", inputs=(0, 3), reach=1),
    dense("slices", (16, 12), (2, 2), 0.4, multiplier="dsp", inputs=(-128, 127), reach=100),
]

CONV = [
    conv("half", (5, 6, 4), 4, (3, 3), (2, 2), 0.5),
    conv("padded", (5, 4, 6), 6, (3, 3), (2, 3), 0.3, padding=(1, 1, 1, 1), inputs=(-8, 7), stages=2),
    conv("tenth", (6, 5, 5), 5, (3, 2), (2, 2), 0.1, padding=(0, 2, 1, 0)),
    conv("strided", (7, 8, 3), 4, (3, 3), (4, 3), 0.5, stride=(2, 1), padding=(1, 0, 2, 1)),
    conv("leap", (9, 8, 2), 3, (1, 2), (1, 1), 0.4, stride=(7, 3)),
    conv("dilated", (7, 8, 4), 4, (3, 3), (2, 2), 0.4, dilation=(2, 3), padding=(2, 2, 3, 3)),
    conv("far", (2, 3, 2), 4, (3, 3), (2, 2), 0.4, padding=(2, 2, 3, 1)),
    conv("pointwise", (4, 3, 8), 8, (1, 1), (2, 2), 0.4, stride=(2, 1)),
    conv("one_row", (1, 9, 3), 3, (1, 4), (1, 3), 0.5, padding=(0, 0, 2, 2)),
    conv("empty_fold", (4, 4, 4), 6, (2, 2), (2, 2), 0.6, clear=(1,)),
    conv("nothing", (4, 4, 2), 3, (3, 3), (1, 2), 0.0, padding=(1, 1, 1, 1)),
    conv("grouped", (4, 4, 6), 4, (2, 2), (1, 1), 0.4, groups=2),
    conv("grouped_side", (4, 4, 10), 15, (2, 2), (6, 4), 0.5, groups=5, padding=(1, 0, 0, 1)),
    conv("depthwise", (5, 4, 5), 5, (3, 3), (2, 2), 0.5, groups=5, padding=(1, 1, 1, 1)),
    conv("booth", (5, 5, 4), 4, (2, 2), (2, 2), 0.5, multiplier="booth", reach=3, padding=(0, 1, 1, 0)),
    conv("packed", (5, 4, 4), 8, (2, 2), (4, 2), 0.5, multiplier="dsp2", inputs=(-8, 7), padding=(1, 1, 0, 0)),
    conv("block", (5, 4, 4), 4, (3, 3), (2, 2), 0.5, stages=2),
    single("centre", (0, 1, 1, 2), padding=(1, 1, 1, 1)),
    single("corner", (1, 0, 2, 0)),
]

ACROSS = [
    across("outputs", (4, 4, 6), 10, (2, 2), (3, 3), 2, padding=(0, 1, 1, 0)),
    across("inputs", (4, 3, 10), 6, (2, 1), (3, 2), 2, inputs=(-8, 7), stages=2),
    across("both", (4, 3, 9), 15, (1, 2), (2, 2), 3, multiplier="booth", reach=3),
    across("wide", (3, 4, 10), 14, (1, 1), (8, 4), 2, multiplier="dsp2"),
    across("depthwise", (4, 4, 5), 5, (2, 2), (3, 1), 5, stride=(1, 2)),
]


def test_lanes_across_groups(tmp_path: Path) -> None:
    for trial in ACROSS:
        case = trial.case
        assert trial.steps < trial.every, case.name
        assert trial.steps in {p["depth"] for p in case.op.parts(case.kernel, *case.ins) if p.kind.startswith("rom")}
    check([trial.case for trial in ACROSS], tmp_path)


def test_dense_takes_the_steps_of_occupied_tiles(tmp_path: Path) -> None:
    for trial in DENSE:
        case = trial.case
        assert trial.steps < trial.every, case.name
        assert case.op.program(case.kernel, *case.ins).steps == case.ins[0].pixels * trial.steps, case.name
        assert case.op.steps(case.kernel, *case.ins) == case.ins[0].pixels * trial.steps, case.name
    check([trial.case for trial in DENSE], tmp_path)


def test_convolutions_take_the_steps_of_occupied_tiles(tmp_path: Path) -> None:
    for trial in CONV:
        case = trial.case
        assert trial.steps < trial.every, case.name
        words = {p["depth"] for p in case.op.parts(case.kernel, *case.ins) if p.kind.startswith("rom")}
        assert trial.steps in words or trial.steps == 1, case.name
    check([trial.case for trial in CONV], tmp_path)
