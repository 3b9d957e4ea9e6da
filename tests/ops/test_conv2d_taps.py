"""The line of pixels in front of a window of constants: as long as what is read of it."""

from collections import Counter

import numpy as np
from intaglio.ir import Kernel, TensorType, as_integers
from intaglio.ops.conv2d import Conv2d
from intaglio.ops.conv2d_kernel import ConvKernel
from intaglio.ops.conv2d_taps import line_parts, taps_read
from intaglio.ops.sliding import Raster


def line(weight: np.ndarray, shape: tuple[int, int, int], groups: int = 1, stride: int = 1) -> Counter[int]:
    """How many bits of shift registers of each length there are."""
    bias = as_integers(np.zeros(len(weight), np.int64))
    op = Conv2d(as_integers(weight), bias, stride=(stride, stride), groups=groups)
    x = TensorType.integer(shape, 0, 7)
    form = ConvKernel.of(op, Kernel(len(weight), weight[0].size * groups), x).form
    assert isinstance(form, Raster)
    found: Counter[int] = Counter()
    for part in line_parts(form, taps_read(op, x.channels), x.bits):
        found[part["depth"]] += part.count * part["width"]
    return found


def test_all_taps() -> None:
    """A register for each tap but the first of the upper rows, which the line from the row below ends in."""
    assert line(np.ones((2, 3, 3, 4), int), (6, 8, 4)) == {1: (1 + 3 * 2) * 12, 8 - 2: 2 * 12}


def test_the_last_tap_that_is_read_ends_the_line() -> None:
    weight = np.zeros((2, 3, 3, 2), int)
    weight[:, 2, 2, 0] = 1  # the newest pixel, of channel 0 alone
    assert line(weight, (6, 8, 2)) == {1: 3}
    weight[0, 2, 0, 0] = weight[1, 0, 1, 0] = -3  # two older, and one in the upper row
    assert line(weight, (6, 8, 2)) == {1: 3, 2: 3, 2 * 8 - 1: 3}


def test_each_group_reads_its_own_channels() -> None:
    weight = np.zeros((4, 2, 2, 1), int)
    weight[1, 1, 1] = weight[3, 0, 0] = 1
    assert line(weight, (5, 5, 4), groups=4) == {1: 3, 1 + 1 + 5: 3}
