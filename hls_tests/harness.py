"""One bench for every kernel: many of them in one Verilator build and one g++ build, against `Op.run`, exactly.

    check([Case("c0", op, Kernel(pe=2, simd=3), (x,))], tmp_path)

A case passes when, on random inputs drawn from the proven bounds (the extremes among them):
- HLS C++ under g++ gives the operator's integers, and no word is read again sooner than its `DISTANCE` says;
- RTL under Verilator gives them with frames back to back, at full rate and with stalls of several rates on both sides;
- a reset in the middle of a frame leaves nothing behind;
- at full rate every output beat comes in the cycle that `Op.program` says, so there is no bubble;
- the rendered RTL passes `verilator --lint-only -Wall`.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from intaglio.codegen.env import render
from intaglio.estimate.cycles import earliest_writes
from intaglio.ir import Kernel, Op, Program, TensorType
from intaglio.ops.beats import from_beats, to_beats
from intaglio.toolchain import cpp, verilator
from intaglio.toolchain.stream import StreamJob, StreamResult, run_stream_jobs

LIBRARY = ("intaglio_combine", "intaglio_delay", "intaglio_fifo", "intaglio_sum_tree")

WATCH = """\
#undef PIPELINE
#define PIPELINE(interval) ++step_number;
long step_number = 0;
const char *unit = "";
template <class T, int STEPS>
struct watched {
    T value;
    long written = -(1L << 40);
    watched &operator=(const T &other) { value = other, written = step_number; return *this; }
    watched &operator=(const watched &other) { return *this = T(other); }
    operator T() const {
        if (step_number != written && step_number - written < STEPS) ofstream("too_soon.txt", ios::app) << unit << endl;
        return value;
    }
};"""
"""Every step of a pipelined loop counts; a word knows the step that wrote it."""

FULL_RATE = (0.0, 0.0)
STALLS = ((0.5, 0.0), (0.0, 0.5), (0.3, 0.7), (0.9, 0.9))
"""How often a source has nothing to offer, and a sink takes nothing."""


@dataclass(frozen=True)
class Trial:
    """One run of a module, from a reset: how often each side stalls, and whether it is reset again half-way."""

    stalls: tuple[float, float]
    reset: bool
    frames: int

    def __str__(self) -> str:
        return f"stalls {self.stalls}{' after a reset in the middle' if self.reset else ''}"


@dataclass(frozen=True)
class Case:
    """One kernel on trial. Links have an operator's hardware half too: give a `Unit` of your own to `check_units`."""

    name: str
    op: Op
    kernel: Kernel
    ins: tuple[TensorType, ...]

    def unit(self, rng: np.random.Generator, frames: int) -> Unit:
        lanes = self.op.lanes(self.kernel, *self.ins)
        inputs = [random_tensor(rng, frames, kind) for kind in self.ins]
        result = self.op.run(*inputs)
        out = self.op.infer(*self.ins)
        assert result.shape == (frames, *out.shape)
        assert (result >= out.lo_array).all()
        assert (result <= out.hi_array).all()
        return Unit(
            self.name,
            self.op.name,
            self.op.params(self.kernel, *self.ins),
            self.op.program(self.kernel, *self.ins),
            [(x, kind, count) for x, kind, count in zip(inputs, self.ins, lanes[0], strict=True)],
            [(result, out, lanes[1])],
        )


@dataclass(frozen=True)
class Unit:
    """A rendered module with what goes in and what must come out: (integers, type, lanes) per port."""

    name: str
    template: str
    params: dict[str, Any]
    program: Program
    inputs: list[tuple[np.ndarray, TensorType, int]]
    outputs: list[tuple[np.ndarray, TensorType, int]]

    @property
    def module(self) -> str:
        return f"unit_{self.name}"

    @property
    def frames(self) -> int:
        return len(self.inputs[0][0])


def random_tensor(rng: np.random.Generator, frames: int, kind: TensorType) -> np.ndarray:
    """Integers within the bounds of each channel; the first two frames hold the extremes."""
    lo, hi = kind.lo_array, kind.hi_array
    x = rng.integers(lo, hi, size=(frames, *kind.shape), endpoint=True)
    x[0] = np.where(rng.random(kind.shape) < 0.5, lo, hi)
    if frames > 1:
        x[1] = hi
    return np.where(x > 0, 1, -1) if kind.dtype is not None and kind.dtype.bipolar else x


def check(cases: Sequence[Case], folder: Path, *, frames: int = 4, seed: int = 0) -> None:
    """Fails with the names of all cases that differ anywhere."""
    rng = np.random.default_rng(seed)
    check_units([case.unit(rng, frames) for case in cases], folder, seed=seed)


def check_units(units: Sequence[Unit], folder: Path, *, seed: int = 0) -> None:
    problems = [*check_hls(units, folder / "hls"), *check_rtl(units, folder / "rtl", seed)]
    assert not problems, "\n".join(problems)


# ---- HLS ---------------------------------------------------------------------------------------------------------


def check_hls(units: Sequence[Unit], folder: Path) -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "intaglio.h").write_text(render("hls/intaglio.h.j2"))
    text = ['#include "intaglio.h"', "#include <fstream>", "#include <string>", "using namespace std;", WATCH]
    calls = []
    for unit in units:
        text.append(_watched(render(f"hls/{unit.template}.cpp.j2", **unit.params, module=unit.module)))
        for port, (values, kind, lanes) in enumerate(unit.inputs):
            _write_words(folder / f"{unit.name}_in{port}.txt", to_beats(values, kind, lanes))
        calls.append(_hls_call(unit))
    text += ["int main() {", *calls, "    return 0;", "}"]
    source = folder / "units.cpp"
    source.write_text("\n".join(text))
    binary = cpp.compile_cpp([source], folder / "units", include_dirs=[folder])
    subprocess.run([binary.resolve()], cwd=folder, check=True, timeout=300)
    soon = folder / "too_soon.txt"
    names = sorted(set(soon.read_text().split())) if soon.exists() else []
    problems = [f"{name}: HLS reads a word again sooner than its DISTANCE says" for name in names]
    for unit in units:
        for port, (values, kind, lanes) in enumerate(unit.outputs):
            beats = _read_words(folder / f"{unit.name}_out{port}.txt", values, kind, lanes)
            if beats is None:
                problems.append(f"{unit.name}: HLS gave the wrong number of beats, or left some unread")
            else:
                problems += _difference(f"{unit.name}: HLS", values, from_beats(beats, kind, lanes))
    return problems


def _watched(text: str) -> str:
    """The arrays that have a DISTANCE, of a type that checks it."""
    for name, steps in re.findall(r"DISTANCE\((\w+), (\d+)\)", text):
        text, changed = re.subn(rf"^( *)(\S.*) ({name}\[)", rf"\1watched<\2, {steps}> \3", text, count=1, flags=re.M)
        assert changed, name
    return text


def _hls_call(unit: Unit) -> str:
    lines = ["    {", f'        unit = "{unit.name}";']
    for port, (_, kind, lanes) in enumerate(unit.inputs):
        width = kind.bits * lanes
        lines.append(f"        hls::stream<ap_uint<{width}> > s{port}; string text{port};")
        lines.append(f'        ifstream in{port}("{unit.name}_in{port}.txt");')
        lines.append(f"        while (in{port} >> text{port}) s{port}.write(ap_uint<{width}>(text{port}.c_str(), 16));")
    for port, (_, kind, lanes) in enumerate(unit.outputs):
        lines.append(f"        hls::stream<ap_uint<{kind.bits * lanes}> > m{port};")
    ports = [f"s{p}" for p in range(len(unit.inputs))] + [f"m{p}" for p in range(len(unit.outputs))]
    lines.append(f"        for (int frame = 0; frame < {unit.frames}; ++frame) {unit.module}({', '.join(ports)});")
    for port in range(len(unit.outputs)):
        lines.append(f'        ofstream out{port}("{unit.name}_out{port}.txt");')
        lines.append(f"        while (!m{port}.empty()) out{port} << m{port}.read().to_string(16) << endl;")
    unread = f'ofstream("{unit.name}_out0.txt") << "unread" << endl;'
    lines += [f"        if (!s{port}.empty()) {unread}" for port in range(len(unit.inputs))]
    lines.append("    }")
    return "\n".join(lines)


def _write_words(path: Path, beats: np.ndarray) -> None:
    path.write_text("".join(f"{int.from_bytes(b.tobytes(), 'little'):x}\n" for b in beats.reshape(-1, beats.shape[2])))


def _read_words(path: Path, values: np.ndarray, kind: TensorType, lanes: int) -> np.ndarray | None:
    like = to_beats(values, kind, lanes)
    texts = path.read_text().split()
    words = [int(text, 16) for text in texts if text != "unread"]
    raw = b"".join(word.to_bytes(like.shape[2], "little") for word in words)
    array = np.frombuffer(raw, np.uint8)
    return array.reshape(like.shape) if array.size == like.size and "unread" not in texts else None


# ---- RTL ---------------------------------------------------------------------------------------------------------


def check_rtl(units: Sequence[Unit], folder: Path, seed: int) -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    sources = []
    for unit in units:
        text = render(f"rtl/{unit.template}.sv.j2", **unit.params, module=unit.module)
        sources.append(folder / f"{unit.module}.sv")
        sources[-1].write_text(text)
    for name in LIBRARY:
        sources.append(folder / f"{name}.sv")
        sources[-1].write_text(render(f"rtl/lib/{name}.sv.j2"))
    problems = []
    for unit, source in zip(units, sources, strict=False):
        warnings = verilator.lint([source, *sources[len(units) :]], unit.module)
        if warnings:
            problems.append(f"{unit.name}: lint: {warnings}")
    top = folder / "bench_top.sv"
    top.write_text(_wrapper(units))
    runs = [(unit, trial) for number, unit in enumerate(units) for trial in _trials(number, unit.frames)]
    rng = np.random.default_rng(seed)
    jobs = [_job(unit, trial, rng) for unit, trial in runs]
    results = run_stream_jobs([*sources, top], "bench_top", jobs, folder, strict=False)
    for (unit, trial), result in zip(runs, results, strict=True):
        problems += _judge(unit, trial, result)
    return problems


def _trials(number: int, frames: int) -> list[Trial]:
    """All frames at full rate; then a few, with a reset at full rate and at every second of the stalls."""
    few = min(frames, 2)
    stalls = [Trial(stalls, (number + turn) % 2 == 0, few) for turn, stalls in enumerate(STALLS)]
    return [Trial(FULL_RATE, False, frames), Trial(FULL_RATE, True, min(frames, 3)), *stalls]


def _job(unit: Unit, trial: Trial, rng: np.random.Generator) -> StreamJob:
    inputs = tuple(to_beats(x[-trial.frames :], kind, lanes) for x, kind, lanes in unit.inputs)
    outputs = tuple(to_beats(x[-trial.frames :], kind, lanes).shape[:2] for x, kind, lanes in unit.outputs)
    beats = sum(x.shape[1] for x in inputs) + sum(count for _, count in outputs)
    frame = unit.program.steps + unit.program.latency
    return StreamJob(
        inputs,
        outputs,
        f"{unit.name}_",
        *trial.stalls,
        seed=int(rng.integers(1 << 30)),
        max_cycles=200 + 20 * trial.frames * (frame + beats),
        reset_at=int(rng.integers(1, frame + unit.program.steps)) if trial.reset else None,
    )


def _judge(unit: Unit, trial: Trial, result: StreamResult) -> list[str]:
    label = f"{unit.name}: RTL at {trial}"
    problems = [f"{label}: {result.problem}"] if result.problem else []
    outputs = [(x[-trial.frames :], kind, lanes) for x, kind, lanes in unit.outputs]
    for beats, (values, kind, lanes) in zip(result.outputs, outputs, strict=True):
        if len(beats) != len(values):
            continue
        wrong = _difference(label, values, from_beats(beats, kind, lanes))
        problems += wrong
        spare = to_beats(values, kind, lanes)
        if not wrong and beats.shape == spare.shape and not (beats == spare).all():
            problems.append(f"{label}: spare lanes are not zero")
    if trial.stalls != FULL_RATE or problems:
        return problems
    arrivals = [np.arange(x.shape[1] * trial.frames, dtype=np.int64) for x in map(_beats, unit.inputs)]
    expected = earliest_writes(unit.program, arrivals, trial.frames)
    start = min(int(cycles[0]) for cycles in result.first_in)
    for cycles in result.out_cycles:
        if not np.array_equal(cycles - start, expected):
            first = int(np.argmax(cycles - start != expected))
            problems.append(
                f"{label}: output beat {first} in cycle {cycles[first] - start}, the program says {expected[first]}"
            )
    if trial.frames > 1 and result.interval != unit.program.steps:
        problems.append(f"{label}: interval {result.interval}, the program says {unit.program.steps}")
    return problems


def _beats(port: tuple[np.ndarray, TensorType, int]) -> np.ndarray:
    return to_beats(*port)


def _wrapper(units: Sequence[Unit]) -> str:
    """A top module with an AXI4-Stream of every port of every unit, each with a reset of its own."""
    ports, body = ["    input wire ap_clk"], []
    for unit in units:
        pins = []
        ports.append(f"    input wire {unit.name}_ap_rst_n")
        for side, group in (("s", unit.inputs), ("m", unit.outputs)):
            for port, (_, kind, lanes) in enumerate(group):
                width, name = kind.bits * lanes, f"{unit.name}_{side}_axis_{port}"
                padded = -(-width // 8) * 8
                into, out = ("input", "output") if side == "s" else ("output", "input")
                ports += [f"    {into} wire [{padded - 1}:0] {name}_tdata", f"    {into} wire {name}_tvalid"]
                ports += [f"    {out} wire {name}_tready", f"    {into} wire {name}_tlast"]
                stem = f"{side}{port}"
                pins.append(f".{stem}_data({name}_tdata[{width - 1}:0])")
                pins += [f".{stem}_valid({name}_tvalid)", f".{stem}_ready({name}_tready)"]
                if side == "m":
                    body.append(f"    assign {name}_tlast = 1'b0;")
                    if padded > width:
                        body.append(f"    assign {name}_tdata[{padded - 1}:{width}] = 0;")
        joined = ", ".join(pins)
        body.append(f"    {unit.module} u_{unit.name} (.ap_clk(ap_clk), .ap_rst_n({unit.name}_ap_rst_n), {joined});")
    return "module bench_top (\n" + ",\n".join(ports) + "\n);\n" + "\n".join(body) + "\nendmodule\n"


def _difference(label: str, expected: np.ndarray, got: np.ndarray) -> list[str]:
    if got.shape != expected.shape:
        return [f"{label}: {got.shape} came out instead of {expected.shape}"]
    if (got == expected).all():
        return []
    index = tuple(int(i) for i in np.argwhere(got != expected)[0])
    return [f"{label}: at {index} expected {expected[index]}, got {got[index]}"]
