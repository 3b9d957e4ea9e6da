"""What the two forms of a convolution are made of, and what their templates need to know, besides the datapath.

word: bits of a beat of the input.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..ir import Int64, Kernel, Part, Parts
from .hardware import (
    VERILOG_STYLE,
    braces,
    buffer_parts,
    buffer_style,
    hex_literal,
    memory_style,
    rom_part,
    signed_holding,
    width_of,
)
from .multiply_accumulate import Tiles
from .sliding import Raster, RowBuffer

SHORTEST_LINE = 3
"""Registers in a row that become a shift register in LUTs."""


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

    def params(self) -> dict[str, Any]:
        form, bits = self.form, self.bits
        place, row, column, last = self.fields
        words, low = np.zeros(len(place), np.int64), 0
        for numbers, size in zip((place, *((row, column) if self.pads else ()), last), bits, strict=False):
            words |= numbers << low
            low += size
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
    """The buffer, where loading stands, how much room there is, where the window is, where the next step reads."""
    row, column, address = width_of(form.row_numbers), width_of(form.column_numbers), width_of(form.depth)
    parts = [
        *buffer_parts(form.depth, word, kernel),
        Part("counter", 1, {"bits": address}),  # loading
        Part("counter", 1, {"bits": row}),
        Part("counter", 1, {"bits": column}),
        Part("register", 2, {"bits": row}),  # the window
        Part("register", 2, {"bits": column}),
        Part("register", 2, {"bits": address}),
        Part("adder", 2, {"bits": row}),
        Part("adder", 2, {"bits": column}),
        Part("adder", 2, {"bits": address}),
        Part("comparator", 2, {"bits": row}),
        Part("comparator", 1, {"bits": column}),
        Part("control"),
        *_padding_parts(form, row, column, word),
    ]
    if form.depth < form.words:
        parts += [Part("counter", 1, {"bits": _excess_bits(form)}), Part("adder", 1, {"bits": _excess_bits(form)})]
    parts += [Part("counter", 1, {"bits": width_of(form.folds)})] if form.folds > 1 else []
    parts += [Part("counter", 1, {"bits": width_of(form.turns)})] if form.turns > 1 else []
    return (*parts, *(_walk_parts(form) if tiles.complete else _order_parts(Order(form, tiles))))


def _walk_parts(form: RowBuffer) -> Parts:
    """Row, column and fold of the step, and its address, which moves on or starts again."""
    row, column, address = width_of(form.row_numbers), width_of(form.column_numbers), width_of(form.depth)
    parts = [
        Part("counter", 1, {"bits": row}),
        Part("counter", 1, {"bits": column}),
        Part("register", 1, {"bits": address}),
        Part("adder", 2, {"bits": address}),
        Part("mux", 1, {"inputs": 3, "bits": address}),
        Part("comparator", 1, {"bits": row}),
        Part("comparator", 1, {"bits": column}),
    ]
    parts += [Part("counter", 1, {"bits": width_of(form.folds)})] if form.folds > 1 else []
    if form.groups > 1:  # the start of the next group, and which pass of a group it is
        parts += [Part("register", 1, {"bits": address}), Part("adder", 1, {"bits": address})]
        parts += [Part("mux", 1, {"inputs": 2, "bits": address})]
        passes = form.turns // form.groups
        parts += [Part("counter", 1, {"bits": width_of(passes)})] if passes > 1 else []
    return tuple(parts)


def _order_parts(order: Order) -> Parts:
    """The order, and the stage in which a tile's address is made."""
    form, tiles = order.form, len(order.tiles.blocks)
    row, column, address = width_of(form.row_numbers), width_of(form.column_numbers), width_of(form.depth)
    parts = [
        rom_part(tiles, sum(order.bits), Kernel()),
        Part("counter", 1, {"bits": width_of(tiles)}),
        Part("register", 1, {"bits": address}),
        Part("adder", 2, {"bits": address}),
        Part("mux", 1, {"inputs": 2, "bits": address}),
        Part("register", 1, {"bits": 2}),  # is there a step, is its sum complete
    ]
    if order.pads:
        parts += [Part("adder", 1, {"bits": bits}) for bits in (row, column)]
        parts += [Part("register", 1, {"bits": bits}) for bits in (row, column)]
    return tuple(parts)


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


def window_parts(form: Raster, word: int) -> Parts:
    """The line with its taps, the place in the raster, and the place where the next window is complete."""
    (kernel_rows, kernel_columns), (down, right) = form.window.kernel, form.window.stride
    row, column = width_of(form.rows + down), width_of(form.columns + right)
    between, step = kernel_rows * (kernel_columns - 1), form.tap_step
    parts = [
        Part("register", kernel_rows + (between * step if step < SHORTEST_LINE else 0), {"bits": word}),
        Part("counter", 2, {"bits": row}),
        Part("counter", 2, {"bits": column}),
        Part("comparator", 1, {"bits": row}),
        Part("comparator", 1, {"bits": column}),
        Part("control"),
    ]
    if kernel_rows > 1 and form.gap:
        parts.append(Part("shift_line", kernel_rows - 1, {"depth": form.gap, "width": word}))
    if between and step >= SHORTEST_LINE:  # a tap is the end of the line that comes to it
        parts.append(Part("shift_line", between, {"depth": step, "width": word}))
    counters = (form.turns * form.folds, form.folds, form.turns if form.folds > 1 else 1)
    parts += [Part("counter", 1, {"bits": width_of(count)}) for count in counters if count > 1]
    return (*parts, *_padding_parts(form, row, column, word))


def _padding_parts(form: RowBuffer | Raster, row: int, column: int, word: int) -> Parts:
    """Is this a word or padding, and the choice between the word and 0."""
    if not any(form.reach):
        return ()
    return (
        Part("constant_comparator", 1, {"bits": row}),
        Part("constant_comparator", 1, {"bits": column}),
        Part("mux", 1, {"inputs": 2, "bits": word}),
    )
