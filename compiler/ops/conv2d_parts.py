"""What the two forms of a convolution are made of, and what their templates need to know, besides the datapath.

word: bits of a beat of the input.
"""

from __future__ import annotations

from typing import Any

from ..ir import Kernel, Part, Parts
from .hardware import VERILOG_STYLE, buffer_parts, buffer_style, width_of
from .sliding import Raster, RowBuffer

SHORTEST_LINE = 3
"""Registers in a row that become a shift register in LUTs."""


def row_params(form: RowBuffer, kernel: Kernel, word: int) -> dict[str, Any]:
    top, _, left, _ = form.window.padding
    passes = form.turns // form.groups
    return {
        "form": "rows",
        "folds": form.folds,
        "pass_folds": form.pass_folds,
        "fold_bits": width_of(form.folds),
        "group_folds": form.groups,
        "passes": passes,
        "pass_bits": width_of(passes),
        "row_bits": width_of(form.row_numbers),
        "column_bits": width_of(form.column_numbers),
        "slots": form.slots,
        "holds_image": form.slots == form.rows,
        "buffer_bits": width_of(form.depth),
        "line_bits": width_of(form.depth + 1),
        "line_start": form.slot_start(-top),
        "line_stride": form.slot_start(form.window.stride[0]),
        "line_step": form.slot_start(form.window.dilation[0]),
        "column_step": form.window.dilation[1] * form.folds - form.pass_folds + 1,
        "window_step": form.window.stride[1] * form.folds - (form.groups - 1) * form.pass_folds,
        "offset_start": -left * form.folds % (1 << width_of(form.depth)),
        "buffer_ram_style": VERILOG_STYLE[buffer_style(form.depth, word, kernel)],
    }


def row_parts(form: RowBuffer, kernel: Kernel, word: int) -> Parts:
    """The buffer, where loading stands, where the window is, where in it the next step reads."""
    row, column, fold = width_of(form.row_numbers), width_of(form.column_numbers), width_of(form.folds)
    address, line = width_of(form.depth), width_of(form.depth + 1)
    parts = [
        *buffer_parts(form.depth, word, kernel),
        Part("counter", 1, {"bits": address}),
        Part("counter", 2, {"bits": row}),
        Part("counter", 2, {"bits": column}),
        Part("counter", 2, {"bits": line}),
        Part("register", 2, {"bits": row}),
        Part("register", 2, {"bits": column}),
        Part("register", 2, {"bits": address}),
        Part("adder", 2, {"bits": row}),
        Part("adder", 2, {"bits": column}),
        Part("adder", 3, {"bits": address}),
        Part("comparator", 4, {"bits": row}),
        Part("comparator", 2, {"bits": column}),
        Part("control"),
    ]
    parts += [Part("counter", 2, {"bits": fold})] if form.folds > 1 else []
    parts += [Part("counter", 1, {"bits": width_of(form.turns)})] if form.turns > 1 else []
    if form.window.dilation[0] > 1:  # rows that wrap around the buffer in leaps
        parts += [Part("comparator", 1, {"bits": line}), Part("mux", 1, {"inputs": 2, "bits": line})]
    if form.window.dilation[1] > 1 or form.groups > 1:  # leaps from pixel to pixel
        parts.append(Part("mux", 1, {"inputs": 2, "bits": address}))
    if form.groups > 1:  # the start of the next group, and which pass of a group it is
        parts += [Part("adder", 1, {"bits": address}), Part("mux", 2, {"inputs": 2, "bits": address})]
        passes = form.turns // form.groups
        parts += [Part("counter", 1, {"bits": width_of(passes)})] if passes > 1 else []
    return (*parts, *_padding_parts(form, row, column, word))


def window_params(form: Raster) -> dict[str, Any]:
    return {
        "form": "window",
        "rows": form.rows,
        "columns": form.columns,
        "gap": form.gap,
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
