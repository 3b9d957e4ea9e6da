"""The netlist's own names: links and channels keep out of the way of what the user named."""

from __future__ import annotations

import numpy as np
from intaglio.estimate.cycles import count_cycles
from intaglio.ir import Graph, Kernel, Node, TensorType
from intaglio.ir.schedule import Schedule
from intaglio.ops import Add, Dense
from intaglio.ops.netlist import elaborate


def test_links_never_take_the_name_of_a_node() -> None:
    """A network whose nodes are called as the fork, the width converter and the channels of another would be."""
    dense = Dense(np.ones((4, 4), dtype=np.int64), np.zeros(4, np.int64))
    names = ("a", "a_fork", "a_to_a_fork0", "a__fork")
    nodes = (
        Node(names[0], dense, ("x",)),
        Node(names[1], dense, (names[0],)),
        Node(names[2], dense, (names[0],)),
        Node(names[3], Add(), (names[1], names[2])),
    )
    graph = Graph({"x": TensorType.integer((4,), 0, 7)}, nodes, (names[3],))
    kernels = {names[0]: Kernel(4, 4), names[1]: Kernel(2, 2), names[2]: Kernel(1, 1), names[3]: Kernel(4, 4)}
    netlist = elaborate(graph, Schedule(kernels))
    blocks, channels = [b.name for b in netlist.blocks], [c.name for c in netlist.channels]
    assert set(names) < set(blocks)
    assert len(set(blocks)) == len(blocks) == 4 + 1 + 4
    assert len(set(channels)) == len(channels)
    assert count_cycles(netlist).interval == 16


def test_the_way_into_a_fork_and_the_border_are_wires() -> None:
    """Unless the schedule says otherwise: the readers of a fork have FIFOs of their own."""
    dense = Dense(np.ones((4, 4), dtype=np.int64), np.zeros(4, np.int64))
    nodes = (Node("a", dense, ("x",)), Node("b", dense, ("a",)), Node("c", Add(), ("a", "b")))
    graph = Graph({"x": TensorType.integer((4,), 0, 7)}, nodes, ("c", "a"))
    kernels = {name: Kernel(4, 4) for name in "abc"}
    depths = {c.name: c.depth for c in elaborate(graph, Schedule(kernels, spare=3)).channels}
    assert depths == {"x__a0": 0, "a__fork": 0, "a__b0": 3, "a__c0": 3, "a__out1": 0, "b__c1": 3, "c__out0": 0}
    given = {c.name: c.depth for c in elaborate(graph, Schedule(kernels, {"a__fork": 5, "a__b0": 0})).channels}
    assert given == depths | {"a__fork": 5, "a__b0": 0, "a__c0": 2, "b__c1": 2}
