"""Small networks for the benches of whole tops: lanes that do not match, forks, joins, several ports."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from intaglio.estimate.cycles import count_cycles, fifo_depths
from intaglio.ir import Graph, Kernel, Node, TensorType, as_integers
from intaglio.ir.schedule import Schedule
from intaglio.ops import Add, Dense, Shift
from intaglio.ops.netlist import Netlist, elaborate


def dense(rng: np.random.Generator, outputs: int, inputs: int) -> Dense:
    return Dense(as_integers(rng.integers(-7, 8, (outputs, inputs))), as_integers(rng.integers(-99, 99, outputs)))


def scheduled(graph: Graph, kernels: Mapping[str, Kernel]) -> Netlist:
    """The netlist with the FIFO depths that its full rate needs."""
    netlist = elaborate(graph, Schedule(kernels))
    depths = fifo_depths(netlist, count_cycles(netlist).interval)
    return elaborate(graph, Schedule(kernels, depths))


def chain() -> Netlist:
    """Two layers; the second takes five elements a beat where the first gives three, and 37 channels fit neither."""
    rng = np.random.default_rng(1)
    x = TensorType.integer((2, 7), -8, 7)
    nodes = (Node("first", dense(rng, 37, 7), ("x",)), Node("second", dense(rng, 5, 37), ("first",)))
    return scheduled(Graph({"x": x}, nodes, ("second",)), {"first": Kernel(3, 2), "second": Kernel(2, 5)})


def fork() -> Netlist:
    """One layer read by two of different speed; three outputs, one of them the layer itself."""
    rng = np.random.default_rng(2)
    x = TensorType.integer((3, 6), 0, 15)
    nodes = (
        Node("stem", dense(rng, 6, 6), ("x",)),
        Node("quick", dense(rng, 4, 6), ("stem",)),
        Node("slow", dense(rng, 5, 6), ("stem",)),
    )
    kernels = {"stem": Kernel(2, 3), "quick": Kernel(4, 6), "slow": Kernel(1, 2)}
    return scheduled(Graph({"x": x}, nodes, ("quick", "slow", "stem")), kernels)


def residual() -> Netlist:
    """A skip connection beside two layers of 11 channels, at lanes that all differ."""
    return _residual(2, {"stem": Kernel(4, 3), "skip": Kernel(3, 3), "deep": Kernel(2, 5), "deeper": Kernel(5, 2)}, 4)


def unrolled() -> Netlist:
    """The same with every layer whole and one pixel a frame: a frame every cycle."""
    whole = {name: Kernel(11, 11, stages=2) for name in ("deep", "deeper")}
    return _residual(1, {"stem": Kernel(11, 6), "skip": Kernel(11, 11)} | whole, 11)


def _residual(pixels: int, kernels: dict[str, Kernel], lanes: int) -> Netlist:
    rng = np.random.default_rng(3)
    x = TensorType.integer((pixels, 6), 0, 15)
    nodes = (
        Node("stem", dense(rng, 11, 6), ("x",)),
        Node("skip", Shift(as_integers(rng.integers(0, 9, 11)), 4, -8, 7), ("stem",)),
        Node("deep", dense(rng, 11, 11), ("skip",)),
        Node("deeper", dense(rng, 11, 11), ("deep",)),
        Node("sum", Add(), ("deeper", "skip")),
    )
    return scheduled(Graph({"x": x}, nodes, ("sum",)), kernels | {"sum": Kernel(lanes, lanes)})


def frames_of(netlist: Netlist, frames: int, seed: int = 0) -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
    """Random inputs, and every tensor that the operators' `run` makes of them."""
    rng = np.random.default_rng(seed)
    graph = netlist.graph
    tensors = {
        name: rng.integers(kind.lo_array, kind.hi_array, (frames, *kind.shape), endpoint=True)
        for name, kind in graph.inputs.items()
    }
    inputs = list(tensors.values())
    for node in graph.nodes:
        tensors[node.name] = node.op.run(*(tensors[name] for name in node.inputs))
    return inputs, tensors
