"""The self-checking testbenches that a design leaves with its sources, and their vectors.

rtl/tb/<name>_tb.sv                   SystemVerilog: random stalls, $fatal at a mismatch; Verilator and Vivado xsim
rtl/tb/input_0.hex, expected_0.hex    one beat a line, for $readmemh
rtl/Makefile                          make, make xsim
hls/input_0.txt, expected_0.txt       the same beats for the C++ testbench
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from math import ceil
from typing import Any

from ..errors import IntaglioError
from ..estimate.cycles import count_cycles
from ..ir import Array
from ..ops.beats import Bytes, to_beats
from ..ops.netlist import Netlist
from .border import Port, check_name, input_ports, output_ports
from .env import render


def render_testbench(netlist: Netlist, name: str, inputs: Sequence[Array], outputs: Sequence[Array]) -> dict[str, str]:
    """Testbench, Makefile and vectors, by path.

    Args:
        netlist: the hardware.
        name: of the core.
        inputs: per input of the graph, integers (frames, *shape).
        outputs: per output of the graph, the integers expected.
    """
    sources, sinks = input_ports(netlist), output_ports(netlist)
    if len(inputs) != len(sources) or len(outputs) != len(sinks):
        raise IntaglioError(
            f"the core has {len(sources)} inputs and {len(sinks)} outputs, not {len(inputs)} and {len(outputs)}"
        )
    frames = len(inputs[0])
    if not frames or any(len(values) != frames for values in (*inputs, *outputs)):
        raise IntaglioError("a testbench needs at least one frame, and as many expected as fed")
    ins = [_port(port, frames, index) for index, port in enumerate(sources)]
    outs = [_port(port, frames, index + len(ins)) for index, port in enumerate(sinks)]
    context = {
        "name": check_name(name),
        "frames": frames,
        "max_cycles": cycle_limit(netlist, frames, 0.5),
        "sources": ins,
        "sinks": outs,
        "ports": ins + outs,
        "done": " && ".join(f"{port['axis']}_taken == {port['last']} + 1" for port in outs),
    }
    files = {
        f"rtl/tb/{name}_tb.sv": render("testbench/tb.sv.j2", **context),
        "rtl/Makefile": render("testbench/Makefile.j2", **context),
    }
    for kind, ports, arrays in (("input", sources, inputs), ("expected", sinks, outputs)):
        for port, array in zip(ports, arrays, strict=True):
            text = hex_lines(to_beats(array, port.kind, port.lanes))
            files[f"rtl/tb/{kind}_{port.index}.hex"] = files[f"hls/{kind}_{port.index}.txt"] = text
    return files


def hex_lines(beats: Bytes) -> str:
    """Beats (frames, beats, bytes) as hexadecimal numbers, one a line."""
    digits = 2 * beats.shape[2]
    text = beats[:, :, ::-1].tobytes().hex()
    return "".join(f"{text[at : at + digits]}\n" for at in range(0, len(text), digits))


def cycle_limit(netlist: Netlist, frames: int, stall: float) -> int:
    """Cycles after which a simulation of so many frames, with stalls of this probability at each side, is stuck."""
    cycles = count_cycles(netlist)
    busy = cycles.latency + cycles.interval * (frames + 1)
    return 2000 + ceil(4 * busy / (1 - stall) ** 2)


def _port(port: Port, frames: int, number: int) -> dict[str, Any]:
    """What the template needs; `stall` is the bit of the shift register that holds this port back."""
    return asdict(port) | {"msb": port.msb, "last": frames * port.beats - 1, "stall": 31 - 7 * number % 32}
