"""The PYNQ driver: packs, unpacks, quantises and lays out in NumPy. `driver/<name>_driver.py` stands alone."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from ..ir import Border
from ..ops.netlist import Netlist
from .border import Port, check_name, input_ports, output_ports, summary
from .env import render
from .ip import BoardLike, has_processor


def render_driver(netlist: Netlist, name: str, board: BoardLike) -> dict[str, str]:
    """The driver by path; nothing for a board without a processing system."""
    if not has_processor(board):
        return {}
    text = render(
        "driver/driver.py.j2",
        name=check_name(name),
        class_name="".join(word[:1].upper() + word[1:] for word in name.split("_")),
        board=board.name,
        summary=summary(netlist),
        sources=[_stream(port, netlist.graph.border) for port in input_ports(netlist)],
        sinks=[_stream(port, netlist.graph.border) for port in output_ports(netlist)],
    )
    return {f"driver/{name}_driver.py": text}


def _stream(port: Port, border: Mapping[str, Border]) -> dict[str, Any]:
    """What the driver knows of a port. A tensor without a scale holds integers: its scale is one."""
    kind, scale = port.kind, port.kind.scale or Fraction(1)
    return {
        "tensor": port.tensor,
        "shape": repr(kind.shape),
        "bits": kind.bits,
        "signed": kind.signed,
        "lanes": port.lanes,
        "low": _one_if_equal(kind.lo),
        "high": _one_if_equal(kind.hi),
        "scale": f"{scale.numerator}, {scale.denominator}",
        "border": _border(border[port.tensor]) if port.tensor in border else "",
    }


def _border(border: Border) -> str:
    """The last argument of a Stream."""
    order = None if border.order is None else border.order.tolist()
    fields = {"shape": border.shape, "order": order, "slope": list(border.slope), "offset": list(border.offset)}
    return f", {fields | {'rounding': border.rounding, 'zero': border.zero}!r}"


def _one_if_equal(bounds: tuple[int, ...]) -> int | list[int]:
    return bounds[0] if len(set(bounds)) == 1 else list(bounds)
