"""Whole tops: HLS and RTL of small networks give the operators' integers, in the predicted cycles, whatever stalls."""

from __future__ import annotations

import hashlib
from pathlib import Path

import networks
import numpy as np
import pytest
from intaglio.codegen import rtl
from intaglio.codegen.border import input_ports
from intaglio.errors import IntaglioError
from intaglio.estimate.cycles import count_cycles
from intaglio.ir.schedule import Schedule
from intaglio.ops.netlist import Netlist, elaborate
from intaglio.toolchain import verify, verilator

FRAMES = 6
NETWORKS = ("chain", "fork", "residual", "unrolled")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tops")


@pytest.fixture(scope="module", params=NETWORKS)
def netlist(request: pytest.FixtureRequest) -> Netlist:
    made: Netlist = getattr(networks, request.param)()
    return made


def expected(netlist: Netlist, frames: int = FRAMES, seed: int = 0) -> tuple[list[np.ndarray], list[np.ndarray]]:
    inputs, tensors = networks.frames_of(netlist, frames, seed)
    return inputs, [tensors[name] for name in netlist.graph.outputs]


def agree(wanted: list[np.ndarray], got: tuple[np.ndarray, ...]) -> bool:
    return len(wanted) == len(got) and all(verify.compare(w, g) is None for w, g in zip(wanted, got, strict=True))


def home(folder: Path, netlist: Netlist) -> Path:
    kernels = sorted(netlist.schedule.kernels.items())
    return folder / hashlib.sha256(repr(kernels).encode()).hexdigest()[:8]


def test_hls_gives_the_operators_integers(netlist: Netlist, folder: Path) -> None:
    inputs, outputs = expected(netlist)
    assert agree(outputs, verify.run_hls(netlist, "net", inputs, home(folder, netlist)))


def test_rtl_gives_the_operators_integers_in_the_predicted_cycles(netlist: Netlist, folder: Path) -> None:
    inputs, outputs = expected(netlist)
    result = verify.run_rtl(netlist, "net", inputs, home(folder, netlist))
    cycles = count_cycles(netlist)
    assert agree(outputs, result.outputs)
    assert (result.latency_cycles, result.interval_cycles) == (cycles.latency, cycles.interval)
    assert result.tlast_exact
    assert not result.error


@pytest.mark.parametrize(("stalls", "models"), [(0.3, "plain"), (0.8, "plain"), (0.4, "cocotbext")])
def test_stalls_on_both_sides_change_nothing(netlist: Netlist, folder: Path, stalls: float, models: str) -> None:
    inputs, outputs = expected(netlist, seed=1)
    result = verify.run_rtl(netlist, "net", inputs, home(folder, netlist), stalls=stalls, seed=5, models=models)
    assert agree(outputs, result.outputs)
    assert result.tlast_exact
    assert not result.error


@pytest.mark.parametrize("reset_at", [3, 20, 57])
def test_a_reset_in_the_middle_of_a_frame_recovers(netlist: Netlist, folder: Path, reset_at: int) -> None:
    inputs, outputs = expected(netlist)
    result = verify.run_rtl(netlist, "net", inputs, home(folder, netlist), reset_at=reset_at)
    assert agree(outputs, result.outputs)
    assert result.latency_cycles == count_cycles(netlist).latency
    assert not result.error


@pytest.mark.parametrize("beat", [0, -1])
def test_a_misplaced_tlast_raises_the_error_flag_and_changes_no_value(
    netlist: Netlist, folder: Path, beat: int
) -> None:
    inputs, outputs = expected(netlist)
    last = [np.zeros((FRAMES, port.beats), bool) for port in input_ports(netlist)]
    for flags in last:
        flags[:, -1] = True
    last[0][1, beat] ^= True  # early in its first beat, missing from its last
    result = verify.run_rtl(netlist, "net", inputs, home(folder, netlist), last=last)
    assert result.error
    assert agree(outputs, result.outputs)
    assert result.tlast_exact


def test_lint_has_nothing_to_say(tmp_path: Path) -> None:
    for name in NETWORKS:
        sources = []
        for path, text in rtl.render_rtl(getattr(networks, name)(), f"net_{name}").items():
            sources.append(tmp_path / name / Path(path).name)
            sources[-1].parent.mkdir(exist_ok=True)
            sources[-1].write_text(text)
        assert verilator.lint(sources, f"net_{name}") == ""


def test_probes_give_every_node_in_both(folder: Path) -> None:
    netlist = networks.fork()
    inputs, tensors = networks.frames_of(netlist, FRAMES)
    for probe in (verify.probe_hls, verify.probe_rtl):
        found = probe(netlist, "net", inputs, home(folder, netlist))
        assert set(found) == {node.name for node in netlist.graph.nodes}
        assert all(verify.compare(tensors[name], values) is None for name, values in found.items())


def test_a_broken_template_is_found_and_its_node_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test is tested: one operator changed in the rendered RTL of the second layer."""
    netlist = networks.chain()
    inputs, tensors = networks.frames_of(netlist, FRAMES)
    honest = rtl.render

    def broken(template: str, /, **context: object) -> str:
        text = honest(template, **context)
        if context.get("module") != "net_second":
            return text
        assert "operand * weight" in text
        return text.replace("operand * weight", "operand + weight")

    monkeypatch.setattr(rtl, "render", broken)
    result = verify.run_rtl(netlist, "net", inputs, folder / "broken")
    where = verify.compare(tensors["second"], result.outputs[0])
    assert where is not None
    probes = verify.probe_rtl(netlist, "net", inputs, folder / "broken")
    assert verify.compare(tensors["first"], probes["first"]) is None
    assert verify.compare(tensors["second"], probes["second"]) == where


def test_a_deadlock_ends_and_names_the_full_channels(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netlist = networks.chain()
    inputs, _ = networks.frames_of(netlist, FRAMES)
    honest = rtl.render

    def stuck(template: str, /, **context: object) -> str:
        text = honest(template, **context)
        for signal in ("assign m_axis_0_tvalid = ", "assign second__out0_m_ready = "):
            assert template != "rtl/top/core.sv.j2" or signal in text
            text = text.replace(signal, f"{signal}1'b0 && ")
        return text

    monkeypatch.setattr(rtl, "render", stuck)
    with pytest.raises(IntaglioError, match=r"gave only 0 of 6 x 6 beats") as caught:
        verify.run_rtl(netlist, "net", inputs, folder / "stuck", max_cycles=3000)
    assert "channels full: " in caught.value.other
    assert "first__second0 (depth" in caught.value.other


def test_shallower_fifos_change_no_value(folder: Path) -> None:
    netlist = networks.chain()
    shallow = elaborate(netlist.graph, Schedule(netlist.schedule.kernels, spare=1))
    inputs, outputs = expected(shallow)
    result = verify.run_rtl(shallow, "net", inputs, folder / "shallow", stalls=0.2)
    assert agree(outputs, result.outputs)
