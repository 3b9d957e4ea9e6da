"""The PYNQ driver without a board: packing against the packing of hardware.py, quantisation against fractions."""

from __future__ import annotations

import sys
from fractions import Fraction
from math import floor
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from intaglio.codegen.driver import render_driver
from intaglio.ir import Border, IntType, TensorType
from intaglio.ops.beats import to_beats
from intaglio.ops.hardware import folds, pack
from intaglio.ops.netlist import Netlist
from intaglio.ops.rounding import ROUNDINGS, rounded
from intaglio.simulator.border import quantise_input
from some_boards import BOARDS


def load(netlist: Netlist) -> Any:
    module: Any = ModuleType("net_driver")
    (text,) = render_driver(netlist, "net", BOARDS["zynq7"]).values()
    exec(compile(text, "net_driver.py", "exec"), module.__dict__)
    return module


@pytest.fixture(scope="module")
def driver(chain: Netlist) -> Any:
    return load(chain)


def test_boards_without_a_processor_have_no_driver(chain: Netlist) -> None:
    assert render_driver(chain, "net", BOARDS["7series"]) == {}


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_packing_is_that_of_the_hardware(driver: Any, data: st.DataObject) -> None:
    kind = IntType(data.draw(st.booleans()), data.draw(st.integers(1, 16)))
    pixels, channels, lanes = (data.draw(st.integers(1, high)) for high in (3, 12, 14))
    choice = st.sampled_from([-1, 1]) if kind.bipolar else st.integers(kind.lo, kind.hi)
    size = 2 * pixels * channels
    values = np.array(data.draw(st.lists(choice, min_size=size, max_size=size))).reshape(2, pixels, channels)
    stream = driver.Stream("x", (pixels, channels), kind.bits, kind.signed, lanes, kind.lo, kind.hi, Fraction(1))
    packed = stream.pack(values)
    slow = bytearray()
    for pixel in values.reshape(-1, channels).tolist():
        codes = [(v + 1) // 2 for v in pixel] if kind.bipolar else pixel
        for fold in range(folds(channels, lanes)):
            word = pack(codes[fold * lanes : (fold + 1) * lanes], kind.bits)
            slow += word.to_bytes((lanes * kind.bits + 7) // 8, "little")
    assert packed.tobytes() == bytes(slow)
    assert (stream.unpack(packed) == values).all()
    tensor = TensorType((pixels, channels), kind, (kind.lo,) * channels, (kind.hi,) * channels)
    assert packed.tobytes() == to_beats(values, tensor, lanes).tobytes()


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_quantisation_is_exact(driver: Any, data: st.DataObject) -> None:
    scale = Fraction(data.draw(st.integers(1, 999)), data.draw(st.sampled_from([1, 3, 255, 256, 1024, 10**6])))
    low, high = data.draw(st.sampled_from([(0, 15), (-8, 7), (-127, 127), (0, 1)]))
    stream = driver.Stream("x", (4,), 8, True, 1, low, high, scale)
    ties = st.integers(low - 1, high + 1).map(lambda k: float((k - Fraction(1, 2)) * scale))
    near = ties.flatmap(lambda t: st.sampled_from([t, np.nextafter(t, np.inf), np.nextafter(t, -np.inf)]))
    values = data.draw(st.lists(near | st.floats(-1e6, 1e6), min_size=4, max_size=4))
    wanted = [min(max(floor(Fraction(v) / scale + Fraction(1, 2)), low), high) for v in values]
    assert stream.quantise(np.array([values])).tolist() == [wanted]


def test_bounds_of_single_channels_clip_too(driver: Any) -> None:
    stream = driver.Stream("x", (2,), 4, True, 1, [-8, 0], [7, 3], Fraction(1, 2))
    assert stream.quantise(np.array([[9.0, 9.0], [-9.0, -9.0]])).tolist() == [[7, 3], [-8, 0]]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_border_is_that_of_the_simulator(driver: Any, data: st.DataObject) -> None:
    """Every rounding mode, zero points, slopes of either sign, one or one per channel, any order of the elements."""
    channels = data.draw(st.integers(1, 3))
    numbers = st.fractions(Fraction(1, 50), Fraction(3), max_denominator=99)
    signed = st.builds(lambda v, s: v * s, numbers, st.sampled_from([-1, 1]))
    count = data.draw(st.sampled_from([1, channels]))
    slope, offset = (tuple(data.draw(st.lists(signed, min_size=count, max_size=count))) for _ in range(2))
    order = np.array(data.draw(st.permutations(range(2 * channels))))
    zero = data.draw(st.integers(-3, 3))
    border = Border((2 * channels,), order, slope, offset, data.draw(st.sampled_from(ROUNDINGS)), zero)
    kind = TensorType.integer((2, channels), -7 - zero, 8 - zero)
    fields = {"shape": border.shape, "order": order, "slope": list(slope), "offset": list(offset)}
    fields |= {"rounding": border.rounding, "zero": zero}
    stream = driver.Stream("x", (2, channels), kind.bits, kind.signed, 1, kind.lo, kind.hi, Fraction(1), fields)
    halves = st.integers(-20, 20).map(lambda k: float(Fraction(k, 2) * slope[0] + offset[0]))
    x = np.array([data.draw(st.lists(halves | st.floats(-20, 20), min_size=len(order), max_size=len(order)))])
    inside = stream.inwards(x)
    assert (inside == border.inwards(x, kind)).all()
    codes = stream.quantise(inside)
    assert (codes == quantise_input(inside, kind, border)).all()
    wide = slope * (channels // count), offset * (channels // count)
    for index in np.ndindex(*inside.shape):
        exact = (Fraction(inside[index]) - wide[1][index[-1]]) / wide[0][index[-1]] + zero
        assert codes[index] == min(max(rounded(border.rounding, exact), -7), 8) - zero
    slopes, offsets = (np.array([float(v) for v in part]) for part in wide)
    assert np.allclose(stream.outwards(stream.dequantise(codes)), border.outwards(codes * slopes + offsets))


def test_nan_is_refused_and_infinities_clip(driver: Any) -> None:
    stream = driver.INPUTS[0]
    assert stream.quantise(np.full((1, 2, 3, 7), np.inf)).max() == 3
    with pytest.raises(ValueError, match="NaN"):
        stream.quantise(np.full((1, 2, 3, 7), np.nan))


# ---- the overlay, against a board made of NumPy


class Buffer(np.ndarray):
    def flush(self) -> None: ...
    def invalidate(self) -> None: ...
    def freebuffer(self) -> None: ...


class Channel:
    """One direction of a DMA: remembers what it was told to move."""

    def __init__(self) -> None:
        self.moves: list[tuple[Any, int, int]] = []

    def transfer(self, buffer: Any, start: int, size: int) -> None:
        self.moves.append((buffer, start, size))

    def wait(self) -> None: ...


class Dma:
    def __init__(self, driver: Any, netlist: Netlist) -> None:
        self.driver, self.netlist = driver, netlist
        self.sendchannel, self.recvchannel = Channel(), Channel()
        self.sendchannel.wait = self.compute  # type: ignore[method-assign]

    def compute(self) -> None:
        buffer, start, size = self.sendchannel.moves[-1]
        x = self.driver.INPUTS[0].unpack(np.asarray(buffer).reshape(-1)[start : start + size][None])
        for node in self.netlist.graph.nodes:
            x = node.op.run(x)
        buffer, start, size = self.recvchannel.moves[-1]
        np.asarray(buffer).reshape(-1)[start : start + size] = self.driver.OUTPUTS[0].pack(x)[0]


def test_predict_feeds_frames_in_the_models_layout(
    driver: Any, chain: Netlist, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pynq: Any = ModuleType("pynq")
    dma = Dma(driver, chain)
    pynq.Overlay = lambda bitfile: type("Overlay", (), {"axi_dma_0": dma})()
    pynq.allocate = lambda shape, kind: np.zeros(shape, kind).view(Buffer)
    monkeypatch.setitem(sys.modules, "pynq", pynq)
    core = driver.Net()
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5, 7, 2, 3)) / 20  # as the model has it: channels first
    y = core.predict(x)
    assert y.shape == (5, 5, 2, 3)
    integers = np.clip(np.floor(x * 64 + 0.5), -4, 3).astype(np.int64).transpose(0, 2, 3, 1)
    for node in chain.graph.nodes:
        integers = node.op.run(integers)
    assert (y == integers.transpose(0, 3, 1, 2) * (3 / 1024)).all()
    assert all(start % 64 == 0 for _, start, _ in dma.sendchannel.moves + dma.recvchannel.moves)
    assert (core.predict(x[:2]) == y[:2]).all()
    with pytest.raises(ValueError, match="shape"):
        core.execute(np.zeros((1, 7, 2, 3)))
    core.close()


def test_several_ports_have_a_dma_each(ports: Netlist) -> None:
    driver = load(ports)
    assert [s.name for s in driver.INPUTS] == ["a", "b"]
    assert [s.name for s in driver.OUTPUTS] == ["left", "right", "more"]
    assert driver.INPUTS[0].scale == Fraction(1, 255)
