"""add, subtract, multiply, maximum, minimum: HLS and RTL at many folds, equal shapes and gates, against `run`."""

from __future__ import annotations

from pathlib import Path

import networks
import numpy as np
import pytest
from harness import Case, check
from intaglio.estimate.cycles import count_cycles
from intaglio.ir import Graph, IntType, Kernel, Node, TensorType
from intaglio.ops import Add, Concat, Maximum, Minimum, Multiply, Subtract, SumPool
from intaglio.ops.pairwise import Pairwise
from intaglio.toolchain import verify


def tensor(*shape: int, lo: int = 0, hi: int = 15) -> TensorType:
    return TensorType.integer(shape, lo, hi)


def bipolar(*shape: int) -> TensorType:
    return TensorType(shape, IntType(True, 1), (-1,) * shape[-1], (1,) * shape[-1])


def loose(*shape: int, lo: int, hi: int) -> TensorType:
    """Of a type wider than its bounds."""
    return TensorType(shape, IntType(True, 8), (lo,) * shape[-1], (hi,) * shape[-1])


EQUAL = [
    (tensor(2, 2, 5, lo=-8, hi=7), tensor(2, 2, 5), 2),
    (tensor(37, hi=1), tensor(37, hi=255), 4),
    (tensor(3, lo=-9, hi=-5), bipolar(3), 1),
    (bipolar(2, 3), bipolar(2, 3), 3),
]
GATED = [
    (tensor(2, 3, 5), tensor(5, lo=-7, hi=3), 2),
    (tensor(2, 2, 5, lo=-300, hi=7), tensor(1, 1, 5), 1),
    (tensor(3, 4, hi=3), bipolar(4), 4),
    (tensor(2, 2, 37, hi=3), tensor(2, 2, 1, lo=-2, hi=1), 16),
    (bipolar(3, 3), tensor(3, 1, hi=9), 1),
    (loose(2, 2, 3, lo=0, hi=3), bipolar(2, 2, 1), 3),
    (loose(2, 1, 3, lo=-3, hi=3), loose(1, 1, 3, lo=-1, hi=6), 2),
]
WIDE = [
    (tensor(3, lo=-(1 << 19), hi=1 << 19), tensor(3, lo=-(1 << 20), hi=0), 2),
    (tensor(2, 3, hi=1 << 17), tensor(2, 1, lo=-(1 << 12), hi=1 << 12), 3),
]


def test_at_many_folds(tmp_path: Path) -> None:
    cases = []
    for make in (Add, Subtract, Multiply, Maximum, Minimum):
        shapes = EQUAL + GATED if make in (Multiply, Maximum) else EQUAL[1:] + GATED[::2]
        op: Pairwise = make()
        cases += [Case(f"{op.name}{k}", op, Kernel(n, n), (a, b)) for k, (a, b, n) in enumerate(shapes)]
    for k, (a, b, n) in enumerate(WIDE):
        for multiplier in ("lut", "dsp"):
            cases.append(Case(f"wide_{multiplier}{k}", Multiply(), Kernel(n, n, multiplier=multiplier), (a, b)))
    cases.append(Case("bram", Multiply(), Kernel(2, 2, memory="bram"), (tensor(4, 5), tensor(5))))
    check(cases, tmp_path)


def squared() -> networks.Netlist:
    """A tensor times itself."""
    x = tensor(3, 5, lo=-8, hi=7)
    return networks.scheduled(
        Graph({"x": x}, (Node("square", Multiply(), ("x", "x")),), ("square",)), {"square": Kernel(2, 2)}
    )


def gated() -> networks.Netlist:
    """Squeeze and excite: what gates a frame is known only when the whole frame has come."""
    x = tensor(4, 4, 6, lo=-8, hi=7)
    nodes = (
        Node("squeezed", SumPool((4, 4), (4, 4), (0, 0, 0, 0)), ("x",)),
        Node("excited", Multiply(), ("x", "squeezed")),
        Node("attended", Concat(3), ("excited", "x", "excited")),
    )
    kernels = {"squeezed": Kernel(2, 2), "excited": Kernel(3, 3), "attended": Kernel(2, 2)}
    return networks.scheduled(Graph({"x": x}, nodes, ("attended",)), kernels)


@pytest.mark.parametrize("make", [squared, gated])
def test_in_a_graph_where_branches_meet(make: object, tmp_path: Path) -> None:
    netlist = make()  # type: ignore[operator]
    inputs, tensors = networks.frames_of(netlist, 5)
    wanted = [tensors[name] for name in netlist.graph.outputs]
    assert np.array_equal(verify.run_hls(netlist, "net", inputs, tmp_path)[0], wanted[0])
    result = verify.run_rtl(netlist, "net", inputs, tmp_path)
    cycles = count_cycles(netlist)
    assert np.array_equal(result.outputs[0], wanted[0])
    assert (result.latency_cycles, result.interval_cycles) == (cycles.latency, cycles.interval)
    stalled = verify.run_rtl(netlist, "net", inputs, tmp_path, stalls=0.5, seed=3)
    assert np.array_equal(stalled.outputs[0], wanted[0])
