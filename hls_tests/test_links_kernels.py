"""Links: width converters between any lanes, forks, and FIFOs in LUTs and in block RAM with the same cycles."""

from pathlib import Path

import numpy as np
from harness import Unit, check_units, random_tensor
from intaglio.codegen.env import render
from intaglio.ir import TensorType
from intaglio.ops.links import Fifo, Fork, Width
from intaglio.toolchain import verilator
from intaglio.toolchain.stream import StreamJob, run_stream_jobs

WIDTHS = [
    *[(8, 4, 2), (7, 4, 2), (7, 7, 1), (37, 4, 1), (9, 6, 2)],  # narrow
    *[(8, 2, 4), (8, 2, 8), (7, 2, 4), (7, 1, 7), (37, 1, 4), (5, 3, 3)],  # widen
    *[(10, 3, 4), (10, 4, 3), (6, 3, 4), (37, 5, 4), (37, 4, 6), (9, 7, 5), (5, 3, 5), (37, 4, 37), (37, 37, 4)],
]


def test_width_converters_and_forks(tmp_path: Path) -> None:
    rng, units = np.random.default_rng(3), []
    for index, (channels, a, b) in enumerate(WIDTHS):
        kind = TensorType.integer((3, channels), -4 if index % 2 else 0, 3)
        link, x = Width(kind, a, b), random_tensor(rng, 4, kind)
        units.append(Unit(f"w{index}", link.template, link.params(), link.program(), [(x, kind, a)], [(x, kind, b)]))
    kind = TensorType.integer((2, 5), -8, 7)
    fork, x = Fork(kind, 2, 2), random_tensor(rng, 4, kind)
    units.append(Unit("f2", fork.template, fork.params(), fork.program(), [(x, kind, 2)], [(x, kind, 2)] * 2))
    check_units(units, tmp_path)


FIFOS = [(1, 0), (5, 1), (5, 2), (5, 3), (5, 7), (9, 70), (64, 70), (65, 65), (9, 512), (8, 512)]
"""(width, depth); those of equal depth are in LUTs and in block RAM."""


def _top() -> str:
    """FIFOs side by side as f<k>_, and k_: a fork whose three readers each have a FIFO."""
    clock = ".ap_clk(ap_clk), .ap_rst_n(ap_rst_n)"
    fifo = f"    intaglio_fifo #(.WIDTH({{w}}), .DEPTH({{d}})) {{n}} ({clock},\n        {{pins}});\n"
    ports, body, unused = ["input wire ap_clk", "input wire ap_rst_n"], "", ["1'b0"]

    def axis(prefix: str, width: int, inwards: bool) -> None:
        into, out = ("input", "output") if inwards else ("output", "input")
        padded = -(-width // 8) * 8
        ports.extend([f"{into} wire [{padded - 1}:0] {prefix}_tdata", f"{into} wire {prefix}_tvalid"])
        ports.extend([f"{out} wire {prefix}_tready", f"{into} wire {prefix}_tlast"])
        unused.extend([f"{prefix}_tlast", f"{prefix}_tdata"] if inwards else [])

    def pins(side: str, prefix: str, width: int) -> str:
        stem = f"{prefix}_t"
        return f".{side}_data({stem}data[{width - 1}:0]), .{side}_valid({stem}valid), .{side}_ready({stem}ready)"

    for k, (width, depth) in enumerate(FIFOS):
        axis(f"f{k}_s_axis_0", width, True)
        axis(f"f{k}_m_axis_0", width, False)
        body += f"    assign f{k}_m_axis_0_tlast = 0;\n"
        if width % 8:
            body += f"    assign f{k}_m_axis_0_tdata[{-(-width // 8) * 8 - 1}:{width}] = 0;\n"
        joined = f"{pins('s', f'f{k}_s_axis_0', width)},\n        {pins('m', f'f{k}_m_axis_0', width)}"
        body += fifo.format(w=width, d=depth, n=f"fifo{k}", pins=joined)
    axis("k_s_axis_0", 8, True)
    outputs = ""
    for m in range(3):
        axis(f"k_m_axis_{m}", 8, False)
        body += f"    wire [7:0] d{m};\n    wire v{m}, r{m};\n    assign k_m_axis_{m}_tlast = 0;\n"
        joined = f".s_data(d{m}), .s_valid(v{m}), .s_ready(r{m}),\n        {pins('m', f'k_m_axis_{m}', 8)}"
        body += fifo.format(w=8, d=2, n=f"reader{m}", pins=joined)
        outputs += f", .m{m}_data(d{m}), .m{m}_valid(v{m}), .m{m}_ready(r{m})"
    body += f"    fork3 fork_unit ({clock}, .s0_data(k_s_axis_0_tdata),\n"
    body += f"        .s0_valid(k_s_axis_0_tvalid), .s0_ready(k_s_axis_0_tready){outputs});\n"
    body += f"    wire unused = &{{{', '.join(unused)}}};\n"
    return "module links_top (\n    " + ",\n    ".join(ports) + "\n);\n" + body + "endmodule\n"


def _beats(rng: np.random.Generator, width: int) -> np.ndarray:
    data = rng.integers(0, 256, (2, 400, -(-width // 8)), np.uint8)
    if width % 8:
        data[..., -1] &= (1 << width % 8) - 1
    return data


def test_fifos_and_forks_with_fifos(tmp_path: Path) -> None:
    (tmp_path / "links_top.sv").write_text(_top())
    (tmp_path / "intaglio_fifo.sv").write_text(render("rtl/lib/intaglio_fifo.sv.j2"))
    link = Fork(TensorType.integer((800,), 0, 255), 1, 3)
    (tmp_path / "fork3.sv").write_text(render("rtl/link_fork.sv.j2", **link.params(), module="fork3"))
    sources = [tmp_path / name for name in ("intaglio_fifo.sv", "fork3.sv", "links_top.sv")]
    assert not verilator.lint(sources, "links_top")
    rng = np.random.default_rng(1)
    inputs = [_beats(rng, width) for width, _ in FIFOS] + [_beats(rng, 8)]
    for source, sink in ((0.0, 0.0), (0.1, 0.6), (0.6, 0.1), (0.5, 0.5)):
        jobs = [StreamJob((x,), ((2, 400),), f"f{k}_", source, sink, 1, 20000) for k, x in enumerate(inputs[:-1])]
        jobs.append(StreamJob((inputs[-1],), ((2, 400),) * 3, "k_", source, sink, 1, 20000))
        results = run_stream_jobs(sources, "links_top", jobs, tmp_path, strict=False, run_name=f"{source}_{sink}")
        for x, result in zip(inputs, results, strict=True):
            assert not result.problem
            assert all((y == x).all() for y in result.outputs)
        cycles: dict[int, list[np.ndarray]] = {}
        for (width, depth), result in zip(FIFOS, results, strict=False):
            moves = [result.in_cycles[0], result.out_cycles[0]]
            assert Fifo(width, depth).in_block == (width * depth > 4096 and depth > 64)
            for mine, others in zip(moves, cycles.setdefault(depth, moves), strict=True):
                assert (mine == others).all()
            if depth > 1 and source == sink == 0.0:
                assert (moves[1] - moves[0] == 1).all()
