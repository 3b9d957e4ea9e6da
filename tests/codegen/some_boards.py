"""One board of each family, as codegen sees them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Board:
    """What codegen looks at."""

    name: str
    part: str
    family: str
    board_part: str


BOARDS = {
    "zynq7": Board("pynq-z2", "xc7z020clg400-1", "zynq7", "tul.com.tw:pynq-z2:part0:1.0"),
    "zynqmp": Board("some-mpsoc", "xczu3eg-sbva484-1-i", "zynqmp", ""),
    "7series": Board("arty-a7-100t", "xc7a100tcsg324-1", "7series", ""),
    "ultrascale+": Board("alveo-u250", "xcu250-figd2104-2L-e", "ultrascale+", ""),
}
