"""Windows over a streamed image, in hardware: the two ways to have a window's pixels at hand, and their timing.

`RowBuffer` keeps whole rows in a RAM and reads a window one position after the other; `Raster` shifts the padded image
through a line of pixels from which a whole window is tapped at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..ir import Int64, Program
from .window import Padding, Pair, Window


@dataclass(frozen=True, slots=True)
class RowBuffer:
    """A RAM of `slots` image rows; row r lies in slot r mod `slots`. An image pixel takes `folds` beats.

    Each output pixel takes a pass over its window per output fold, an equal share of them over the beats of each of
    `groups` of channels, one group after the other; `ends` says after how many steps each pass is over. While a pixel
    is computed, beats are loaded as long as they overwrite no row that it still needs; where its window is not there
    yet, the kernel only loads. When all is computed, the unread rest of the frame is loaded, and the next frame starts
    from an empty buffer.
    """

    window: Window
    rows: int
    columns: int
    out_rows: int
    out_columns: int
    folds: int
    ends: tuple[int, ...]
    groups: int = 1

    @property
    def turns(self) -> int:
        """Passes."""
        return len(self.ends)

    @property
    def slots(self) -> int:
        """Rows kept: those of a window and those that the next row of windows adds."""
        return min(self.window.span[0] + self.window.stride[0], self.rows)

    @property
    def row_words(self) -> int:
        return self.columns * self.folds

    @property
    def depth(self) -> int:
        """Words of the RAM."""
        return self.slots * self.row_words

    @property
    def pass_folds(self) -> int:
        """Beats of a pixel that one pass reads."""
        return self.folds // self.groups

    @property
    def reach(self) -> Padding:
        """The padding that windows reach into: top, bottom, left, right."""
        return _reach(self.window, (self.rows, self.columns), (self.out_rows, self.out_columns))

    def slot_start(self, row: int) -> int:
        """The address of the slot that belongs to a row (above the image: the one that it would have)."""
        return row % self.slots * self.row_words

    @property
    def row_numbers(self) -> int:
        """Row numbers that the kernel counts with, in the padded image: to the end of loading, and one stride on."""
        windows = self.out_rows * self.window.stride[0] + self.window.span[0]
        return max(self.window.padding[0] + self.rows + 1, windows)

    @property
    def column_numbers(self) -> int:
        """Column numbers, likewise."""
        windows = self.out_columns * self.window.stride[1] + self.window.span[1]
        return max(self.window.padding[2] + self.columns + 1, windows)

    @property
    def steps(self) -> int:
        return self.loads_and_starts()[2]

    def program(self, latency: int) -> Program:
        """Its timing: steps, the steps that load, the steps that end a pass."""
        return _row_buffer_program(self, latency)

    def loads_and_starts(self) -> tuple[list[tuple[int, int]], list[int], int]:
        """Runs of loading (first step, how many), the first step of each output pixel, and the number of steps."""
        (span_rows, span_columns), (down, right_by) = self.window.span, self.window.stride
        top, _, left, _ = self.window.padding
        pixel_steps = self.ends[-1]
        loads: list[tuple[int, int]] = []
        starts: list[int] = []
        step = loaded = 0
        for y in range(self.out_rows):
            first = max(y * down - top, 0)
            limit = min(first + self.slots, self.rows) * self.row_words
            bottom = min(y * down - top + span_rows - 1, self.rows - 1)
            for x in range(self.out_columns):
                right = min(max(x * right_by - left + span_columns - 1, -1), self.columns - 1)
                need = max(bottom * self.columns + right + 1, 0) * self.folds if bottom >= 0 else 0
                if loaded < need:
                    loads.append((step, need - loaded))
                    step += need - loaded
                    loaded = need
                starts.append(step)
                if ahead := min(pixel_steps, limit - loaded):
                    loads.append((step, ahead))
                    loaded += ahead
                step += pixel_steps
        if rest := self.rows * self.row_words - loaded:
            loads.append((step, rest))
        return loads, starts, step + rest


@lru_cache(maxsize=64)
def _row_buffer_program(buffer: RowBuffer, latency: int) -> Program:
    loads, starts, steps = buffer.loads_and_starts()
    first, count = np.array(loads, dtype=np.int64).T
    reads = np.repeat(first - np.cumsum(count) + count, count) + np.arange(count.sum())
    ends = np.array(buffer.ends, dtype=np.int64) - 1
    writes = (np.array(starts, dtype=np.int64)[:, None] + ends).ravel()
    return Program(steps, (_fixed(reads),), _fixed(writes), latency)


@dataclass(frozen=True, slots=True)
class Raster:
    """The padded image, row by row, one beat a step, through a line of beats: the image's own from the stream.

    A position takes `folds` beats, each of groups of its own. A beat that completes a window takes `turns` steps, the
    others one. Padding on the far right and bottom that no window reaches is left out.
    """

    window: Window
    image_rows: int
    image_columns: int
    out_rows: int
    out_columns: int
    turns: int
    folds: int = 1

    @property
    def rows(self) -> int:
        last = (self.out_rows - 1) * self.window.stride[0] + self.window.span[0]
        return max(self.window.padding[0] + self.image_rows, last)

    @property
    def columns(self) -> int:
        last = (self.out_columns - 1) * self.window.stride[1] + self.window.span[1]
        return max(self.window.padding[2] + self.image_columns, last)

    @property
    def reach(self) -> Padding:
        """The padding that windows reach into: top, bottom, left, right."""
        image = (self.image_rows, self.image_columns)
        return _reach(self.window, image, (self.out_rows, self.out_columns))

    @property
    def gap(self) -> int:
        """Beats on their way from one row of a window to the row above."""
        taps = (self.window.kernel[1] - 1) * self.tap_step + 1
        return self.window.dilation[0] * self.columns * self.folds - taps

    @property
    def tap_step(self) -> int:
        """Beats from one tap of a row to the next."""
        return self.window.dilation[1] * self.folds

    @property
    def steps(self) -> int:
        return (self.rows * self.columns + self.out_rows * self.out_columns * (self.turns - 1)) * self.folds

    def program(self, latency: int) -> Program:
        """Its timing: steps, the steps that read a pixel, the steps that compute."""
        (span_rows, span_columns), (down, right_by) = self.window.span, self.window.stride
        top, _, left, _ = self.window.padding
        complete = np.zeros((self.rows, self.columns, self.folds), bool)
        complete[span_rows - 1 :: down, span_columns - 1 :: right_by] = True
        taken = np.where(complete, self.turns, 1).ravel()
        starts = (np.cumsum(taken) - taken).reshape(complete.shape)
        reads = starts[top : top + self.image_rows, left : left + self.image_columns].ravel()
        writes = (starts[complete][:, None] + np.arange(self.turns)).ravel()
        return Program(self.steps, (reads,), writes, latency)


def _reach(window: Window, image: Pair, out: Pair) -> Padding:
    top, _, left, _ = window.padding
    last = [(n - 1) * stride + size for n, stride, size in zip(out, window.stride, window.span, strict=True)]
    return top, max(0, last[0] - top - image[0]), left, max(0, last[1] - left - image[1])


def _fixed(array: Int64) -> Int64:
    array.setflags(write=False)
    return array
