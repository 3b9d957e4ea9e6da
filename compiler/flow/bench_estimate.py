"""How fast an estimate is: a network of CNV's size (FINN's benchmark), folded by hand, in milliseconds.

Beside it, as a measure of how far ahead of synthesis an estimate is: rendering the same design's RTL, which is what a
synthesis would begin with.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from ..codegen.rtl import render_rtl
from ..estimate.cycles import count_cycles
from ..estimate.prices import load_prices
from ..estimate.resources import estimate
from ..ir import Graph, Kernel, Node, Op, TensorType, as_integers, verify
from ..ir.schedule import Schedule
from ..ops import Conv2d, Dense, Flatten, MaxPool, Threshold
from ..ops.netlist import Netlist, elaborate
from .bench import best

CHANNELS = (64, 64, 128, 128, 256, 256)
POOLED = (1, 3)
"""Convolutions that a pool follows."""

FEATURES = (512, 512, 10)
CLOCK_MHZ = 100.0
STEPS = 150_000
"""Cycles a frame that no layer takes more of."""

LANES = (1, 2, 4, 8, 16, 32)


def cnv(narrower: int = 1) -> Graph:
    """32 x 32 x 3 images of 8 bits, six 3x3 convolutions, three dense layers; weights and activations of 2 bits."""
    rng = np.random.default_rng(0)
    nodes: list[Node] = []

    def add(name: str, op: Op) -> None:
        nodes.append(Node(name, op, (nodes[-1].name if nodes else "x",)))

    def quantised(name: str, channels: int, reach: int) -> None:
        levels = np.sort(rng.integers(-reach, reach, (channels, 3)), axis=1)
        add(name, Threshold(as_integers(levels), as_integers([0] * channels), as_integers([1] * channels)))

    inputs = 3
    for index, outputs in enumerate(channels // narrower for channels in CHANNELS):
        weight = as_integers(rng.integers(-1, 2, (outputs, 3, 3, inputs)))
        add(f"conv{index}", Conv2d(weight, as_integers([0] * outputs)))
        quantised(f"conv{index}_q", outputs, 8 * inputs)
        if index in POOLED:
            add(f"pool{index}", MaxPool((2, 2), (2, 2)))
        inputs = outputs
    add("flat", Flatten())
    for index, outputs in enumerate(FEATURES):
        weight = as_integers(rng.integers(-1, 2, (outputs, inputs)))
        add(f"fc{index}", Dense(weight, as_integers([0] * outputs)))
        if index < len(FEATURES) - 1:
            quantised(f"fc{index}_q", outputs, 2 * inputs)
        inputs = outputs
    return verify(Graph({"x": TensorType.integer((32, 32, 3), 0, 255)}, tuple(nodes), (nodes[-1].name,)))


def folded(graph: Graph, steps: int = STEPS) -> Schedule:
    """The narrowest kernels that take no more steps: of layers with weights, powers of two side by side."""
    kernels = {}
    for node in graph.nodes:
        ins = graph.input_types(node)
        candidates: Iterator[Kernel] = iter(node.op.choices(*ins))
        if node.op.work(*ins).weights:
            widest = (graph.types[node.name].channels, ins[0].channels)
            lanes = (
                (pe, simd)
                for pe, simd in product(LANES, (*LANES, ins[0].channels))
                if pe <= widest[0] and simd <= widest[1]
            )
            candidates = (Kernel(pe, simd, multiplier="booth", memory="bram", buffer="bram") for pe, simd in lanes)
        narrow = min((k for k in candidates if node.op.steps(k, *ins) <= steps), key=lambda k: k.pe * k.simd)
        kernels[node.name] = node.op.pipelined(narrow, CLOCK_MHZ, *ins)
    return Schedule(kernels)


def bench_estimate(narrower: int = 1) -> list[dict[str, Any]]:
    """Rows for a table or for JSON: milliseconds, evaluations per second, and how many times an estimate that takes.

    narrower: divides all channels.
    """
    prices = load_prices("xc7")
    graph = cnv(narrower)
    schedule = folded(graph)
    layer = "conv3"
    wider = replace(schedule.kernels[layer], pe=2 * schedule.kernels[layer].pe)
    changed = replace(schedule, kernels={**schedule.kernels, layer: wider})

    def evaluate(graph: Graph, schedule: Schedule) -> Netlist:
        netlist = elaborate(graph, schedule)
        estimate(netlist, prices)
        count_cycles(netlist)
        return netlist

    def forgotten() -> Graph:
        """The same network of new objects, of which nothing is remembered."""
        return graph.with_nodes(replace(node, op=replace(node.op)) for node in graph.nodes)  # type: ignore[type-var]

    netlist = evaluate(graph, schedule)
    seconds = {
        "resources and cycles": best(lambda: evaluate(graph, schedule)),
        f"the same, {layer} with twice its PE": best(lambda: evaluate(graph, changed)),
        "the same, of a network never seen": best(lambda: evaluate(forgotten(), schedule)),
    }
    start = time.perf_counter()
    render_rtl(netlist, "network")
    seconds["beside it: the RTL, rendered once"] = time.perf_counter() - start
    return [
        {
            "network": f"CNV, {len(netlist.blocks)} modules",
            "what": what,
            "ms": round(1e3 * taken, 2),
            "per_second": round(1 / taken, 2),
            "times_an_estimate": round(taken / seconds["resources and cycles"], 2),
        }
        for what, taken in seconds.items()
    ]
