"""Logic that chooses: gates of many inputs, and what a fork is made of."""

from __future__ import annotations

from math import ceil

from .common import LUT_INPUTS, Features, Make, Sizes


def luts_of(inputs: int) -> int:
    """LUTs in a tree that takes so many inputs, each used once. A single input is a wire."""
    return ceil((inputs - 1) / (LUT_INPUTS - 1)) if inputs > 1 else 0


def _fork(s: Sizes) -> Features:
    """A bit for each reader that has its copy; all have theirs when each has it or takes it now."""
    copies = s["copies"]
    return {"copies": copies, "all": luts_of(2 * copies)}


def _gate(s: Sizes) -> Features:
    """Each of `bits` takes as many inputs; beyond six it is a tree, for which there are several ways."""
    cells = s["bits"] * luts_of(s["inputs"])
    return {"cells": min(cells, s["bits"]), "more_cells": max(0, cells - s["bits"])}


FEATURES: dict[str, Make] = {
    "gate": _gate,
    "fork": _fork,
    "row_walk": lambda s: {**s, "one": 1},
    "order_walk": lambda s: {"bits": sum(s.values())},
    "raster_walk": lambda s: {**s, "one": 1},
}
"""A walk is counters with adders and comparisons, priced by the bits of its numbers: of a window in a buffer of rows,
step by step or in the order of a memory (`wraps`: bits of the address, where the buffer's size is no power of two), or
of an image that shifts through a line.
"""
