"""Flip-flops of movers and links, bit by bit, and LUTs of some, against what Yosys 0.70 counted for xc7."""

from __future__ import annotations

import numpy as np
import pytest
from intaglio.estimate.features import features
from intaglio.flow.specimens import specimen
from intaglio.ir import Kernel, Op, Parts, TensorType
from intaglio.ops import Concat, Flatten, Gather, Pad, Slice, Upsample, ZeroStuff
from intaglio.ops.links import Fifo, Fork, Width

ONE = {"control.one", "fork.copies", "rom_lutram.bits", "rom_counted.bits"}
BITS = {"register.bits", "counter.bits", "accumulator.bits", "shift_line.bits", "ram_constant.bits"}
FIFO = {"fifo_control.copy", "fifo_control.count", "fifo_control.past", "fifo_control.past_bits"}


def registers(parts: Parts) -> float:
    """The flip-flops that parts say they hold."""
    found = [(part.count * value, name) for part in parts for name, value in features(part).items()]
    return sum(
        value * (name in ONE | BITS | FIFO) + 2 * value * (name == "fifo_control.address") for value, name in found
    )


def image(bits: int, *shape: int) -> TensorType:
    return TensorType.integer(shape, 0, (1 << bits) - 1)


@pytest.mark.parametrize(
    ("width", "depth", "measured"),
    [
        *[(36, 2, 5), (10, 3, 8), (53, 4, 9), (26, 8, 13), (93, 16, 17), (10, 22, 20), (25, 79, 28)],
        *[(245, 178, 270), (10, 1704, 44)],  # block RAMs
    ],
)
def test_fifos(width: int, depth: int, measured: int) -> None:
    assert registers(Fifo(width, depth).parts()) == measured


@pytest.mark.parametrize(
    ("bits", "channels", "narrow", "wide", "measured"),
    [
        *[(7, 26, 10, 5, 75), (5, 52, 1, 24, 132), (7, 114, 13, 26, 188)],  # one divides the other
        *[(4, 49, 9, 38, 300), (8, 29, 6, 7, 108), (5, 77, 27, 19, 199)],
    ],
)
def test_width_converters(bits: int, channels: int, narrow: int, wide: int, measured: int) -> None:
    assert registers(Width(image(bits, 3, channels), narrow, wide).parts()) == measured


def gathered(order: np.ndarray, channels: int) -> Gather:
    return Gather(order.ravel(), order.shape, channels)


MOVERS: list[tuple[Op, Kernel, tuple[TensorType, ...], int]] = [
    (Concat(2), Kernel(7, 7), (image(2, 4, 24), image(2, 4, 24)), 24),
    (Concat(4), Kernel(15, 14), (image(3, 8, 8), image(2, 8, 14), image(1, 8, 12), image(8, 8, 7)), 93),
    (Concat(3), Kernel(64, 56), (image(2, 3, 48), image(2, 3, 56), image(2, 3, 32)), 211),
    (Flatten(), Kernel(31, 31), (image(6, 4, 3, 31),), 187),
    (Pad((1, 1, 2, 1), 3), Kernel(50, 50), (image(3, 6, 8, 114),), 312),
    (Pad((0, 1, 0, 2), 0), Kernel(15, 15), (image(6, 7, 8, 22),), 99),
    (ZeroStuff((1, 3)), Kernel(75, 75), (image(7, 8, 8, 85),), 534),
    (Slice((3, 11, 2), (3, 7, 2), np.arange(25)), Kernel(3, 3), (image(8, 11, 7, 25),), 38),
    (Upsample((3, 2)), Kernel(54, 54), (image(5, 11, 6, 54),), 822),
    (Upsample((2, 2)), Kernel(8, 8), (image(8, 7, 10, 84),), 155),
    (gathered(np.arange(650).reshape(5, 5, 26).transpose(1, 0, 2), 26), Kernel(23, 23), (image(5, 5, 5, 26),), 267),
]


@pytest.mark.parametrize(("op", "kernel", "ins", "measured"), MOVERS)
def test_movers(op: Op, kernel: Kernel, ins: tuple[TensorType, ...], measured: int) -> None:
    assert registers(op.parts(kernel, *ins)) == measured


def test_forks() -> None:
    assert [registers(Fork(image(3, 3, 8), 4, copies).parts()) for copies in (2, 3, 5)] == [2, 3, 5]


@pytest.mark.parametrize(
    ("link", "gates"),
    [
        (Width(image(7, 3, 26), 10, 5), 35 + 28),  # five lanes choose, and as many are zero in a pixel's last beat
        (Width(image(3, 3, 44), 36, 9), 81 + 27),
        (Width(image(4, 3, 85), 48, 2), 184 + 8),
        (Width(image(8, 3, 87), 33, 66), 2),  # which of two slots; spare lanes are masked besides
    ],
)
def test_lanes_that_choose(link: Width, gates: int) -> None:
    cells = [features(part)["gate.cells"] for part in link.parts() if part.kind == "gate"]
    assert sum(cells) == gates


def test_a_specimen_of_each_is_drawn() -> None:
    for kind in ("fifo", "width", "fork", "concat", "gather", "upsample", "pad", "slice", "zero_stuff", "flatten"):
        made = specimen(kind, 1)
        assert made is not None
        assert registers(made.parts) > 0
