"""Verilator with cocotb: lint, build, simulate.

cocotb's own runner makes every signal of the design visible and compiles Verilator's runtime again for each design.
Here only the top module's ports are visible (a control file with `public_flat_rw -port`), and everything that does
not depend on the design is compiled once into a cache: the runtime, cocotb's `main` (against a small shim in place
of the generated class) and a precompiled header.

Measured on two cores (g++ 12, Verilator 5.48): a small design builds in 0.8 s, where cocotb's runner took 12.6 s; a
wrapper of 50 kernels (620 kB of generated C++) in 2 to 3 s; an unchanged one in 0.02 s. A simulation starts in 0.5 s,
nearly all of it Python's imports. -O0 saves half a second of the wrapper's build, -Os takes 4 s more; at run time
the Python that drives the ports costs more than either. The wheel's makefiles do not work beyond one generated
file (a precompiled header is named but not included), one more reason not to use them.
"""

from __future__ import annotations

import functools
import hashlib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from ..errors import IntaglioError
from .cpp import compiler
from .process import locked, run, tail
from .verilated import PRECOMPILED, RUNTIME_SOURCES, SHIM_SOURCE, flags, locate, parallel, runtime, version

__all__ = ["build", "lint", "run_cocotb", "version"]

ONE_UNIT_BYTES = 300_000
"""Generated C++ up to this size is compiled as one unit; beyond, in several side by side."""


def lint(sources: Sequence[Path], top: str) -> str:
    """`verilator --lint-only -Wall`: the warnings as text, empty if there are none; raises on an error."""
    program, root = locate()
    with TemporaryDirectory(prefix="intaglio_") as scratch:
        log = Path(scratch) / "lint.log"
        files = [Path(source).resolve() for source in sources]
        options = ["--lint-only", "--quiet", "-Wall", "-Wno-fatal", "--top-module", top]
        run([program, *options, *files], Path(scratch), log, {"VERILATOR_ROOT": str(root)})
        return "\n".join(log.read_text().splitlines()[1:]).strip()


def _digest(sources: Sequence[Path], rest: object) -> str:
    state = hashlib.sha256(repr(rest).encode())
    for source in sources:
        state.update(repr(source.name).encode())
        state.update(hashlib.sha256(source.read_bytes()).digest())
    return state.hexdigest()


def build(
    sources: Sequence[Path],
    top: str,
    build_dir: Path,
    *,
    parameters: Mapping[str, int | str] | None = None,
    optimise: str = "-O1",
) -> Path:
    """Compile SystemVerilog into a simulator that cocotb can drive; nothing is done if nothing has changed.

    Args:
        sources: .sv/.v files (and .vlt control files), packages first.
        top: the top module; its ports, and only these, can be driven and read.
        build_dir: where the program and its log go; two processes may ask for the same folder at the same time.
        parameters: values for the top module's parameters.
        optimise: for the C++ that runs every cycle. -O0 builds fastest and runs some times slower.

    Returns:
        The simulator program, for `run_cocotb`.
    """
    files = [Path(source).resolve() for source in sources]
    for file in files:
        if not file.is_file():
            raise IntaglioError(f"no such source file: {file}", where=f"build of {top}")
    build_dir = build_dir.resolve()
    compiled = runtime(optimise)
    digest = _digest(files, (top, sorted((parameters or {}).items()), optimise, compiled.name, SHIM_SOURCE))
    program, stamp = build_dir / "simulator", build_dir / "digest"
    with locked(build_dir / "lock"):
        if program.is_file() and stamp.is_file() and stamp.read_text() == digest:
            return program
        stamp.unlink(missing_ok=True)
        for old in [*build_dir.glob("Vdesign*"), *build_dir.glob("unit_*")]:
            old.unlink()
        _verilate(files, top, build_dir, parameters or {})
        _compile(build_dir, compiled, program, optimise)
        stamp.write_text(digest)
    return program


def _verilate(files: Sequence[Path], top: str, build_dir: Path, parameters: Mapping[str, int | str]) -> None:
    verilator, root = locate()
    control = build_dir / "ports.vlt"
    control.write_text(f'`verilator_config\npublic_flat_rw -module "{top}" -port "*"\n')
    options = ["--cc", "--quiet", "--vpi", "--prefix", "Vdesign", "--Mdir", str(build_dir), "--top-module", top]
    options += ["-Wno-fatal", "--x-initial", "unique", "--no-timing", "--threads", "1"]
    options += [f"-G{name}={value}" for name, value in parameters.items()]
    run([verilator, *options, control, *files], build_dir, build_dir / "verilate.log", {"VERILATOR_ROOT": str(root)})


def _compile(build_dir: Path, compiled: Path, program: Path, optimise: str) -> None:
    """Compile the generated files, few units since headers cost more than code, and link them with the runtime."""
    slow = sorted(path for path in build_dir.glob("Vdesign*.cpp") if "Slow" in path.name or path.name == "Vdesign.cpp")
    fast = sorted(set(build_dir.glob("Vdesign*.cpp")) - set(slow))
    if sum(path.stat().st_size for path in slow + fast) <= ONE_UNIT_BYTES:
        units = {"all": (slow + fast, optimise)}
    else:
        units = {"slow": (slow, "-O0")} | {f"fast{k}": ([path], optimise) for k, path in enumerate(fast)}
    commands: list[tuple[list[str | Path], Path]] = []
    objects: list[Path] = []
    for name, (paths, level) in units.items():
        unit = build_dir / f"unit_{name}.cpp"
        text = "".join(f'#include "{path.name}"\n' for path in paths)
        unit.write_text(text + (SHIM_SOURCE if build_dir / "Vdesign.cpp" in paths else ""))
        options = [*flags(level), f"-I{compiled}", "-include", PRECOMPILED, f"-I{build_dir}"]
        commands.append(([compiler(), *options, "-c", unit, "-o", unit.with_suffix(".o")], unit.with_suffix(".log")))
        objects.append(unit.with_suffix(".o"))
    parallel(commands, build_dir)

    import cocotb_tools.config

    libraries = cocotb_tools.config.libs_dir
    objects += [compiled / f"{name}.o" for name in (*RUNTIME_SOURCES, "main")]
    link: list[str | Path] = [
        f"-L{libraries}",
        f"-Wl,-rpath,{libraries}",
        "-lcocotbvpi_verilator",
        "-lpthread",
        "-o",
        program,
    ]
    run([compiler(), *objects, *link], build_dir, build_dir / "link.log")
    for path in build_dir.glob("unit_*.o"):
        path.unlink()


@functools.cache
def _cocotb_env() -> dict[str, str]:
    """What cocotb's entry point needs, as its own runner sets it."""
    import cocotb_tools.config
    import find_libpython

    library = find_libpython.find_libpython()
    if library is None:
        raise IntaglioError("no libpython for cocotb to load", hint="use a Python built with --enable-shared")
    return {
        "GPI_USERS": f"{library};{cocotb_tools.config.pygpi_entry_point()}",
        "PYGPI_PYTHON_BIN": sys.executable,
        "TOPLEVEL_LANG": "verilog",
        "COCOTB_TRUST_INERTIAL_WRITES": "1",
        "COCOTB_LOG_LEVEL": "WARNING",
        "COCOTB_REWRITE_ASSERTION_FILES": "",
        "OPENBLAS_NUM_THREADS": "1",
    }


def run_cocotb(
    build_dir: Path,
    top: str,
    test_module: str,
    *,
    results: Path,
    python_path: Sequence[Path] = (),
    env: Mapping[str, str] | None = None,
    plusargs: Sequence[str] = (),
    timeout_s: float | None = None,
) -> None:
    """Run the cocotb tests of a module on a simulator made by `build`; raise if one fails or none is found.

    Args:
        build_dir: the folder given to `build`.
        top: the top module given to `build`.
        test_module: dotted name of the module of cocotb tests.
        results: cocotb's XML report; the log lies beside it, with the suffix .log.
        python_path: searched before this process's own sys.path.
        env: more environment variables, for the tests to read.
        plusargs: arguments of the simulator, such as `+verilator+rand+reset+2`.
        timeout_s: give up after so many seconds.
    """
    from cocotb_tools.check_results import get_results

    results = results.resolve()
    results.parent.mkdir(parents=True, exist_ok=True)
    results.unlink(missing_ok=True)
    search = [str(path) for path in python_path] + [entry for entry in sys.path if entry]
    settings = {
        **_cocotb_env(),
        "COCOTB_TOPLEVEL": top,
        "COCOTB_TEST_MODULES": test_module,
        "COCOTB_RESULTS_FILE": str(results),
        "PYTHONPATH": os.pathsep.join(search),
        **(env or {}),
    }
    log = results.with_suffix(".log")
    run([build_dir.resolve() / "simulator", *plusargs], results.parent, log, settings, timeout_s)
    if not results.is_file():
        raise IntaglioError(f"the simulation of {top} wrote no results\n{tail(log)}", where=str(log))
    ran, failed = get_results(results)
    if failed or not ran:
        raise IntaglioError(f"{failed} of {ran} cocotb tests of {top} failed\n{tail(log, 40)}", where=str(log))
