"""The adder graph of a layer of sums of products, fully unrolled: its operands lie in a word, its results in another.

Inputs of -1 and +1 in one bit are 2 b - 1 for a bit b: weights count double, and what they add up to goes from the
bias. Inputs that are the same for every pixel are part of the bias too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from ...errors import IntaglioError
from ...ir import Int64, Part, Parts, TensorType
from . import da4ml
from .cost import adder_costs, final_costs
from .graph import AdderGraph
from .optimise import optimise
from .registers import SHORTEST_LINE, graph_registers
from .render import graph_params

SOLVERS = {"adders": optimise, "da4ml": da4ml.solve}
"""What makes graphs, by the name of the multiplier."""

SHORTEST_CHAIN = 3
"""Bits of a sum that Yosys builds of carry chains; shorter ones take a LUT a bit."""


@dataclass(frozen=True)
class LayerGraph:
    """places: of each input of the graph, the element of the word of operands that it is. elements: of the word. held:
    is each of them in a register that nothing else reads?
    """

    graph: AdderGraph
    places: tuple[int, ...]
    element_bits: int
    out_bits: int
    elements: int
    held: bool

    def params(self, stages: int) -> dict[str, Any]:
        firsts = [place * self.element_bits for place in self.places]
        return graph_params(self.graph, firsts, stages, self.out_bits)

    def parts(self, stages: int) -> Parts:
        """Adders by the bits of their chains and of their overlap; biases; registers, those of the results too."""
        return _parts(self, stages)[0]

    def idle(self, stages: int) -> int:
        """Bits of the word of operands that take no flip-flop: nothing reads them, or a shift register begins there."""
        return _parts(self, stages)[1]


@lru_cache(maxsize=256)
def _parts(layer: LayerGraph, stages: int) -> tuple[Parts, int]:
    graph = layer.graph
    short = [kind.bits + a.drop for kind, a in zip(graph.types[graph.inputs :], graph.adders, strict=True)]
    costs = [
        (bits, bits) if bits < SHORTEST_CHAIN and overlap else (chain, overlap)
        for (chain, overlap), bits in zip(adder_costs(graph), short, strict=True)
    ]
    chain, overlap = (sum(cost[k] for cost in [*costs, *final_costs(graph)]) for k in (0, 1))
    registers = graph_registers(graph, stages, layer.out_bits, held=layer.held)
    parts = [
        Part("graph_adders", 1, {"overlap": overlap, "alone": chain - min(chain, overlap)}),
        Part("register", 1, {"bits": registers.bits}),
    ]
    parts += [Part("shift_line", 1, {"width": registers.lines, "depth": SHORTEST_LINE})] if registers.lines else []
    read = sum(kind.bits for kind in graph.types[: graph.inputs])
    return tuple(parts), layer.elements * layer.element_bits - read + registers.idle


def layer_graph(solver: str, weight: Int64, bias: Int64, x: TensorType, out_bits: int) -> LayerGraph:
    """weight: (outputs, ..., inputs of a group), as in a layer; the word holds the positions of a window one after the
    other, each with all channels. Made once.
    """
    pixel = replace(x, shape=x.shape[-1:], scale=None)
    return _made(solver, weight.tobytes(), weight.shape, bias.tobytes(), pixel, out_bits)


@lru_cache(maxsize=64)
def _made(
    solver: str, weight_bytes: bytes, shape: tuple[int, ...], bias_bytes: bytes, x: TensorType, out_bits: int
) -> LayerGraph:
    weight, bias = (np.frombuffer(data, np.int64) for data in (weight_bytes, bias_bytes))
    full = _full(weight.reshape(shape), x.channels)
    lo, hi = np.tile(x.lo_array, full.shape[1] // x.channels), np.tile(x.hi_array, full.shape[1] // x.channels)
    if x.dtype is not None and x.dtype.bipolar:
        bias, full = bias - full.sum(axis=1), 2 * full
        lo, hi = np.zeros_like(lo), np.ones_like(hi)
    elif len(shape) > 2:  # a convolution may pad with zeros
        lo, hi = np.minimum(lo, 0), np.maximum(hi, 0)
    varies = (lo != hi) & full.any(axis=0)
    bias = bias + full[:, ~varies] @ np.where(lo == hi, lo, 0)[~varies]
    graph = SOLVERS[solver](full[:, varies], bias, lo[varies], hi[varies])
    places = tuple(np.flatnonzero(varies).tolist())
    return LayerGraph(graph, places, x.bits, out_bits, full.shape[1], held=len(shape) == 2)


def _full(weight: Int64, channels: int) -> Int64:
    """(outputs, positions * channels): without groups, the weights between them being 0."""
    outputs, inputs = len(weight), weight.shape[-1]
    flat = weight.reshape(outputs, -1, inputs)
    full = np.zeros((outputs, flat.shape[1], channels), np.int64)
    each = outputs // (channels // inputs)
    if each == 0:
        raise IntaglioError(f"{outputs} outputs do not fill {channels // inputs} groups")
    for output in range(outputs):
        first = output // each * inputs
        full[output, :, first : first + inputs] = flat[output]
    return full.reshape(outputs, -1)
