"""Design: a network as hardware on a board. It estimates, verifies itself, and writes everything a user takes along."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import IntaglioError
from ..estimate.board import Board
from ..estimate.cycles import Cycles, count_cycles
from ..estimate.energy import Energy, model_energy
from ..estimate.figures import Figures, Memory, figures, memories
from ..estimate.prices import Prices, load_prices
from ..estimate.resources import Estimate, Resources
from ..estimate.resources import estimate as estimate_resources
from ..ir import Array, Graph
from ..ops.netlist import Netlist
from ..report.facts import Measured, facts
from ..simulator import border
from ..simulator.interpreter import first_divergence, run
from .break_even import BreakEven, break_even
from .marginal import Marginal, marginal_costs


@dataclass(frozen=True)
class Summary:
    """What a design costs and how fast it is. interval and latency in cycles of `clock_mhz`."""

    resources: Estimate
    cycles: Cycles
    board: Board
    clock_mhz: float
    netlist: Netlist = field(repr=False)

    @property
    def total(self) -> Resources:
        return self.resources.total

    @property
    def fps(self) -> float:
        """Frames per second in the steady state."""
        return self.clock_mhz * 1e6 / self.cycles.interval

    @property
    def latency_us(self) -> float:
        return self.cycles.latency / self.clock_mhz

    @property
    def fits(self) -> bool:
        """Does the whole board hold it?"""
        return self.total <= self.board.capacity

    @cached_property
    def figures(self) -> Figures:
        """What the network computes and stores: MACs, bit operations, bits of weights and of feature maps."""
        return figures(self.netlist.graph)

    @cached_property
    def memories(self) -> dict[str, Memory]:
        """How full its block RAMs and UltraRAMs are, block by block."""
        return memories(self.netlist)

    @cached_property
    def energy(self) -> Energy | None:
        """Joules of an inference, MODELLED; None where the board's file has no `[energy]`."""
        if self.board.energy is None:
            return None
        return model_energy(self.netlist, self.resources, self.cycles.interval, self.clock_mhz, self.board.energy)


@dataclass(frozen=True)
class Verification:
    """The proof by simulation: frames compared, and what was compared with `==`."""

    frames: int
    hls_mismatches: int
    rtl_mismatches: int
    divergence: str
    latency_cycles: int
    interval_cycles: float
    backends: tuple[str, ...]

    @property
    def cycles_text(self) -> str:
        """What Verilator counted."""
        return f"interval {self.interval_cycles:g}, latency {self.latency_cycles} cycles in Verilator"

    @property
    def text(self) -> str:
        """What was found, in a line."""
        if not self.passed:
            return f"NOT EQUAL: {self.divergence}"
        return f"{self.frames} frames: simulator = HLS = RTL, zero mismatches; {self.cycles_text}"

    @property
    def passed(self) -> bool:
        return not self.hls_mismatches and not self.rtl_mismatches and not self.divergence

    def __bool__(self) -> bool:
        return self.passed


@dataclass(frozen=True)
class Design:
    """What `compile` gives back. asked: what it was asked for: budget, targets, strategy, folding."""

    netlist: Netlist
    board: Board
    clock_mhz: float
    name: str
    before: Netlist | None = None
    asked: Mapping[str, Any] = field(default_factory=dict)
    verified: list[Verification] = field(default_factory=list, compare=False)
    _insights: dict[str, list[Any]] = field(default_factory=dict, compare=False, repr=False)

    @property
    def graph(self) -> Graph:
        """The integer graph that is built, requantisers chosen."""
        return self.netlist.graph

    @cached_property
    def _summary(self) -> Summary:
        measured = self._measured(self.netlist)
        return Summary(measured.resources, measured.cycles, self.board, self.clock_mhz, self.netlist)

    def estimate(self) -> Summary:
        """LUT, FF, DSP, BRAM per layer and in total, interval and latency: of the RTL, before any synthesis."""
        return self._summary

    def verify(
        self,
        x: Any,
        *,
        backends: tuple[str, ...] = ("hls", "rtl"),
        stall: float = 0.25,
        seed: int = 0,
        work_dir: str | Path | None = None,
    ) -> Verification:
        """Simulator = HLS C-simulation = RTL simulation, on real inputs x as the source model has them.

        The RTL runs twice: at full rate, where cycles are counted, and with random stalls on both sides.

        Raises:
            IntaglioError: for a wrong shape, or where a tool is missing. A mismatch is not raised: it is the answer.
        """
        with tempfile.TemporaryDirectory(prefix="intaglio_") as scratch:
            folder = Path(work_dir or scratch).resolve()
            folder.mkdir(parents=True, exist_ok=True)
            result = self._verify(border.to_integers(self.graph, x), backends, stall, seed, folder)
        self.verified.append(result)
        return result

    def facts(self) -> dict[str, Any]:
        """What report.json holds: plain values."""
        notes = {"asked": dict(self.asked), **self.graph.notes}
        if self.verified:
            notes["verification"] = {**asdict(self.verified[-1]), "passed": self.verified[-1].passed}
        notes |= {name: [each.row() for each in rows] for name, rows in self._insights.items()}
        before = None if self.before is None else self._measured(self.before)
        return facts(self.name, self.board, self.clock_mhz, self.prices, self._measured(self.netlist), before, notes)

    @property
    def prices(self) -> Prices:
        """The prices in force: those of the board's owner, or of its device family."""
        return load_prices(self.board.prices)

    def marginal(self) -> list[Marginal]:
        """What one more bit, channel or lane costs, layer by layer. Takes a second or so; `facts` has it afterwards."""
        if "marginal" not in self._insights:
            self._insights["marginal"] = marginal_costs(self.netlist, self.prices, self.clock_mhz)
        return self._insights["marginal"]

    def break_even(self) -> list[BreakEven]:
        """From which sparsity on weights at random places pay, layer by layer; likewise."""
        if "break_even" not in self._insights:
            self._insights["break_even"] = break_even(self.netlist, self.board, self.prices, self.clock_mhz)
        return self._insights["break_even"]

    def _measured(self, netlist: Netlist) -> Measured:
        return Measured(netlist, estimate_resources(netlist, self.prices), count_cycles(netlist))

    def _verify(
        self, named: dict[str, Array], backends: tuple[str, ...], stall: float, seed: int, folder: Path
    ) -> Verification:
        from ..toolchain import verify as bench

        computed = run(self.graph, named)
        expected = tuple(computed[name] for name in self.graph.outputs)
        inputs = tuple(named[name] for name in self.graph.inputs)
        core = (self.netlist, self.name, inputs, folder)
        wrong, divergence = {"hls": 0, "rtl": 0}, ""
        latency, interval = 0, 0.0
        if "hls" in backends:
            wrong["hls"] = _mismatches(expected, bench.run_hls(*core))
            if wrong["hls"]:
                divergence = self._first(named, bench.probe_hls(*core), "HLS")
        for probability in (0.0, stall) if "rtl" in backends else ():
            result = bench.run_rtl(*core, stalls=probability, seed=seed)
            wrong["rtl"] = max(wrong["rtl"], _mismatches(expected, result.outputs))
            if probability == 0.0:
                latency, interval = result.latency_cycles, result.interval_cycles or 0.0
            if result.error or not result.tlast_exact:
                divergence = divergence or "RTL: TLAST is not at the end of every frame"
            if wrong["rtl"] and not divergence:
                divergence = self._first(named, bench.probe_rtl(*core), "RTL")
        return Verification(len(inputs[0]), wrong["hls"], wrong["rtl"], divergence, latency, interval, backends)

    def _first(self, inputs: dict[str, Array], observed: Mapping[str, Array], backend: str) -> str:
        found = first_divergence(self.graph, inputs, observed)
        return f"{backend}: {found}" if found else f"{backend}: the outputs differ, every node's stream is right"

    def write(self, folder: str | Path, *, x: Any = None) -> Path:
        """Everything into `folder`, or nothing: hls/ rtl/ ip/ driver/ report.html report.json graph.txt folding.toml
        model.onnx.

        Args:
            folder: made anew; an earlier design of ours there is replaced, anything else is refused.
            x: inputs for the testbenches' vectors; random ones within the input's range if left out.
        """
        from .write import write_design

        return write_design(self, Path(folder), x)


def _mismatches(expected: tuple[Array, ...], got: tuple[Array, ...]) -> int:
    """Frames that differ in any output. Raises IntaglioError where frames are missing."""
    wrong = np.zeros(len(expected[0]), bool)
    for position, (right, values) in enumerate(zip(expected, got, strict=True)):
        if values.shape != right.shape:
            raise IntaglioError(f"output {position}: {values.shape} came out instead of {right.shape}", where="verify")
        wrong |= (values != right).reshape(len(right), -1).any(axis=1)
    return int(np.count_nonzero(wrong))
