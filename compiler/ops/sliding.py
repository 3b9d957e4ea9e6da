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
    """A RAM of `depth` words of the image, in which word n lies at n mod `depth`. An image pixel takes `folds` words.

    Each output pixel takes a pass over its window per output fold, an equal share of them over the words of each of
    `groups` of channels, one group after the other; `ends` says after how many steps each pass is over. In every step
    a word is loaded, as long as it overwrites none from the first of the present window on; where the pixel of a step
    is not there yet (its `whole` window, where positions are skipped), the kernel only loads. When all is computed, the
    unread rest of the frame is loaded, and the next frame starts from an empty buffer.
    """

    window: Window
    rows: int
    columns: int
    out_rows: int
    out_columns: int
    folds: int
    ends: tuple[int, ...]
    groups: int = 1
    whole: bool = False

    @property
    def turns(self) -> int:
        """Passes."""
        return len(self.ends)

    @property
    def row_words(self) -> int:
        return self.columns * self.folds

    @property
    def words(self) -> int:
        """Of an image."""
        return self.rows * self.row_words

    @property
    def depth(self) -> int:
        """Words of the RAM: the fewest with which nothing waits that would not wait with room for all."""
        return _depth_and_steps(self)[0]

    @property
    def steps(self) -> int:
        return _depth_and_steps(self)[1]

    @property
    def pass_folds(self) -> int:
        """Words of a pixel that one pass reads."""
        return self.folds // self.groups

    @property
    def reach(self) -> Padding:
        """The padding that windows reach into: top, bottom, left, right."""
        return _reach(self.window, (self.rows, self.columns), (self.out_rows, self.out_columns))

    def address(self, row: int, column: int) -> int:
        """Where a pixel lies, or would lie."""
        return (row * self.row_words + column * self.folds) % self.depth

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
    def first_word(self) -> int:
        """The number of the first word of the first window: below 0 where it is padding."""
        return -(self.window.padding[0] * self.columns + self.window.padding[2]) * self.folds

    @property
    def passed(self) -> tuple[int, int]:
        """Words that a window has passed when the next one of its row comes, and when the next row of windows does.

        Where padding on the right leads windows beyond the next row's first, words are given up row by row.
        """
        down, right = self.window.stride
        steps = right * self.folds if (self.out_columns - 1) * right <= down * self.columns else 0
        return steps, down * self.row_words - (self.out_columns - 1) * steps

    def first_words(self) -> Int64:
        """Of every window, the first word that it or a later one may need."""
        right, down = self.passed
        row = np.arange(self.out_columns) * right
        rows = np.arange(self.out_rows)[:, None] * (down + (self.out_columns - 1) * right)
        return (self.first_word + rows + row).ravel()

    def needed(self) -> Int64:
        """How many words every window needs loaded."""
        (span_rows, span_columns), (down, right), padding = self.window.span, self.window.stride, self.window.padding
        top = np.arange(self.out_rows)[:, None] * down - padding[0]
        if self.whole:
            bottom = np.minimum(top[:, 0] + span_rows, self.rows) - 1
        else:  # rows between those of a dilated window are not waited for
            seen = top + np.arange(self.window.kernel[0]) * self.window.dilation[0]
            bottom = np.where(seen < self.rows, seen, -1).max(axis=1)
        ends = np.clip(np.arange(self.out_columns) * right - padding[2] + span_columns, 0, self.columns)
        return np.where(bottom[:, None] < 0, 0, (bottom[:, None] * self.columns + ends) * self.folds).ravel()

    def ready(self) -> Int64:
        """For every window, the words that must be loaded when it starts if it is not to wait, one coming per step."""
        if self.whole:
            return self.needed()
        (rows, columns), (down, right), padding = self.window.kernel, self.window.stride, self.window.padding
        i, j = np.arange(rows), np.arange(columns)
        row = np.arange(self.out_rows)[:, None] * down - padding[0] + i * self.window.dilation[0]
        column = np.arange(self.out_columns)[:, None] * right - padding[2] + j * self.window.dilation[1]
        lines = row * self.row_words - i * columns * self.pass_folds
        pixels = np.clip(column + 1, 0, self.columns) * self.folds - j * self.pass_folds
        seen = np.logical_and(row >= 0, row < self.rows)
        latest = lines.max(axis=1, initial=-self.words, where=seen)[:, None] + pixels.max(axis=1)
        return np.where(seen.any(axis=1, keepdims=True), latest, 0).ravel()

    def starts(self) -> Int64:
        """The first step of every window, if there always is room (or later, by the steps in which it waits)."""
        ready = self.ready()
        before = np.arange(len(ready)) * self.ends[-1]
        return before + np.maximum.accumulate((ready - before).clip(0))

    def program(self, latency: int) -> Program:
        """Its timing: steps, the steps that load, the steps that end a pass."""
        return _row_buffer_program(self, latency)


@lru_cache(maxsize=4096)
def _depth_and_steps(buffer: RowBuffer) -> tuple[int, int]:
    """A window that is over at step e may have its first word + depth loaded by then, and a word in every step after:
    that must be what each later window needs when it starts, and all when the frame ends. A window of padding alone
    that comes first must let the first word in: nothing is sent for a frame that has not begun to come.
    """
    starts, ready, needed, first = buffer.starts(), buffer.ready(), buffer.needed(), buffer.first_words()
    over = starts + buffer.ends[-1]
    steps = max(int(over[-1]), buffer.words)
    later = np.append((ready - starts)[1:], buffer.words - steps)
    later = np.maximum.accumulate(later[::-1])[::-1]
    loaded = np.concatenate([needed[:1].clip(1), needed[1:], later + over])  # by each window's start, by its end
    first = np.append(first, first)
    depth = int((loaded - first).max(initial=buffer.folds, where=loaded > 0))
    return min(depth, buffer.words), steps


@lru_cache(maxsize=64)
def _row_buffer_program(buffer: RowBuffer, latency: int) -> Program:
    starts, first = buffer.starts(), buffer.first_words()
    over = starts + buffer.ends[-1]
    word = np.arange(buffer.words)
    reads = word
    if buffer.depth < buffer.words:  # a word waits for the window that needs nothing of what it overwrites
        window = np.searchsorted(first, word - buffer.depth, side="right")
        free = np.append(0, over)[window]
        reads = word + np.maximum.accumulate(free - word)
    ends = np.array(buffer.ends, dtype=np.int64) - 1
    writes = (starts[:, None] + ends).ravel()
    return Program(buffer.steps, (_fixed(reads),), _fixed(writes), latency)


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
