"""How memories are cut, against counts of Yosys: all of a random draw agreed, here are some of them."""

from __future__ import annotations

import pytest
from intaglio.estimate.features.cuts import block_ram, lut_ram
from intaglio.estimate.features.memories import block_rams, shift_registers


@pytest.mark.parametrize(
    ("depth", "width", "blocks"),
    [
        (5, 3, 0.5),
        (512, 36, 0.5),
        (512, 37, 1.0),
        (513, 36, 1.0),
        (512, 72, 1.0),
        (512, 100, 1.5),  # three of 512 x 36
        (700, 45, 1.5),  # three of 1024 x 18
        (1024, 18, 0.5),
        (1024, 20, 1.0),
        (1024, 36, 1.0),
        (2048, 9, 0.5),
        (2048, 18, 1.0),
        (3000, 17, 1.5),  # three of 1024 x 18, and a multiplexer
        (4096, 4, 0.5),
        (4096, 9, 1.0),
        (16384, 1, 0.5),
        (32768, 1, 1.0),
        (65536, 1, 2.0),
        (65536, 72, 128.0),
    ],
)
def test_block_rams(depth: int, width: int, blocks: float) -> None:
    assert block_rams(depth, width) == blocks


def test_rows_of_addresses_lie_side_by_side_where_nothing_is_written() -> None:
    """Three rows of ten bits fill a word of 36; written, a row would take two write enables of nine bits each."""
    constant, written = (block_ram(1500, 10, written=flag) for flag in (False, True))
    assert (constant.size, constant.rows) == (0.5, 3)
    assert (written.size, written.rows) == (1.0, 1)


@pytest.mark.parametrize(
    ("depth", "width", "family", "luts", "rows"),
    [
        (16, 187, "xc7", 128, 1),
        (22, 10, "xc7", 8, 1),
        (36, 7, "xc7", 12, 1),
        (79, 25, "xc7", 60, 3),  # three times RAM32M, not two of RAM64M
        (85, 13, "xc7", 36, 3),
        (131, 12, "xc7", 40, 5),
        (22, 10, "xcup", 8, 1),
        (36, 15, "xcup", 24, 1),
    ],
)
def test_lut_rams(depth: int, width: int, family: str, luts: int, rows: int) -> None:
    cut = lut_ram(depth, width, family)
    assert (cut.size, cut.rows) == (luts, rows)


@pytest.mark.parametrize(
    ("depth", "cells"),
    [(1, (0, 1)), (2, (0, 2)), (3, (1, 0)), (16, (1, 0)), (17, (1, 1)), (32, (1, 0)), (33, (1, 1)), (49, (2, 1)),
     (64, (2, 0)), (65, (2, 1)), (96, (3, 0)), (129, (4, 1)), (140, (5, 0)), (161, (5, 1))],
)  # fmt: skip
def test_shift_registers(depth: int, cells: tuple[int, int]) -> None:
    assert shift_registers(depth) == cells


@pytest.mark.parametrize(
    ("depth", "width", "family", "luts"),
    [
        (5, 9, "xc7", 8),
        (40, 10, "xc7", 10),
        (64, 7, "xc7", 7),
        (80, 20, "xc7", 40),
        (100, 9, "xc7", 18),
        (300, 5, "xc7", 25),
        (20, 33, "xcup", 24),
        (100, 9, "xcup", 18),
    ],
)
def test_lut_rams_that_are_read_where_they_are_written(depth: int, width: int, family: str, luts: int) -> None:
    assert lut_ram(depth, width, family, one_address=True).size == luts
