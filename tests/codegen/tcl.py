"""Runs rendered Tcl in tclsh with the vendor's commands stubbed: syntax, variables and the order of calls are real."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

COMMANDS = [
    "open_project",
    "set_top",
    "add_files",
    "open_solution",
    "set_part",
    "create_clock",
    "csim_design",
    "csynth_design",
    "cosim_design",
    "export_design",
    "create_project",
    "current_project",
    "current_fileset",
    "close_project",
    "set_property",
    "get_property",
    "update_compile_order",
    "update_ip_catalog",
    "ipx::package_project",
    "ipx::current_core",
    "ipx::get_bus_interfaces",
    "ipx::associate_bus_interfaces",
    "ipx::get_bus_parameters",
    "ipx::remove_bus_parameter",
    "ipx::create_xgui_files",
    "ipx::update_checksums",
    "ipx::check_integrity",
    "ipx::save_core",
    "create_bd_design",
    "create_bd_cell",
    "apply_bd_automation",
    "get_bd_cells",
    "get_bd_pins",
    "get_bd_intf_pins",
    "connect_bd_net",
    "connect_bd_intf_net",
    "assign_bd_address",
    "regenerate_bd_layout",
    "validate_bd_design",
    "save_bd_design",
    "generate_target",
    "get_files",
    "make_wrapper",
    "launch_runs",
    "wait_on_run",
    "get_runs",
    "open_run",
    "report_utilization",
    "report_timing_summary",
]

STUB = """
namespace eval ipx {}
set ::calls [open calls.txt w]
foreach command {%s} {
    proc $command {args} [string map [list NAME $command] {
        puts $::calls [concat NAME $args]
        if {"NAME" eq "get_property" && [lindex $args 0] eq "PROGRESS"} { return "100%%" }
        if {"NAME" eq "get_property" && [lindex $args 0] eq "DIRECTORY"} { return [file normalize run] }
        if {"NAME" in {get_bd_cells get_bd_pins get_bd_intf_pins}} { return [lindex $args 0] }
        return NAME
    }]
}
namespace eval ipx { namespace export * }
source %s
close $::calls
"""


def run_tcl(files: Mapping[str, str], script: str, folder: Path) -> list[str]:
    """The vendor's commands that a script calls, in order, one line each; skips where there is no tclsh."""
    tclsh = shutil.which("tclsh")
    if tclsh is None:
        pytest.skip("tclsh is not installed")
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    (folder / "run").mkdir()
    (folder / "run" / "system_wrapper.bit").write_text("bits")
    stub = folder / "stub.tcl"
    # `exit` at the end of a script would end the stub before it has written its calls
    body = files[script].replace("\nexit\n", "\n")
    (folder / script).write_text(body)
    stub.write_text(STUB % (" ".join(COMMANDS), folder / script))
    done = subprocess.run([tclsh, stub], cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    text = (folder / "calls.txt").read_text()
    return [" ".join(line.split()) for line in text.splitlines()]
