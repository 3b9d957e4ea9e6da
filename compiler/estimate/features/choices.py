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


def selection_luts(inputs: int, beside: int, place: int) -> int:
    """Of a bit that is the OR of `inputs`, each let through at some values of a counter of `place` bits, and of those
    beside them.

    One LUT, if that is all it takes. Else two levels, as Yosys maps for delay first: the last LUT takes outputs of
    others, of some inputs and the counter each, and pairs of an input and what lets it through (decoded once for all).
    """
    if not inputs:
        return 0
    if inputs + beside + place <= LUT_INPUTS:
        return 1
    for before in range(LUT_INPUTS + 1 - beside):
        pairs = (LUT_INPUTS - beside - before) // 2
        if pairs + before * max(0, LUT_INPUTS - place) >= inputs:
            return 1 + before
    return luts_of(2 * inputs + beside)


def _selection(s: Sizes) -> Features:
    return {"luts": s["bits"] * selection_luts(s["inputs"], s["beside"], s["place"])}


FEATURES: dict[str, Make] = {
    "gate": _gate,
    "selection": _selection,
    "fork": _fork,
    "row_walk": lambda s: {**s, "one": 1},
    "order_walk": lambda s: {"bits": sum(s.values())},
    "raster_walk": lambda s: {**s, "one": 1},
}
"""A walk is counters with adders and comparisons, priced by the bits of its numbers: of a window in a buffer of rows,
step by step or in the order of a memory (`wraps`: bits of the address, where the buffer's size is no power of two), or
of an image that shifts through a line.
"""
