"""The taps of a window that constants read: the line of pixels ends, for each channel, at the last one of them.

Between two taps that are read, pixels are on their way only: such a piece is a shift register, and the tap its end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..ir import Array, Part, Parts
from .sliding import Raster

if TYPE_CHECKING:
    from .conv2d import Conv2d


def taps_read(op: Conv2d, channels: int) -> Array:
    """(positions of the window, channels): which of them have a weight that is not 0."""
    inputs, outputs = op.group_inputs, op.group_outputs
    weights = op.weight.reshape(channels // inputs, outputs, -1, inputs)
    read = (weights != 0).any(axis=1)
    return np.asarray(read.transpose(1, 0, 2).reshape(-1, channels))


def line_parts(form: Raster, read: Array, bits: int) -> Parts:
    """The line, of elements of so many bits."""
    rows, columns = form.window.kernel
    row, column = np.divmod(np.arange(rows * columns), columns)
    per_row = (columns - 1) * form.tap_step + form.gap + 1
    place = (rows - 1 - row) * per_row + (columns - 1 - column) * form.tap_step + 1
    order = np.argsort(place)
    place, read = place[order, None], read[order]
    ends = np.maximum.accumulate(np.where(read, place, 0), axis=0)
    before = np.concatenate([np.zeros_like(ends[:1]), ends[:-1]])
    lengths, counts = np.unique((place - before)[read], return_counts=True)
    return tuple(
        Part("shift_line", int(count), {"depth": int(length), "width": bits})
        for length, count in zip(lengths, counts, strict=True)
    )
