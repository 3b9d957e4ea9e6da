"""conv2d: HLS and RTL in both forms and at many folds, against `run`."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from harness import Case, check
from intaglio.ir import Kernel, TensorType, as_integers
from intaglio.ops import Conv2d

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
) -> Case:
    """lanes: pe, simd; a simd of 0 stands for the whole window."""
    rng = np.random.default_rng(len(name) + outputs)
    weight = rng.integers(weights[0], weights[1], (outputs, *kernel, image[2]), endpoint=True)
    bias = rng.integers(-99, 99, outputs) if any(weights) else np.zeros(outputs)
    op = Conv2d(as_integers(weight), as_integers(bias), stride, padding)
    simd = lanes[1] or kernel[0] * kernel[1] * image[2]
    return Case(name, op, Kernel(lanes[0], simd, memory=memory, stages=stages), (TensorType.integer(image, *inputs),))


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


def test_rows_at_many_folds(tmp_path: Path) -> None:
    check(ROWS, tmp_path)


def test_window_at_many_folds(tmp_path: Path) -> None:
    check(WINDOW, tmp_path)
