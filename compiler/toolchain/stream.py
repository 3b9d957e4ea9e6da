"""Stream frames through a core in simulation: values, TLAST and exact cycles, of one core or of many side by side."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from ..errors import IntaglioError
from .verilator import build, run_cocotb


def beats_of(values: Sequence[Sequence[int]], width: int) -> np.ndarray:
    """Python ints [frames][beats] as the bytes [frames, beats, bytes] that a port of `width` bits carries."""
    size = (width + 7) // 8
    data = b"".join((int(value) & ((1 << width) - 1)).to_bytes(size, "little") for frame in values for value in frame)
    return np.frombuffer(data, dtype=np.uint8).reshape(len(values), -1, size)


def ints_of(beats: np.ndarray) -> list[list[int]]:
    """The inverse: bytes [frames, beats, bytes] as unsigned Python ints [frames][beats]."""
    return [[int.from_bytes(beat.tobytes(), "little") for beat in frame] for frame in beats]


@dataclass(frozen=True)
class StreamJob:
    """What one core is given and what is expected back.

    Attributes:
        inputs: per input port, uint8 [frames, beats, bytes], little-endian within a beat (see `beats_of`).
        outputs: per output port, (frames, beats per frame) to wait for.
        prefix: of the ports' names in the top module, such as `k3_`.
        source_stall: probability that a source has nothing to offer in a cycle.
        sink_stall: probability that a sink is not ready in a cycle.
        seed: of the stalls.
        max_cycles: give up (a deadlock) after so many cycles.
        idle: cycles after reset before the `plain` sources offer anything: a core may do work that needs no input.
        last: per input port, bool [frames, beats]: TLAST, where it is not simply the end of each frame.
        reset_at: assert reset at this cycle, then send everything again; only that counts.
    """

    inputs: tuple[np.ndarray, ...]
    outputs: tuple[tuple[int, int], ...]
    prefix: str = ""
    source_stall: float = 0.0
    sink_stall: float = 0.0
    seed: int = 0
    max_cycles: int = 1_000_000
    idle: int = 0
    last: tuple[np.ndarray, ...] | None = None
    reset_at: int | None = None


@dataclass(frozen=True)
class StreamResult:
    """What came out. A beat counts when VALID and READY were high; cycles are rising edges since the job's last reset.

    Attributes:
        outputs: per output port, uint8 [frames, beats, bytes]; of an incomplete run, [0, beats, bytes].
        first_in: per input port, int64 [frames]: the cycle of each frame's first beat.
        last_out: per output port, int64 [frames]: the cycle of each frame's last beat.
        tlast_exact: TLAST came with each frame's last beat and with no other.
        error: the design's `error` port at the end, None if it has none.
        cycles: when the job ended, drain included.
        problem: empty, or what went wrong: beats missing (a deadlock) or too many.
        in_cycles: per input port, the cycle of every beat.
        out_cycles: per output port, the cycle of every beat.
    """

    outputs: tuple[np.ndarray, ...]
    first_in: tuple[np.ndarray, ...]
    last_out: tuple[np.ndarray, ...]
    tlast_exact: bool
    error: bool | None
    cycles: int
    problem: str
    in_cycles: tuple[np.ndarray, ...] = field(repr=False)
    out_cycles: tuple[np.ndarray, ...] = field(repr=False)

    @property
    def latency(self) -> int:
        """Cycles from the first beat accepted to the last beat of frame 0: of an empty core, without stalls."""
        return int(max(port[0] for port in self.last_out) - min(port[0] for port in self.first_in))

    @property
    def interval(self) -> float:
        """Steady-state cycles per frame: between output TLASTs, averaged over the second half of the frames."""
        steady = []
        for port in self.last_out:
            if len(port) < 2:
                raise IntaglioError("an interval needs at least two frames")
            start = (len(port) - 1) // 2
            steady.append(float(port[-1] - port[start]) / (len(port) - 1 - start))
        return max(steady)


def run_stream_jobs(
    sources: Sequence[Path],
    top: str,
    jobs: Sequence[StreamJob],
    work_dir: Path,
    *,
    parameters: Mapping[str, int | str] | None = None,
    models: Literal["plain", "cocotbext"] = "plain",
    optimise: str = "-O1",
    strict: bool = True,
    run_name: str = "run",
    timeout_s: float | None = None,
) -> list[StreamResult]:
    """Build the top module if anything changed, run the jobs in one simulation, and read the results.

    Jobs of different cores run at the same time; those of one core (of one prefix) follow each other, a reset before
    each. A core that has a reset of its own, `<prefix>ap_rst_n`, is reset alone; those that share `ap_rst_n` are reset
    together, so give such cores one job each, with the same `reset_at`.

    Registers without a reset start at random values (from the first job's seed), as on no sane device, so a design
    that reads one before writing it is found out.

    Args:
        sources: SystemVerilog files.
        top: the module with the ports: one core, or a wrapper of several with different prefixes.
        jobs: at least one; a core in the top module that has none is left alone.
        work_dir: kept between calls: the build in `build/`, each run's job, result and log in `<run_name>.*`.
        parameters: of the top module.
        models: `plain` drivers, which cycles are measured with, or the bus models of cocotbext-axi.
        optimise: g++ level for the generated C++; see `verilator.build`.
        strict: raise on missing or surplus beats; otherwise they are in `StreamResult.problem`.
        run_name: two processes sharing a `work_dir` use different names.
        timeout_s: give up after so many seconds of simulation.
    """
    work_dir = work_dir.resolve()
    build(sources, top, work_dir / "build", parameters=parameters, optimise=optimise)
    job_path, result_path = work_dir / f"{run_name}.job.npz", work_dir / f"{run_name}.result.npz"
    _write(jobs, job_path, models)
    result_path.unlink(missing_ok=True)
    run_cocotb(
        work_dir / "build",
        top,
        f"{__package__}.stream_bench",
        env={"INTAGLIO_JOB": str(job_path), "INTAGLIO_RESULT": str(result_path)},
        results=work_dir / f"{run_name}.xml",
        plusargs=["+verilator+rand+reset+2", f"+verilator+seed+{jobs[0].seed % (2**31 - 1) + 1}"],
        timeout_s=timeout_s,
    )
    with np.load(result_path) as arrays:
        records = json.loads(str(arrays["result"]))
        results = [_result(index, job, records[index], arrays) for index, job in enumerate(jobs)]
    for job, result in zip(jobs, results, strict=True):
        if strict and result.problem:
            raise IntaglioError(result.problem, where=f"{job.prefix or top} in {work_dir}")
    return results


def _write(jobs: Sequence[StreamJob], path: Path, models: str) -> None:
    arrays: dict[str, np.ndarray] = {}
    specs = []
    if models == "cocotbext" and len({job.prefix for job in jobs}) < len(jobs):
        raise IntaglioError("with the bus models of cocotbext-axi a core takes one job")
    for index, job in enumerate(jobs):
        for port, beats in enumerate(job.inputs):
            if beats.dtype != np.uint8 or beats.ndim != 3:
                raise IntaglioError("the beats of a port are uint8 [frames, beats, bytes]", where=f"{job.prefix}{port}")
            if job.last is None:
                last = np.zeros(beats.shape[:2], dtype=bool)
                last[:, -1] = True
            else:
                last = np.asarray(job.last[port], dtype=bool)
            arrays[f"in_{index}_{port}"] = beats.reshape(-1, beats.shape[2])
            arrays[f"last_{index}_{port}"] = last.reshape(-1)
        specs.append(
            {
                "index": index,
                "prefix": job.prefix,
                "inputs": len(job.inputs),
                "outputs": job.outputs,
                "source_stall": job.source_stall,
                "sink_stall": job.sink_stall,
                "seed": job.seed,
                "max_cycles": job.max_cycles,
                "idle": job.idle,
                "reset_at": job.reset_at,
            }
        )
    text = json.dumps({"models": models, "jobs": specs})
    np.savez(path, job=np.array(text), **arrays)  # type: ignore[arg-type]


def _result(index: int, job: StreamJob, record: Mapping[str, object], arrays: Mapping[str, np.ndarray]) -> StreamResult:
    outputs, last_out, out_cycles, problems = [], [], [], []
    exact = True
    for port, (frames, beats) in enumerate(job.outputs):
        data, last = arrays[f"out_{index}_{port}"], arrays[f"out_last_{index}_{port}"]
        cycles = arrays[f"out_cycles_{index}_{port}"]
        whole = min(len(data) // beats, frames)
        if len(data) != frames * beats:
            word = "only " if len(data) < frames * beats else ""
            problems.append(
                f"m_axis_{port} gave {word}{len(data)} of {frames} x {beats} beats by cycle {record['cycles']}"
            )
        ends = np.arange(1, len(last) + 1) % beats == 0
        exact = exact and bool(np.array_equal(last, ends))
        outputs.append(data[: whole * beats].reshape(whole, beats, data.shape[1]))
        last_out.append(cycles[: whole * beats].reshape(whole, beats)[:, -1])
        out_cycles.append(cycles)
    in_cycles = tuple(arrays[f"in_cycles_{index}_{port}"] for port in range(len(job.inputs)))
    sizes = [beats.shape[1] for beats in job.inputs]
    accepted = ", ".join(f"s_axis_{port} took {len(cycles)} beats" for port, cycles in enumerate(in_cycles))
    error = record["error"]
    return StreamResult(
        outputs=tuple(outputs),
        first_in=tuple(cycles[::size] for cycles, size in zip(in_cycles, sizes, strict=True)),
        last_out=tuple(last_out),
        tlast_exact=exact,
        error=None if error is None else bool(error),
        cycles=int(str(record["cycles"])),
        problem="; ".join([*problems, accepted]) if problems else "",
        in_cycles=in_cycles,
        out_cycles=tuple(out_cycles),
    )
