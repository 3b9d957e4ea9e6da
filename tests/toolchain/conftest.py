"""Small SystemVerilog designs that the toolchain's tests build: nothing of Intaglio's own."""

from pathlib import Path

import pytest

ADD = """\
// Adds K to every element; three registers between input and output; TLAST travels with its beat.
module add #(parameter int W = 16, parameter int K = 3) (
    input logic ap_clk, input logic ap_rst_n,
    input logic [W-1:0] s_axis_0_tdata, input logic s_axis_0_tvalid,
    output logic s_axis_0_tready, input logic s_axis_0_tlast,
    output logic [W-1:0] m_axis_0_tdata, output logic m_axis_0_tvalid,
    input logic m_axis_0_tready, output logic m_axis_0_tlast,
    output logic error
);
    localparam int FRAME = 8;
    logic [W-1:0] data [3];
    logic [2:0] valid, last;
    logic [2:0] place;
    logic enable;
    assign enable = m_axis_0_tready || !valid[2];
    assign s_axis_0_tready = enable;
    always_ff @(posedge ap_clk) begin
        if (enable) begin
            data[0] <= s_axis_0_tdata + W'(K);
            data[1] <= data[0];
            data[2] <= data[1];
            valid <= {valid[1:0], s_axis_0_tvalid};
            last <= {last[1:0], place == 3'(FRAME - 1)};
            if (s_axis_0_tvalid) begin
                place <= place + 1'b1;
                if (s_axis_0_tlast != (place == 3'(FRAME - 1))) error <= 1'b1;
            end
        end
        if (!ap_rst_n) begin
            valid <= '0;
            place <= '0;
            error <= 1'b0;
        end
    end
    assign m_axis_0_tdata = data[2];
    assign m_axis_0_tvalid = valid[2];
    assign m_axis_0_tlast = last[2];
endmodule
"""

SIGNALS = [f"{port}_axis_0_{signal}" for port in "sm" for signal in ("tdata", "tvalid", "tready", "tlast")]


def wrapper(adds: list[int]) -> str:
    """A top module with one adder per entry, its ports prefixed k0_, k1_, …"""
    ports, bodies = ["input logic ap_clk", "input logic ap_rst_n"], []
    for k, amount in enumerate(adds):
        for signal in SIGNALS:
            inward = (signal[0] == "s") != signal.endswith("tready")
            width = "[15:0] " if signal.endswith("tdata") else ""
            ports.append(f"{'input' if inward else 'output'} logic {width}k{k}_{signal}")
        ports.append(f"output logic k{k}_error")
        pins = ", ".join(f".{signal}(k{k}_{signal})" for signal in [*SIGNALS, "error"])
        bodies.append(f"add #(.K({amount})) u{k} (.ap_clk, .ap_rst_n, {pins});")
    return f"module top (\n{', '.join(ports)});\n" + "\n".join(bodies) + "\nendmodule\n"


@pytest.fixture
def add_source(tmp_path: Path) -> Path:
    path = tmp_path / "add.sv"
    path.write_text(ADD)
    return path


@pytest.fixture
def top_source(tmp_path: Path) -> Path:
    """Three adders in one wrapper `top`: by 1, by 2 and by 300."""
    path = tmp_path / "top.sv"
    path.write_text(wrapper([1, 2, 300]))
    return path
