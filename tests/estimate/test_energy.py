"""Modelled energy by hand; what a board says of it, and what others measured."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
from intaglio.errors import IntaglioError
from intaglio.estimate.board import board_names, load_board
from intaglio.estimate.energy import EnergyRow, measured_devices, model_energy
from intaglio.estimate.resources import KINDS, Estimate, Resources
from intaglio.ir import Graph, Kernel, Node, TensorType, as_integers
from intaglio.ir.schedule import Schedule
from intaglio.ops import Dense
from intaglio.ops.netlist import elaborate


def test_energy_of_a_layer_by_hand() -> None:
    """12 weights in a step each, 4 beats in and 3 out, at 10 MHz and an interval of 20 cycles."""
    layer = Dense(as_integers([[1, 2, 3, 4]] * 3), as_integers([0, 0, 0]))
    graph = Graph({"x": TensorType.integer((4,), 0, 3)}, (Node("layer", layer, ("x",)),), ("layer",))
    netlist = elaborate(graph, Schedule({"layer": Kernel()}))
    into, out = (channel.name for channel in netlist.channels)
    used = Estimate(
        {"layer": Resources(100, 40, 2, 1.5, 1)},
        {into: Resources(10), out: Resources(20)},
        {into: Resources(1), out: Resources(ff=8)},
        {"layer": 12},
        {"layer": "dense"},
    )
    row = EnergyRow(
        static_watts=0.5,
        toggle=dict(zip(KINDS, (1e-12, 2e-12, 10e-12, 20e-12, 30e-12), strict=True)),
        activity=dict(zip(KINDS, (0.25, 0.5, 0.5, 1.0, 1.0), strict=True)),
        clock=1e-13,
        sources=["none"],
    )
    energy = model_energy(netlist, used, 20, 10.0, row)
    assert energy.static == pytest.approx(0.5 * 20 / 10e6)
    assert energy.clock == pytest.approx(20 * 48 * 1e-13)
    assert energy.blocks == {
        "layer": pytest.approx(12 * (100 * 0.25 * 1 + 40 * 0.5 * 2 + 2 * 0.5 * 10 + 1.5 * 20 + 30) * 1e-12),
        "FIFOs": pytest.approx((4 * 10 + 3 * 20) * 0.25e-12),
        "ports": pytest.approx((4 * 0.25 + 3 * 8 * 0.5 * 2) * 1e-12),
    }
    assert energy.total == pytest.approx(energy.static + energy.clock + sum(energy.blocks.values()))
    assert energy.dynamic_watts == pytest.approx(energy.dynamic / 2e-6)


@pytest.mark.parametrize("name", board_names())
def test_every_board_says_what_it_takes_and_where_that_is_from(name: str) -> None:
    row = load_board(name).energy
    assert row is not None
    assert 0 < row.static_watts < 10
    assert set(row.toggle) == set(row.activity) == set(KINDS)
    assert all(0 <= row.toggle[kind] < 1e-10 and 0 <= row.activity[kind] <= 1 for kind in KINDS)
    sources = " ".join(row.sources)
    for said in ("static_watts", "toggle.lut", "toggle.ff", "toggle.dsp", "toggle.bram36", "clock", "activity"):
        assert said in sources


def test_a_board_may_say_nothing_of_energy_but_not_half_of_it(tmp_path: Path) -> None:
    text = Path(str(Path(__file__).resolve().parents[2] / "boards" / "pynq-z2.toml")).read_text()
    plain = tmp_path / "plain.toml"
    plain.write_text(text[: text.index("[energy]")])
    assert load_board(str(plain)).energy is None
    half = tmp_path / "half.toml"
    half.write_text(text.replace("clock = 35e-15\n", ""))
    with pytest.raises(IntaglioError, match=r"half\.toml: its energy cannot be read: KeyError\('clock'\)"):
        load_board(str(half))


def test_measured_devices_agree_with_themselves() -> None:
    devices = measured_devices()
    assert [device["device"] for device in devices][-1] == "Loihi"
    for device in devices:
        joules = device["dynamic_watts"] / device["inferences_per_second"]
        assert device["millijoules_per_inference"] == pytest.approx(1e3 * joules, rel=0.03)
        assert "2019" in device["measured_by"]
    assert {f.name for f in fields(EnergyRow)} == {"static_watts", "toggle", "activity", "clock", "sources"}
