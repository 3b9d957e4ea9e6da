"""The half of `stream` that runs inside the simulator: one cocotb test that streams frames through any Intaglio core.

The design has `ap_clk`, `ap_rst_n` and AXI4-Stream ports `<prefix>s_axis_<i>_*`, `<prefix>m_axis_<i>_*`, and
optionally `<prefix>ap_rst_n` and `<prefix>error`. The job file (an .npz named by INTAGLIO_JOB) holds JSON under `job`
and the input beats as arrays; the answer goes to INTAGLIO_RESULT in the same form. `stream.py` writes the one and
reads the other.

Every port is sampled at every rising edge, before the edge changes anything: a beat moves when VALID and READY are
both high then. A cycle number counts rising edges since reset was released. Ports are driven in one of two ways:

- `plain`: the drivers below. Without stalls a source never has a bubble, within and between frames, and a sink is
  always ready, so this is what cycles are measured with; it is also the faster one.
- `cocotbext`: the bus models of cocotbext-axi, an implementation of the protocol by somebody else; a passive watch
  beside them takes the same record.

Measured on one core, one input and one output port, no stalls, in beats per second (each taken and given once):
`plain` 30 000 (up to 64 bits), 12 000 (1024 bits), 10 000 (4096 bits); `cocotbext` about half. Fifty cores side by side
share the clock's cost and reach 50 000 together. Both ways sustain one beat per cycle, across frames too.
"""

from __future__ import annotations

import json
import logging
import os
import random
import warnings
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

RESET_CYCLES = 8
DRAIN_CYCLES = 32
"""Cycles after a job's last beat in which a beat too many would be noticed."""


class _Port:
    """One AXI4-Stream port: its handles and the record of what moved through it."""

    def __init__(self, top: Any, name: str) -> None:
        self.tdata, self.tvalid, self.tready, self.tlast = (
            getattr(top, f"{name}_{signal}") for signal in ("tdata", "tvalid", "tready", "tlast")
        )
        self.cycles: list[int] = []
        """The cycle of each beat's handshake."""


class _Source(_Port):
    """Feeds beats; holds VALID and the data until READY, as the protocol demands."""

    idle = 0  # cycles after reset in which it offers nothing

    def __init__(self, top: Any, name: str, beats: list[tuple[int, bool]], stall: float, rng: random.Random):
        super().__init__(top, name)
        self.beats, self.stall, self.rng = beats, stall, rng
        self.valid, self.shown_last = False, False
        self.tvalid.value = 0
        self.tlast.value = 0
        self.tdata.value = 0

    def restart(self) -> None:
        self.cycles, self.valid, self.shown_last = [], False, False
        self.tvalid.value = 0
        self.tlast.value = 0

    def step(self, cycle: int) -> None:
        if self.valid:
            if not self.tready.value:
                return
            self.cycles.append(cycle)
        sent = len(self.cycles)
        valid = cycle >= self.idle and sent < len(self.beats) and not (self.stall and self.rng.random() < self.stall)
        if valid:
            self.tdata.value, last = self.beats[sent]
            if last != self.shown_last:
                self.shown_last = last
                self.tlast.value = int(last)
        if valid != self.valid:
            self.valid = valid
            self.tvalid.value = int(valid)


class _Sink(_Port):
    """Takes beats, and records data and TLAST."""

    def __init__(self, top: Any, name: str, stall: float, rng: random.Random):
        super().__init__(top, name)
        self.data: list[int] = []
        self.last: list[bool] = []
        self.stall, self.rng, self.ready = stall, rng, False
        self.tready.value = 0

    def restart(self) -> None:
        self.cycles, self.data, self.last, self.ready = [], [], [], False
        self.tready.value = 0

    def take(self, cycle: int) -> None:
        self.cycles.append(cycle)
        self.data.append(int(self.tdata.value))
        self.last.append(bool(self.tlast.value))

    def step(self, cycle: int) -> None:
        if self.ready and self.tvalid.value:
            self.take(cycle)
        ready = not (self.stall and self.rng.random() < self.stall)
        if ready != self.ready:
            self.ready = ready
            self.tready.value = int(ready)


def _pauses(stall: float, rng: random.Random) -> Iterator[bool]:
    while True:
        yield rng.random() < stall


class _ModelSource(_Port):
    """cocotbext-axi's AxiStreamSource, watched. One "byte" of the model is a whole beat, whatever its width.

    It ends every frame with TLAST, so beats after the last TLAST of a job cannot be sent this way.
    """

    def __init__(self, top: Any, name: str, beats: list[tuple[int, bool]], stall: float, rng: random.Random):
        from cocotbext.axi import AxiStreamBus, AxiStreamSource

        super().__init__(top, name)
        self.model = AxiStreamSource(
            AxiStreamBus.from_prefix(top, name), top.ap_clk, top.ap_rst_n, reset_active_level=False, byte_lanes=1
        )
        ends = [k + 1 for k, (_, last) in enumerate(beats) if last]
        self.frames = [[value for value, _ in beats[begin:end]] for begin, end in pairwise([0, *ends])]
        if stall:
            self.model.set_pause_generator(_pauses(stall, rng))

    def send(self) -> None:
        for frame in self.frames:
            self.model.send_nowait(frame)

    def restart(self) -> None:
        self.cycles = []
        self.model.clear()
        self.send()

    def step(self, cycle: int) -> None:
        if self.tvalid.value and self.tready.value:
            self.cycles.append(cycle)


class _ModelSink(_Sink):
    """cocotbext-axi's AxiStreamSink, watched: the record does not depend on where the design puts TLAST."""

    def __init__(self, top: Any, name: str, stall: float, rng: random.Random):
        from cocotbext.axi import AxiStreamBus, AxiStreamSink

        super().__init__(top, name, stall, rng)
        self.model = AxiStreamSink(
            AxiStreamBus.from_prefix(top, name), top.ap_clk, top.ap_rst_n, reset_active_level=False, byte_lanes=1
        )
        if stall:
            self.model.set_pause_generator(_pauses(stall, rng))

    def restart(self) -> None:
        self.cycles, self.data, self.last = [], [], []

    def step(self, cycle: int) -> None:
        if self.tvalid.value and self.tready.value:
            self.take(cycle)


class _Job:
    """One run of a core: its ports, and whether it is done."""

    def __init__(self, top: Any, spec: dict[str, Any], arrays: Callable[[str], np.ndarray], models: str):
        prefix, index, seed = spec["prefix"], spec["index"], spec["seed"]
        source: type = _ModelSource if models == "cocotbext" else _Source
        sink: type = _ModelSink if models == "cocotbext" else _Sink
        self.expected: list[int] = [frames * beats for frames, beats in spec["outputs"]]
        self.max_cycles: int = spec["max_cycles"]
        self.reset_at: int | None = spec["reset_at"]
        self.sources = []
        for port in range(spec["inputs"]):
            raw = arrays(f"in_{index}_{port}")
            values = (int.from_bytes(beat.tobytes(), "little") for beat in raw)
            beats = list(zip(values, arrays(f"last_{index}_{port}").tolist(), strict=True))
            rng = random.Random(f"{seed} source {port}")
            self.sources.append(source(top, f"{prefix}s_axis_{port}", beats, spec["source_stall"], rng))
            self.sources[-1].idle = spec["idle"]
        self.sinks = [
            sink(top, f"{prefix}m_axis_{port}", spec["sink_stall"], random.Random(f"{seed} sink {port}"))
            for port in range(len(self.expected))
        ]
        self.ports = [*self.sources, *self.sinks]
        self.flag = getattr(top, f"{prefix}error", None)
        self.error: bool | None = None
        self.drain = DRAIN_CYCLES
        self.stopped = -1

    def restart(self) -> None:
        self.drain, self.stopped = DRAIN_CYCLES, -1
        for port in self.ports:
            port.restart()

    def step(self, cycle: int) -> bool:
        """One rising edge; False once the job is over."""
        for port in self.ports:
            port.step(cycle)
        if all(len(sink.cycles) >= wanted for sink, wanted in zip(self.sinks, self.expected, strict=True)):
            self.drain -= 1
        if self.drain and cycle < self.max_cycles:
            return True
        self.stopped = cycle
        self.error = None if self.flag is None else bool(self.flag.value)
        return False

    def record(self, index: int, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
        for port, source in enumerate(self.sources):
            arrays[f"in_cycles_{index}_{port}"] = np.array(source.cycles, dtype=np.int64)
        for port, sink in enumerate(self.sinks):
            size = (len(sink.tdata) + 7) // 8
            data = b"".join(beat.to_bytes(size, "little") for beat in sink.data)
            arrays[f"out_{index}_{port}"] = np.frombuffer(data, dtype=np.uint8).reshape(-1, size)
            arrays[f"out_last_{index}_{port}"] = np.array(sink.last, dtype=bool)
            arrays[f"out_cycles_{index}_{port}"] = np.array(sink.cycles, dtype=np.int64)
        return {"cycles": self.stopped, "error": self.error}


class _Core:
    """A design under test: its jobs, one after the other, a reset before each and wherever a job asks for one."""

    def __init__(self, top: Any, prefix: str, jobs: list[_Job]):
        own = f"{prefix}ap_rst_n"
        self.reset = getattr(top, own) if hasattr(top, own) else top.ap_rst_n
        self.jobs = iter(jobs)
        self.next_job()

    def next_job(self) -> bool:
        job = next(self.jobs, None)
        if job is not None:
            self.job, self.reset_at = job, job.reset_at
            self.begin()
        return job is not None

    def begin(self) -> None:
        self.job.restart()
        self.cycle = -RESET_CYCLES
        self.reset.value = 0

    def step(self) -> bool:
        """One rising edge; False once all is over."""
        if self.cycle < 0:
            self.cycle += 1
            if self.cycle == 0:
                self.reset.value = 1
        elif self.cycle == self.reset_at:
            self.reset_at = None
            self.begin()
        elif self.job.step(self.cycle):
            self.cycle += 1
        else:
            return self.next_job()
        return True


@cocotb.test()
async def stream(top: Any) -> None:
    """Run the jobs of the job file on one clock, those of each core in turn, and write down what happened."""
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    logging.getLogger("cocotb").setLevel(logging.WARNING)  # cocotbext-axi logs whole frames
    with np.load(os.environ["INTAGLIO_JOB"]) as job_file:
        spec = json.loads(str(job_file["job"]))
        jobs = [_Job(top, job, job_file.__getitem__, spec["models"]) for job in spec["jobs"]]
    by_prefix: dict[str, list[_Job]] = {}
    for job, made in zip(spec["jobs"], jobs, strict=True):
        by_prefix.setdefault(job["prefix"], []).append(made)
    edge = RisingEdge(top.ap_clk)
    Clock(top.ap_clk, 2, "step").start(start_high=False)
    running = [_Core(top, prefix, made) for prefix, made in by_prefix.items()]
    while running:
        await edge
        running = [core for core in running if core.step()]
    arrays: dict[str, np.ndarray] = {}
    records = [job.record(index, arrays) for index, job in enumerate(jobs)]
    np.savez(os.environ["INTAGLIO_RESULT"], result=np.array(json.dumps(records)), **arrays)  # type: ignore[arg-type]
