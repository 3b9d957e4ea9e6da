"""C-simulation: g++ with the open ap_types headers (ap_int, ap_fixed, hls_stream) that ship inside the hls4ml wheel."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

from ..errors import IntaglioError
from .process import find_tool, run


def compiler() -> Path:
    """g++, or an error that says how to get it."""
    found = find_tool("g++")
    if found is None:
        raise IntaglioError("g++ is not installed", hint="apt install g++ (or your system's C++ compiler package)")
    return found


def ap_types_include() -> Path:
    """The folder of ap_int.h. The wheel is located, not imported: importing hls4ml takes seconds."""
    spec = importlib.util.find_spec("hls4ml")
    for root in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(root) / "templates" / "vivado" / "ap_types"
        if (folder / "ap_int.h").is_file():
            return folder
    raise IntaglioError("the ap_types headers are missing", hint="pip install hls4ml, whose wheel carries them")


def compile_cpp(
    sources: Sequence[Path],
    output: Path,
    *,
    include_dirs: Sequence[Path] = (),
    defines: Sequence[str] = (),
    shared: bool = False,
    optimise: str = "-O1",
) -> Path:
    """Compile and link C++14 sources against ap_types; the log lies beside the output as `<output>.log`.

    The headers come in with -isystem, so that -Wall speaks about our code only. HLS pragmas are unknown to g++ and
    meant to be.

    Args:
        sources: the .cpp files.
        output: the program, or the shared library, to write.
        include_dirs: searched before ap_types.
        defines: `NAME` or `NAME=value`.
        shared: make a shared library, for ctypes.
        optimise: an optimisation flag of g++.
    """
    output = output.resolve()
    output.parent.mkdir(parents=True, exist_ok=True)
    command: list[str | Path] = [compiler(), "-std=c++14", optimise, "-Wall", "-Wno-unknown-pragmas", "-fPIC"]
    command += ["-shared"] if shared else []
    command += [f"-D{define}" for define in defines]
    command += [f"-I{Path(folder).resolve()}" for folder in include_dirs]
    command += ["-isystem", ap_types_include()]
    command += [Path(source).resolve() for source in sources]
    command += ["-o", output]
    run(command, output.parent, output.with_name(output.name + ".log"))
    return output
