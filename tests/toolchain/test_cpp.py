"""g++ with the ap_types headers."""

import ctypes
import subprocess
from pathlib import Path

import pytest
from intaglio.errors import IntaglioError
from intaglio.toolchain.cpp import ap_types_include, compile_cpp

HELLO = """\
#include <ap_int.h>
#include <hls_stream.h>
#include <cstdio>
int main() {
    #pragma HLS PIPELINE
    hls::stream<ap_int<12> > s;
    s.write(ap_int<12>(2047) + 1);
    std::printf("%d\\n", (int)s.read());
}
"""


def test_ap_int_wraps_as_in_hardware(tmp_path: Path) -> None:
    (tmp_path / "hello.cpp").write_text(HELLO)
    program = compile_cpp([tmp_path / "hello.cpp"], tmp_path / "hello", optimise="-O0")
    assert subprocess.run([program], capture_output=True, text=True, check=True).stdout == "-2048\n"
    assert "warning" not in (tmp_path / "hello.log").read_text()


def test_a_shared_library_loads(tmp_path: Path) -> None:
    (tmp_path / "seven.cpp").write_text('extern "C" int seven() { return VALUE; }\n')
    library = compile_cpp([tmp_path / "seven.cpp"], tmp_path / "seven.so", shared=True, defines=["VALUE=7"])
    assert ctypes.CDLL(str(library)).seven() == 7


def test_an_error_shows_the_compiler_message(tmp_path: Path) -> None:
    (tmp_path / "bad.cpp").write_text("int main() { return undeclared; }\n")
    with pytest.raises(IntaglioError, match="undeclared"):
        compile_cpp([tmp_path / "bad.cpp"], tmp_path / "bad")


def test_the_headers_are_found_without_importing_hls4ml() -> None:
    assert (ap_types_include() / "ap_fixed.h").is_file()
