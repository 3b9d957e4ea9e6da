"""Where the vendor's tools are. They are never needed: where they are missing, their steps are skipped."""

from __future__ import annotations

from pathlib import Path

from .process import find_tool


def find_vitis() -> Path | None:
    """`vitis-run` (2023.2 and later), else `vitis_hls`, else None."""
    return find_tool("vitis-run") or find_tool("vitis_hls")


def find_vivado() -> Path | None:
    """`vivado`, or None."""
    return find_tool("vivado")
