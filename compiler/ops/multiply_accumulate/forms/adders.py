"""adders, da4ml: every weight a constant, all products one graph of shared adders (ops/adder_graph)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ....ir import Parts
from ...adder_graph import LayerGraph, layer_graph, stages_for
from ..layer import MacLayer
from .base import Form
from .xnor import fits as fits_xnor

if TYPE_CHECKING:
    from ..datapath import Datapath

MOST_DIGITS = 16000
"""Layers of more signed digits are not considered, unless by hand: the graph would take long to find and a board to
build.
"""


class Adders(Form):
    template = "adder_graph"

    def __init__(self, name: str) -> None:
        self.name = name

    def graph(self, layer: MacLayer) -> LayerGraph:
        return layer_graph(self.name, layer.weight, layer.bias, layer.x, layer.out.bits)

    def refusal(self, datapath: Datapath) -> tuple[str, str] | None:
        if datapath.constant:
            return None
        hint = "take all outputs and all inputs side by side, or choose lut, booth or dsp as multiplier"
        return f"{self.name} takes every weight as a constant with a place of its own", hint

    def worth(self, layer: MacLayer, pe: int, steps: int) -> bool:
        return steps == 1 and not fits_xnor(layer) and signed_digits(layer) <= MOST_DIGITS

    def stages(self, layer: MacLayer, terms: int, clock_mhz: float) -> int:
        return max(1, stages_for(self.graph(layer).graph, clock_mhz))

    def unrolled(self, datapath: Datapath) -> Parts | None:
        return self.graph(datapath.layer).parts(datapath.kernel.stages)

    def idle(self, datapath: Datapath) -> int:
        return self.graph(datapath.layer).idle(datapath.kernel.stages)

    def params(self, datapath: Datapath) -> dict[str, Any]:
        return self.graph(datapath.layer).params(datapath.kernel.stages)


def signed_digits(layer: MacLayer) -> int:
    """Digits of all weights, in canonical form, that are not zero."""
    magnitude = np.abs(layer.rows)
    return int(np.bitwise_count(magnitude ^ (3 * magnitude)).sum())
