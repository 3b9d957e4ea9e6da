"""The operators that move data, pad to gather: HLS and RTL at many folds, against `run`."""

from pathlib import Path

import networks
import numpy as np
import pytest
from harness import Case, check
from intaglio.estimate.cycles import count_cycles
from intaglio.ir import Graph, IntType, Kernel, Node, Op, TensorType, as_integers
from intaglio.ops import Add, Flatten, Gather, Pad, Slice, Upsample, ZeroStuff
from intaglio.ops.netlist import Netlist
from intaglio.toolchain import verify


def tensor(*shape: int, lo: int = 0, hi: int = 15) -> TensorType:
    return TensorType.integer(shape, lo, hi)


def bipolar(*shape: int) -> TensorType:
    return TensorType(shape, IntType(True, 1), (-1,) * shape[-1], (1,) * shape[-1])


def loose(*shape: int) -> TensorType:
    """Of a type wider than its bounds."""
    return TensorType(shape, IntType(True, 8), (0,) * shape[-1], (5,) * shape[-1])


def cases(trials: list[tuple[Op, TensorType, Kernel | int]]) -> list[Case]:
    made = [(op, x, k if isinstance(k, Kernel) else Kernel(pe=k, simd=k)) for op, x, k in trials]
    return [Case(f"{op.name}{n}", op, kernel, (x,)) for n, (op, x, kernel) in enumerate(made)]


def per_channel(channels: int) -> np.ndarray:
    return as_integers(np.arange(channels) % 7 - 3)


PADS = [
    (Pad((1, 1, 1, 1)), tensor(3, 4, 5, lo=-8, hi=7), 2),
    (Pad((1, 2, 0, 3), -3), tensor(2, 3, 5), 1),
    (Pad((0, 1, 0, 1), 20), tensor(3, 2, 5, lo=-2, hi=1), 5),
    (Pad((0, 0, 2, 0), per_channel(37)), tensor(2, 2, 37, hi=1), 4),
    (Pad((2, 0, 1, 0), per_channel(5)), tensor(1, 1, 5, hi=3), 3),
    (Pad((0, 0, 1, 1), per_channel(3)), tensor(1, 4, 3, hi=3), 3),
    (Pad((1, 0, 0, 1), 1), bipolar(2, 2, 5), 2),
    (Pad((0, 1, 2, 0), -1), bipolar(2, 3, 3), 3),
    (Pad((1, 1, 1, 1), as_integers([1, -1, 1])), bipolar(2, 2, 3), 2),
    (Pad((0, 0, 0, 0), 9), loose(2, 2, 3), 2),
    (Pad((0, 0, 1, 0), 9), loose(1, 3, 1), 1),
]
ZERO_STUFFS = [
    (ZeroStuff((2, 2)), tensor(3, 3, 5, lo=-8, hi=7), 2),
    (ZeroStuff((3, 1)), tensor(2, 3, 5, lo=2, hi=9), 1),
    (ZeroStuff((1, 4)), tensor(2, 3, 37, hi=1), 37),
    (ZeroStuff((2, 3)), tensor(1, 3, 3, lo=-9, hi=-4), 3),
    (ZeroStuff((1, 1)), tensor(2, 2, 5), 3),
    (ZeroStuff((5, 2)), loose(2, 2, 1), 1),
    (ZeroStuff((2, 2)), tensor(1, 1, 3), 2),
]


def kept(*channels: int) -> np.ndarray:
    return as_integers(channels)


SLICES = [
    (Slice((0, 4, 1), (0, 3, 1), kept(0, 1, 2, 3, 4)), tensor(4, 3, 5, lo=-8, hi=7), 2),
    (Slice((1, 4, 2), (0, 5, 3), kept(0, 1, 2, 3, 4)), tensor(6, 5, 5), 3),
    (Slice((2, 3, 1), (1, 4, 1), kept(*range(37))), tensor(4, 5, 37, hi=1), 37),
    (Slice((3, 9, 4), (1, 2, 1), kept(1, 3, 4)), tensor(9, 3, 5), 1),
    (Slice((0, 2, 1), (0, 2, 1), kept(1, 3, 4)), tensor(2, 2, 5), Kernel(pe=3, simd=5)),
    (Slice((0, 2, 1), (0, 2, 1), kept(4, 5, 6, 7, 8)), tensor(2, 2, 11), 2),
    (Slice((0, 1, 1), (0, 1, 1), kept(0, 2, 4, 6, 8)), tensor(9, lo=-9, hi=2), Kernel(pe=2, simd=4)),
    (Slice((0, 1, 1), (0, 1, 1), kept(2, 3, 8, 9, 12)), tensor(13), 2),
    (Slice((0, 1, 1), (0, 1, 1), kept(1, 4, 5)), tensor(7, hi=3), 1),
    (Slice((0, 1, 1), (0, 1, 1), kept(1, 2)), tensor(3, hi=3), Kernel(pe=2, simd=3)),
    (Slice((0, 2, 1), (1, 3, 1), kept(0, 2, 3)), bipolar(2, 4, 5), Kernel(pe=3, simd=5)),
    (Slice((1, 2, 1), (0, 3, 2), kept(2, 3, 4)), bipolar(2, 3, 5), 2),
    (Slice((0, 2, 1), (0, 1, 1), kept(0, 1)), loose(2, 2, 2), 2),
    (Slice((3, 7, 2), (0, 1, 1), kept(1, 3, 5)), tensor(9, 1, 7), 1),
    (Slice((0, 1, 1), (0, 1, 1), kept(3)), tensor(5), 1),
    (Slice((0, 1, 1), (0, 1, 1), kept(1)), TensorType.integer((3,), [-9, 0, 0], [9, 1, 9]), 1),
]
UPSAMPLES = [
    (Upsample((2, 2)), tensor(3, 3, 5, lo=-8, hi=7), 2),
    (Upsample((2, 2)), tensor(2, 3, 5), 5),
    (Upsample((3, 1)), tensor(2, 3, 5), 3),
    (Upsample((3, 1)), tensor(2, 3, 3, hi=1), 3),
    (Upsample((1, 3)), tensor(2, 3, 37, hi=1), 4),
    (Upsample((1, 2)), tensor(2, 3, 3), 3),
    (Upsample((2, 3)), tensor(2, 1, 3, lo=-3, hi=3), 1),
    (Upsample((2, 2)), tensor(2, 1, 3), 3),
    (Upsample((1, 1)), tensor(2, 2, 5), 2),
    (Upsample((2, 2)), bipolar(2, 2, 5), 2),
    (Upsample((2, 1)), loose(1, 3, 3), 2),
    (Upsample((2, 2)), tensor(2, 4, 3), Kernel(pe=1, simd=1, memory="bram")),
]


def permuted(shape: tuple[int, ...], *axes: int) -> Gather:
    index = np.arange(np.prod(shape)).reshape(shape).transpose(axes)
    return Gather(as_integers(index.ravel()), index.shape, shape[-1])


def reshaped(before: tuple[int, ...], *after: int) -> Gather:
    return Gather(as_integers(np.arange(np.prod(before))), after, before[-1])


def shuffled(height: int, width: int, channels: int, factor: int) -> Gather:
    """A pixel shuffle: (height, width, channels * factor^2) to (height * factor, width * factor, channels)."""
    shape = (height, width, channels, factor, factor)
    index = np.arange(np.prod(shape)).reshape(shape).transpose(0, 3, 1, 4, 2)
    out = (height * factor, width * factor, channels)
    return Gather(as_integers(index.ravel()), out, channels * factor * factor)


def drawn(inputs: int, *shape: int, seed: int = 1) -> Gather:
    """Any elements in any order, some of them more than once: the addresses are a table."""
    return Gather(as_integers(np.random.default_rng(seed).integers(0, inputs, np.prod(shape))), shape)


def mixed(pixels: int, order: list[int]) -> Gather:
    """Channels in another order, at every pixel."""
    index = np.arange(pixels)[:, None] * len(order) + np.array(order)
    return Gather(as_integers(index.ravel()), (1, pixels, len(order)), len(order))


GATHERS = [
    (permuted((3, 4, 5), 1, 0, 2), tensor(3, 4, 5, lo=-8, hi=7), 2),
    (permuted((3, 4, 5), 1, 0, 2), tensor(3, 4, 5, lo=-8, hi=7), 5),
    (permuted((2, 3, 5), 2, 0, 1), tensor(2, 3, 5), 1),
    (permuted((2, 3, 3), 0, 2, 1), bipolar(2, 3, 3), 1),
    (reshaped((1, 1, 5), 5), tensor(1, 1, 5), 2),
    (reshaped((5,), 1, 1, 5), bipolar(5), 5),
    (reshaped((3, 2, 37), 1, 6, 37), tensor(3, 2, 37, hi=1), 4),
    (reshaped((2, 2, 6), 1, 8, 3), tensor(2, 2, 6), 3),
    (reshaped((2, 2, 3), 1, 2, 6), loose(2, 2, 3), 3),
    (shuffled(2, 2, 3, 2), tensor(2, 2, 12), 1),
    (shuffled(2, 2, 5, 2), tensor(2, 2, 20, lo=-8, hi=7), Kernel(pe=5, simd=20)),
    (shuffled(1, 3, 5, 2), tensor(1, 3, 20), Kernel(pe=2, simd=20)),
    (permuted((2, 3, 5), 2, 0, 1), tensor(2, 3, 5), Kernel(pe=1, simd=5)),
    (permuted((2, 3, 5), 2, 0, 1), bipolar(2, 3, 5), Kernel(pe=1, simd=2)),
    (drawn(12, 7), tensor(2, 2, 3, lo=-4, hi=3), Kernel(pe=1, simd=3)),
    (mixed(4, [2, 0, 4, 1, 3]), tensor(1, 4, 5, lo=-3, hi=3), 5),
    (mixed(2, [3, 2, 1, 0]), bipolar(1, 2, 4), 1),
    (mixed(2, [1, 0, 3, 2]), tensor(1, 2, 4), 2),
    (drawn(12, 2, 2, 3), tensor(2, 2, 3, lo=-4, hi=3), 1),
    (drawn(6, 4, 5), tensor(1, 1, 6), Kernel(pe=1, simd=1, memory="bram")),
    (Gather(as_integers([4, 0, 2]), (3,), 5), tensor(5), Kernel(pe=3, simd=5)),
    (Gather(as_integers([4, 0, 2]), (3,), 5), tensor(5), 1),
    (Gather(as_integers([0, 1, 0, 1, 0, 1]), (1, 3, 2), 2), tensor(1, 1, 2), 2),
    (Gather(as_integers([7]), (1,)), tensor(3, 3, 1, hi=200), 1),
    (Gather(as_integers([0]), (1,)), tensor(3, 3, 1, hi=200), 1),
]


@pytest.mark.parametrize("trials", [[*PADS, *ZERO_STUFFS, *UPSAMPLES], [*SLICES, *GATHERS]])
def test_movers_at_many_folds(trials: list[tuple[Op, TensorType, Kernel | int]], tmp_path: Path) -> None:
    check(cases(trials), tmp_path)


def network() -> Netlist:
    """Two ways to enlarge an image, added; then a part of it, turned. Lanes differ from node to node."""
    nodes = (
        Node("pad", Pad((1, 0, 2, 0), 3), ("x",)),
        Node("copies", Upsample((2, 2)), ("pad",)),
        Node("stuffed", ZeroStuff((2, 2)), ("pad",)),
        Node("whole", Pad((0, 1, 0, 1), as_integers([1, 0, -2, 0, 5])), ("stuffed",)),
        Node("sum", Add(), ("copies", "whole")),
        Node("part", Slice((1, 5, 1), (0, 6, 2), kept(1, 2, 3, 4)), ("sum",)),
        Node("turned", permuted((4, 3, 4), 1, 2, 0), ("part",)),
        Node("flat", Flatten(), ("turned",)),
    )
    kernels = {"pad": 2, "copies": 5, "stuffed": 1, "whole": 3, "sum": 2, "part": 1, "turned": 1, "flat": 2}
    graph = Graph({"x": tensor(2, 2, 5, lo=-8, hi=7)}, nodes, ("flat",))
    return networks.scheduled(graph, {name: Kernel(pe=n, simd=n) for name, n in kernels.items()})


def test_a_network_of_movers_gives_its_integers_in_its_cycles(tmp_path: Path) -> None:
    netlist = network()
    inputs, tensors = networks.frames_of(netlist, 5, 0)
    wanted = tensors["flat"]
    assert np.array_equal(verify.run_hls(netlist, "net", inputs, tmp_path)[0], wanted)
    for stalls in (0.0, 0.4):
        result = verify.run_rtl(netlist, "net", inputs, tmp_path, stalls=stalls, seed=3)
        assert np.array_equal(result.outputs[0], wanted)
        assert not result.error
        if not stalls:
            cycles = count_cycles(netlist)
            assert (result.latency_cycles, result.interval_cycles) == (cycles.latency, cycles.interval)
