"""Run integers through the generated hardware: the HLS project under g++, the RTL under Verilator.

A network is first run as it is (`run_hls`, `run_rtl`); only after a mismatch again with probes (`probe_hls`,
`probe_rtl`), which give every node's output, so that the first node that differs can be named.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..codegen.border import Port, input_ports, output_ports, probe_channels
from ..codegen.hls import render_csim_main, render_hls
from ..codegen.rtl import render_rtl
from ..codegen.testbench import cycle_limit
from ..errors import IntaglioError
from ..ir import Array, Int64, TensorType
from ..ops.beats import beat_shape, from_beats, to_beats
from ..ops.netlist import Netlist
from .cpp import compile_cpp
from .process import locked, run
from .stream import StreamJob, StreamResult, run_stream_jobs

HINT = "pip install 'intaglio[verify]'"


@dataclass(frozen=True)
class RtlResult:
    """What the RTL gave.

    Attributes:
        outputs: per output of the graph, integers (frames, *shape).
        latency_cycles: first accepted input beat to last output beat of the first frame.
        interval_cycles: cycles between frames in the steady state; None for a single frame.
        error: the core's error flag: an input TLAST was in the wrong place.
        tlast_exact: TLAST came with the last beat of each frame and with no other.
        cycles: of the whole simulation.
    """

    outputs: tuple[Int64, ...]
    latency_cycles: int
    interval_cycles: float | None
    error: bool
    tlast_exact: bool
    cycles: int


def compare(expected: Array, got: Array) -> tuple[int, ...] | None:
    """The first index (frame first) at which two arrays differ; None if they are equal."""
    if expected.shape != got.shape:
        raise IntaglioError(f"the shapes differ: {list(expected.shape)} expected, {list(got.shape)} got")
    wrong = np.flatnonzero(np.not_equal(expected, got).ravel())
    if not len(wrong):
        return None
    return tuple(int(i) for i in np.unravel_index(wrong[0], expected.shape))


# ---- HLS under g++


def run_hls(netlist: Netlist, name: str, inputs: Sequence[Array], work_dir: Path) -> tuple[Int64, ...]:
    """The outputs of the C-simulation, per output of the graph as integers (frames, *shape).

    Args:
        netlist: the hardware.
        name: of the core.
        inputs: per input of the graph, integers (frames, *shape).
        work_dir: keeps sources and program; compiled again only if the sources change.
    """
    return _csim(netlist, name, inputs, work_dir / "hls", probe=False)


def probe_hls(netlist: Netlist, name: str, inputs: Sequence[Array], work_dir: Path) -> dict[str, Int64]:
    """Every node's output in the C-simulation, as integers (frames, *shape)."""
    folder = work_dir / "hls_probe"
    for old in folder.glob("probe_*.txt"):
        old.unlink()
    _csim(netlist, name, inputs, folder, probe=True)
    return _probes(netlist, folder, len(inputs[0]))


def _csim(netlist: Netlist, name: str, inputs: Sequence[Array], folder: Path, *, probe: bool) -> tuple[Int64, ...]:
    beats = _feed(netlist, inputs)
    files = render_hls(netlist, name) | {"hls/csim_main.cpp": render_csim_main(netlist, name)}
    sources = {path.removeprefix("hls/"): text for path, text in files.items() if path.endswith((".cpp", ".h"))}
    del sources[f"{name}_test.cpp"]
    frames = len(inputs[0])
    with locked(folder / "lock"):
        program = _compiled(sources, folder, probe=probe)
        for port, data in zip(input_ports(netlist), beats, strict=True):
            (folder / f"input_{port.index}.bin").write_bytes(data.tobytes())
        log = folder / "csim.log"
        run([program, str(frames)], folder, log)
        warnings = [line for line in log.read_text(errors="replace").splitlines() if line.startswith("WARNING")]
        if warnings:
            raise IntaglioError(f"a layer takes or gives the wrong number of beats: {warnings[0]}", where=str(log))
        return tuple(_read(folder, port, frames) for port in output_ports(netlist))


def _compiled(sources: Mapping[str, str], folder: Path, *, probe: bool) -> Path:
    """The program of these sources, compiled unless the one in the folder is theirs already."""
    digest = hashlib.sha256(repr((sorted(sources.items()), probe)).encode()).hexdigest()
    program, stamp = folder / "csim", folder / "digest"
    if program.is_file() and stamp.is_file() and stamp.read_text() == digest:
        return program
    stamp.unlink(missing_ok=True)
    _write(sources, folder)
    defines = ["INTAGLIO_PROBE"] if probe else []
    compile_cpp([folder / "csim_main.cpp"], program, include_dirs=[folder / "shim"], defines=defines)
    stamp.write_text(digest)
    return program


def _read(folder: Path, port: Port, frames: int) -> Int64:
    data = np.fromfile(folder / f"output_{port.index}.bin", np.uint8)
    return from_beats(data.reshape(frames, *beat_shape(port.kind, port.lanes)), port.kind, port.lanes)


# ---- RTL under Verilator


def run_rtl(
    netlist: Netlist,
    name: str,
    inputs: Sequence[Array],
    work_dir: Path,
    *,
    stalls: float = 0.0,
    seed: int = 0,
    models: str = "plain",
    last: Sequence[np.ndarray] | None = None,
    reset_at: int | None = None,
    max_cycles: int | None = None,
) -> RtlResult:
    """The outputs of the RTL simulation and what it counted.

    Args:
        netlist: the hardware.
        name: of the core.
        inputs: per input of the graph, integers (frames, *shape); frames follow each other without a gap.
        work_dir: keeps sources and simulator; built again only if the sources change.
        stalls: probability that a source has nothing, and that a sink takes nothing, in a cycle.
        seed: of the stalls.
        models: `plain`, or `cocotbext` for the bus models of cocotbext-axi.
        last: per input, bool (frames, beats): another TLAST than the right one.
        reset_at: assert reset in this cycle and send everything again.
        max_cycles: give up after so many; by default some times what the netlist should need.

    Raises:
        IntaglioError: if the simulation does not end, with what came out and which channels were full or empty.
    """
    limit = max_cycles or cycle_limit(netlist, len(inputs[0]), stalls)
    job = _job(netlist, inputs, limit, stalls=stalls, seed=seed, last=last, reset_at=reset_at)
    result = _simulate(netlist, name, job, work_dir / "rtl", probe=False, models=models)
    if result.problem:
        raise _stuck(netlist, name, job, work_dir, result)
    return RtlResult(
        _outputs(netlist, result),
        result.latency,
        result.interval if len(inputs[0]) > 1 else None,
        bool(result.error),
        result.tlast_exact,
        result.cycles,
    )


def probe_rtl(netlist: Netlist, name: str, inputs: Sequence[Array], work_dir: Path) -> dict[str, Int64]:
    """Every node's output in the RTL simulation (without stalls), as integers (frames, *shape)."""
    job = _job(netlist, inputs, cycle_limit(netlist, len(inputs[0]), 0.0))
    _simulate(netlist, name, job, work_dir / "rtl_probe", probe=True)
    return _probes(netlist, work_dir / "rtl_probe", len(inputs[0]))


def _job(
    netlist: Netlist,
    inputs: Sequence[Array],
    max_cycles: int,
    *,
    stalls: float = 0.0,
    seed: int = 0,
    last: Sequence[np.ndarray] | None = None,
    reset_at: int | None = None,
) -> StreamJob:
    outputs = tuple((len(inputs[0]), port.beats) for port in output_ports(netlist))
    # An empty core has idled since its reset: a window kernel has shifted in the padding that comes before the image.
    idle = max(int(reads[0]) for block in netlist.blocks for reads in block.program.reads)
    return StreamJob(
        _feed(netlist, inputs),
        outputs,
        source_stall=stalls,
        sink_stall=stalls,
        seed=seed,
        max_cycles=max_cycles + idle,
        idle=idle,
        last=None if last is None else tuple(last),
        reset_at=reset_at,
    )


def _simulate(
    netlist: Netlist,
    name: str,
    job: StreamJob,
    folder: Path,
    *,
    probe: bool,
    models: str = "plain",
) -> StreamResult:
    try:
        import cocotb  # noqa: F401  (found out here rather than by a traceback inside the toolchain)
        import cocotb_tools  # noqa: F401
    except ImportError as error:
        raise IntaglioError(f"the RTL simulation needs {error.name}, which is not installed", hint=HINT) from None
    files = render_rtl(netlist, name, probe=probe)
    with locked(folder / "lock"):
        sources = _write({path.removeprefix("rtl/"): text for path, text in files.items()}, folder / "sources")
        return run_stream_jobs(sources, name, [job], folder, models=models, strict=False)[0]  # type: ignore[arg-type]


def _outputs(netlist: Netlist, result: StreamResult) -> tuple[Int64, ...]:
    ports = output_ports(netlist)
    return tuple(from_beats(b, port.kind, port.lanes) for b, port in zip(result.outputs, ports, strict=True))


def _stuck(netlist: Netlist, name: str, job: StreamJob, work_dir: Path, result: StreamResult) -> IntaglioError:
    """The error of a simulation that did not end, after a second run that tells the state of every channel."""
    folder = work_dir / "rtl_probe"
    _simulate(netlist, name, job, folder, probe=True)
    full, empty = [], []
    for line in (folder / "probe_channels.txt").read_text().splitlines():
        channel, depth, valid, ready = line.split()
        if depth != "0" and ready == "0":
            full.append(f"{channel} (depth {depth})")
        if depth != "0" and valid == "0":
            empty.append(channel)
    return IntaglioError(
        f"the RTL simulation of {name} did not give what it should in {result.cycles} cycles: {result.problem}",
        where=str(work_dir / "rtl"),
        other=f"channels full: {', '.join(full) or 'none'}; empty: {', '.join(empty) or 'none'}",
        hint="where beats are missing, a FIFO on a path that forks and joins may be too shallow",
    )


# ---- both


def _feed(netlist: Netlist, inputs: Sequence[Array]) -> tuple[np.ndarray, ...]:
    ports = input_ports(netlist)
    if len(inputs) != len(ports):
        raise IntaglioError(f"the network has {len(ports)} inputs, not {len(inputs)}")
    if len({len(values) for values in inputs}) != 1 or not len(inputs[0]):
        raise IntaglioError("every input needs the same number of frames, at least one")
    return tuple(to_beats(values, port.kind, port.lanes) for values, port in zip(inputs, ports, strict=True))


def _write(files: Mapping[str, str], folder: Path) -> list[Path]:
    paths = []
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        paths.append(path)
    return paths


def _probes(netlist: Netlist, folder: Path, frames: int) -> dict[str, Int64]:
    """The nodes' outputs from the probe files; of a node that gave too little, the whole frames that came."""
    types = netlist.graph.types
    return {
        node: _probe(folder / f"probe_{node}.txt", types[channel.tensor], channel.lanes, frames)
        for node, channel in probe_channels(netlist).items()
    }


def _probe(path: Path, kind: TensorType, lanes: int, frames: int) -> Int64:
    words = path.read_text().split() if path.is_file() else []
    beats, size = beat_shape(kind, lanes)
    whole = min(frames, len(words) // beats)
    data = b"".join(int(word, 16).to_bytes(size, "little") for word in words[: whole * beats])
    return from_beats(np.frombuffer(data, np.uint8).reshape(whole, beats, size), kind, lanes)
