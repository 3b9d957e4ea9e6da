"""Yosys: counts that can be checked by hand."""

from pathlib import Path

import pytest
from intaglio.errors import IntaglioError
from intaglio.toolchain.process import run
from intaglio.toolchain.yosys import (
    FAMILIES,
    Cells,
    SynthesisJob,
    _by_type,
    _modules,
    _program,
    count,
    synthesise,
    synthesise_many,
    synthesise_modules,
)

MODULES = """\
module add8 (input logic ap_clk, input logic [7:0] a, b, output logic [8:0] y);
    always_ff @(posedge ap_clk) y <= a + b;
endmodule
module two (input logic ap_clk, input logic [7:0] a, b, c, output logic [8:0] y, z);
    add8 u (.ap_clk, .a, .b, .y);
    add8 v (.ap_clk, .a, .b(c), .y(z));
endmodule
module memory #(parameter int DEPTH = 32) (
    input logic ap_clk, we, input logic [11:0] wa, ra, input logic [7:0] d, output logic [7:0] q
);
    logic [7:0] cells [DEPTH];
    always_ff @(posedge ap_clk) begin
        if (we) cells[wa] <= d;
        q <= cells[ra];
    end
endmodule
module multiply (input logic ap_clk, input logic signed [15:0] a, b, output logic signed [31:0] y);
    always_ff @(posedge ap_clk) y <= a * b;
endmodule
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "modules.sv"
    path.write_text(MODULES)
    return path


def test_counts_of_small_modules(source: Path) -> None:
    files = (source,)
    add, flat, lutram, bram, dsp = synthesise_many(
        [
            SynthesisJob(files, "add8"),
            SynthesisJob(files, "two"),
            SynthesisJob(files, "memory", parameters={"DEPTH": 64}),
            SynthesisJob(files, "memory", parameters={"DEPTH": 4096}),
            SynthesisJob(files, "multiply"),
        ]
    )
    assert add == Cells(lut=8, ff=9, dsp=0, bram36=0.0, uram=0, lutram=0, srl=0, carry=3)
    assert flat == Cells(lut=16, ff=18, dsp=0, bram36=0.0, uram=0, lutram=0, srl=0, carry=6)
    assert lutram.lut == lutram.lutram == 12  # three RAM64M
    assert (bram.bram36, bram.lut) == (1.0, 0)
    assert dsp.dsp == 1


def test_modules_of_a_hierarchy_are_counted_one_by_one(source: Path) -> None:
    (found,) = synthesise_modules([SynthesisJob((source,), "two")])
    assert {name: (cells.lut, cells.ff, cells.carry) for name, cells in found.items()} == {
        "add8": (8, 9, 3),
        "two": (16, 18, 6),
    }


def test_primitives_are_counted_by_the_table() -> None:
    cells = count({"LUT6": 5, "INV": 9, "SRL16E": 2, "RAM32M": 3, "RAMB18E1": 3, "FDSE": 4, "CARRY4": 7, "MUXF7": 1})
    assert cells == Cells(lut=5 + 2 + 12, ff=4, dsp=0, bram36=1.5, uram=0, lutram=12, srl=2, carry=7)
    with pytest.raises(IntaglioError, match="LDCE"):
        count({"LDCE": 1})


def test_errors_are_shown(source: Path) -> None:
    with pytest.raises(IntaglioError, match="nowhere"):
        synthesise([source], "nowhere")
    with pytest.raises(IntaglioError, match="unknown device family"):
        synthesise([source], "add8", family="ice40")


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_shared_libraries_change_no_result(source: Path, tmp_path: Path, family: str) -> None:
    """Against the plain `synth_xilinx`, whose memory step `synthesise_many` replays."""
    jobs = [SynthesisJob((source,), "memory", family, parameters={"DEPTH": depth}) for depth in (32, 4096)]
    jobs.append(SynthesisJob((source,), "multiply", family))
    for job, ours in zip(jobs, synthesise_many(jobs), strict=True):
        settings = "".join(f" -chparam {name} {value}" for name, value in job.parameters.items())
        script = f"read_verilog -sv modules.sv; hierarchy -check -top {job.top}{settings}; "
        script += f"synth_xilinx -family {family} -flatten -noiopad -noclkbuf; tee -q -o plain.json stat -json"
        run([*_program(), "-q", "-p", script], tmp_path, tmp_path / "log")
        assert _by_type(_modules(tmp_path / "plain.json"), job.top) == ours.by_type
