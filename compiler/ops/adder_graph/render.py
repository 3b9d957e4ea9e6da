"""What the templates of an adder graph need: each wire with its width and operands, registers where segments meet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .graph import NOTHING, AdderGraph
from .stages import segments


def graph_params(graph: AdderGraph, firsts: Sequence[int], stages: int, out_bits: int) -> dict[str, Any]:
    """The context of `adder_graph.sv.j2` and `adder_graph.cpp.j2`.

    firsts: for each input, its first bit in the word of operands. stages: rows of registers between operands and
    results. out_bits: of each result.
    """
    names = _Names(graph, segments(graph, stages))
    adders = [_adder(graph, node, names) for node in range(graph.inputs, len(graph.types))]
    results = [_result(graph, index, names, stages, out_bits) for index in range(len(graph.outputs))]
    wires = [_wire(graph, node) | {"first": firsts[node]} for node in range(graph.inputs) if node in names.last]
    inputs = [wire | {"last": wire["first"] + wire["top"]} for wire in wires]
    return {
        "graph_inputs": inputs,
        "graph_segments": [
            {"registers": names.registers(place), "adders": [a for a in adders if a["segment"] == place]}
            for place in range(stages + 1)
        ],
        "graph_results": results,
    }


class _Names:
    """The wires of nodes by segment: a value that is used behind registers has a name of its own there."""

    def __init__(self, graph: AdderGraph, places: list[int]) -> None:
        self.graph, self.places = graph, places
        self.last: dict[int, int] = {}

    def of(self, node: int, place: int) -> str:
        """The wire of `node` in segment `place`."""
        self.last[node] = max(self.last.get(node, 0), place)
        return _name(node, place - self.places[node])

    def registers(self, place: int) -> list[dict[str, Any]]:
        """Values that go over the border in front of segment `place`."""
        crossing = [n for n in sorted(self.last) if self.places[n] < place <= self.last[n]]
        ages = [place - self.places[n] for n in crossing]
        return [
            _wire(self.graph, n) | {"name": _name(n, age), "source": _name(n, age - 1)}
            for n, age in zip(crossing, ages, strict=True)
        ]


def _name(node: int, age: int) -> str:
    return f"n{node}" + (f"_{age}" if age else "")


def _wire(graph: AdderGraph, node: int) -> dict[str, Any]:
    kind = graph.types[node]
    return {
        "name": _name(node, 0),
        "signed": "signed " if kind.signed else "",
        "bits": kind.bits,
        "top": kind.bits - 1,
        "type": f"ap_{'' if kind.signed else 'u'}int<{kind.bits}>",
    }


def _adder(graph: AdderGraph, node: int, names: _Names) -> dict[str, Any]:
    a, place = graph.adders[node - graph.inputs], names.places[node]
    bits = graph.types[node].bits + a.drop
    return _wire(graph, node) | {
        "segment": place,
        "left": names.of(a.left, place),
        "right": names.of(a.right, place),
        "left_shift": a.left_shift,
        "right_shift": a.right_shift,
        "plain_left": _name(a.left, 0),
        "plain_right": _name(a.right, 0),
        "left_factor": 1 << a.left_shift,
        "right_factor": 1 << a.right_shift,
        "sign": "-" if a.minus else "+",
        "drop": a.drop,
        "sum_bits": bits,
        "sum_top": bits - 1,
    }


def _result(graph: AdderGraph, index: int, names: _Names, stages: int, out_bits: int) -> dict[str, Any]:
    tap, bias = graph.outputs[index], graph.bias[index]
    reached = tap.node != NOTHING
    return {
        "low": index * out_bits,
        "high": (index + 1) * out_bits - 1,
        "bits": out_bits,
        "node": names.of(tap.node, stages) if reached else "",
        "plain_node": _name(tap.node, 0) if reached else "",
        "shift": tap.shift,
        "factor": 1 << tap.shift,
        "sign": "-" if tap.minus else "+",
        "starts": bias != 0 or tap.minus,
        "bias": bias,
        "bias_word": f"{out_bits}'h{bias & ((1 << out_bits) - 1):x}",
    }
