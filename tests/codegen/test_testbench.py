"""Vectors and testbench as text; that they run and can fail is for hls_tests/test_testbench.py."""

from __future__ import annotations

import numpy as np
import pytest
from intaglio.codegen.testbench import hex_lines, render_testbench
from intaglio.errors import IntaglioError
from intaglio.ops.netlist import Netlist


def test_hex_lines_have_the_highest_byte_first() -> None:
    beats = np.array([[[0x01, 0xA2], [0xFF, 0x00]], [[0, 0], [0x10, 0x32]]], np.uint8)
    assert hex_lines(beats) == "a201\n00ff\n0000\n3210\n"


def test_vectors_are_the_same_for_both_benches(chain: Netlist) -> None:
    x = np.zeros((3, 2, 3, 7), np.int64)
    y = np.ones((3, 2, 3, 5), np.int64)
    files = render_testbench(chain, "net", [x], [y])
    for kind in ("input", "expected"):
        assert files[f"rtl/tb/{kind}_0.hex"] == files[f"hls/{kind}_0.txt"]
    assert len(files["rtl/tb/input_0.hex"].splitlines()) == 3 * 6
    assert len(files["rtl/tb/expected_0.hex"].splitlines()) == 3 * 6 * 2
    assert "PASS: 3 frames" in files["rtl/tb/net_tb.sv"]


def test_a_testbench_without_frames_is_refused(chain: Netlist) -> None:
    empty = np.zeros((0, 2, 3, 7), np.int64)
    with pytest.raises(IntaglioError, match="at least one frame"):
        render_testbench(chain, "net", [empty], [np.zeros((0, 2, 3, 5), np.int64)])
    with pytest.raises(IntaglioError, match="1 inputs and 1 outputs"):
        render_testbench(chain, "net", [], [])
