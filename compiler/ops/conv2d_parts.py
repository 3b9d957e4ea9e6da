"""What the two forms of a convolution are made of, and what their templates need to know, besides the datapath.

word: bits of a beat of the input.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..ir import Int64, Kernel, Part, Parts
from .contents import counted_parts
from .hardware import (
    VERILOG_STYLE,
    braces,
    buffer_parts,
    buffer_style,
    counted_rom,
    counter,
    hex_literal,
    memory_style,
    signed_holding,
    width_of,
)
from .multiply_accumulate import Tiles
from .sliding import Raster, RowBuffer


def row_params(form: RowBuffer, kernel: Kernel, tiles: Tiles, word: int) -> dict[str, Any]:
    (top, _, left, _), (down, right) = form.window.padding, form.window.stride
    window_passes, row_passes = form.passed
    return {
        "form": "rows",
        "folds": form.folds,
        "fold_bits": width_of(form.folds),
        "row_bits": width_of(form.row_numbers),
        "column_bits": width_of(form.column_numbers),
        "depth": form.depth,
        "holds_image": form.depth == form.words,
        "buffer_bits": width_of(form.depth),
        "buffer_ram_style": VERILOG_STYLE[buffer_style(form.depth, word, kernel)],
        "origin_start": form.address(-top, -left),
        "window_move": form.address(0, right),
        "row_move": form.address(down, 0),
        "excess_bits": _excess_bits(form),
        "excess_start": -form.first_word - form.depth,
        "window_passes": window_passes,
        "row_passes": row_passes,
        "skips": not tiles.complete,
    } | (_walk_params(form) if tiles.complete else Order(form, tiles).params())


def _excess_bits(form: RowBuffer) -> int:
    """Of what is loaded beyond the room that there is: at most nothing, at least an empty buffer and what is passed
    over before it is loaded.
    """
    return signed_holding(-(form.depth + form.words + max(form.passed)), max(-form.first_word, form.words)).bits


def _walk_params(form: RowBuffer) -> dict[str, Any]:
    passes = form.turns // form.groups
    (down, right), (_, span) = form.window.dilation, form.window.span
    return {
        "pass_folds": form.pass_folds,
        "group_folds": form.groups,
        "passes": passes,
        "pass_bits": width_of(passes),
        "column_move": (right * form.folds - form.pass_folds + 1) % form.depth,
        "line_move": (down * form.row_words - (span - 1) * form.folds - form.pass_folds + 1) % form.depth,
    }


@dataclass(frozen=True, eq=False)
class Order:
    """The steps of a window where tiles are skipped: what a memory holds of each."""

    form: RowBuffer
    tiles: Tiles

    @property
    def bits(self) -> tuple[int, ...]:
        """Of each number, the lowest first: the address behind that of the window's first pixel; its row and column in
        the window, where it may lie in padding; whether the sum is complete, unless there is one step only.
        """
        span = map(width_of, self.form.window.span)
        return (width_of(self.form.depth), *(span if self.pads else ()), *((1,) if len(self.tiles.blocks) > 1 else ()))

    @property
    def pads(self) -> bool:
        return any(self.form.reach)

    @property
    def fields(self) -> tuple[Int64, ...]:
        """The numbers: the address, row, column and whether the sum is complete, all of them."""
        form, window = self.form, self.form.window
        turn, beat = np.divmod(self.tiles.blocks, self.tiles.beats)
        position, fold = np.divmod(beat, form.pass_folds)
        row = position // window.kernel[1] * window.dilation[0]
        column = position % window.kernel[1] * window.dilation[1]
        group = turn // (form.turns // form.groups)
        place = row * form.row_words + column * form.folds + group * form.pass_folds + fold
        return place % form.depth, row, column, self.tiles.last

    @property
    def words(self) -> Int64:
        """The numbers of each step, side by side."""
        place, row, column, last = self.fields
        words, low = np.zeros(len(place), np.int64), 0
        for numbers, size in zip((place, *((row, column) if self.pads else ()), last), self.bits, strict=False):
            words |= numbers << low
            low += size
        return words

    @property
    def memory(self) -> Part:
        bits = sum(self.bits)
        return counted_rom(len(self.tiles.blocks), bits, Kernel(), lambda: counted_parts(self.words[:, None], bits))

    def params(self) -> dict[str, Any]:
        form, bits, words = self.form, self.bits, self.words
        place, row, column, last = self.fields
        return {
            "order_bits": sum(bits),
            "order_words": [hex_literal(int(word), sum(bits)) for word in words],
            "order_rom_style": VERILOG_STYLE[memory_style(len(words), sum(bits), Kernel())],
            "order_address_bits": bits[0],
            "order_row_at": bits[0],
            "order_row_bits": width_of(form.window.span[0]),
            "order_column_at": bits[0] + width_of(form.window.span[0]),
            "order_column_bits": width_of(form.window.span[1]),
            "order_places": braces(place.tolist()),
            "order_rows": braces(row.tolist()),
            "order_columns": braces(column.tolist()),
            "order_last": braces(last.tolist()),
        }


def row_parts(form: RowBuffer, kernel: Kernel, tiles: Tiles, word: int) -> Parts:
    """The buffer, and the walk: where loading stands, how much room there is, where the window is, where the next step
    reads.
    """
    row, column, address = width_of(form.row_numbers), width_of(form.column_numbers), width_of(form.depth)
    excess = _excess_bits(form) if form.depth < form.words else 0
    padded, flushing = any(form.reach), 1
    idle = sum((stride & -stride).bit_length() - 1 for stride in form.window.stride)  # of top and left, always 0
    held = 3 * (row + column + address) - idle + excess + flushing + padded + (tiles.beats > 1)
    wraps = address * (form.depth & (form.depth - 1) > 0)
    parts = [
        *buffer_parts(form.depth, word, kernel),
        Part("register", 1, {"bits": held}),
        Part("row_walk" if tiles.complete else "order_walk", 1, {"row": row, "column": column, "wraps": wraps}),
        *(counter(count) for count in (form.folds, form.turns) if count > 1),
    ]
    parts += [Part("mask", 1, {"bits": word})] if padded else []
    return (*parts, *(_step_parts(form) if tiles.complete else _order_parts(Order(form, tiles))))


def _step_parts(form: RowBuffer) -> Parts:
    """Row, column and fold of the step, and its address."""
    row, column, address = width_of(form.row_numbers), width_of(form.column_numbers), width_of(form.depth)
    parts = [Part("register", 1, {"bits": row + column + address})]
    parts += [counter(form.pass_folds)] if form.folds > 1 else []
    if form.groups > 1:  # the start of the next group, and which pass of a group it is
        parts += [Part("register", 1, {"bits": address}), Part("gate", 1, {"inputs": 3, "bits": address})]
        passes = form.turns // form.groups
        parts += [counter(passes)] if passes > 1 else []
    return tuple(parts)


def _order_parts(order: Order) -> Parts:
    """The order, and the stage in which a tile's address is made."""
    form, tiles = order.form, len(order.tiles.blocks)
    row, column, address = width_of(form.row_numbers), width_of(form.column_numbers), width_of(form.depth)
    place = address + (row + column if order.pads else 0)
    # and: is there a step, is its sum complete
    return order.memory, counter(tiles), Part("register", 1, {"bits": place + 2})


def window_params(form: Raster) -> dict[str, Any]:
    return {
        "form": "window",
        "rows": form.rows,
        "columns": form.columns,
        "gap": form.gap,
        "line_words": form.columns * form.folds,
        "folds": form.folds,
        "fold_bits": width_of(form.folds),
        "passes": form.turns,
        "pass_bits": width_of(form.turns),
        "pass_counter": "turn" if form.folds == 1 else "pass",
        "tap_step": form.tap_step,
        "tap_gap": form.tap_step - 1,
        "row_taps": (form.window.kernel[1] - 1) * form.tap_step + 1,
        "row_bits": width_of(form.rows + form.window.stride[0]),
        "column_bits": width_of(form.columns + form.window.stride[1]),
    }


def window_parts(form: Raster, word: int, line: Parts | None = None) -> Parts:
    """The line with its taps, the place in the raster, and the place where the next window is complete.

    line: where only some taps are read (conv2d_taps.py); of `word` bits are those that come in.
    """
    down, right = form.window.stride
    places = width_of(form.rows + down) + width_of(form.columns + right)
    counted = (form.turns * form.folds, form.folds, form.turns if form.folds > 1 else 1)
    parts = [
        *(_line_parts(form, word) if line is None else line),
        Part("register", 1, {"bits": 2 * places}),
        Part("raster_walk", 1, {"places": places}),
        *(counter(count) for count in counted if count > 1),
    ]
    return (*parts, *([Part("mask", 1, {"bits": word})] if any(form.reach) else []))


def _line_parts(form: Raster, word: int) -> Parts:
    """The pixel that comes in, and lines to each further tap, which is the end of its line."""
    rows, columns = form.window.kernel
    lines = (1, 1), (rows - 1, form.gap + 1), (rows * (columns - 1), form.tap_step)
    return tuple(Part("shift_line", count, {"depth": depth, "width": word}) for count, depth in lines if count)
