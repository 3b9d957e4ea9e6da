"""lower: a frozen model becomes the channel-dense integer graph that computes the same integers."""

from __future__ import annotations

from ..compress.model import PreparedModel
from ..ir import Graph
from ..passes.pipeline import LOWER, run_passes


def lower(model: PreparedModel) -> Graph:
    """The integer graph of a frozen model, pruned channels carved out. Raises IntaglioError if it is not frozen."""
    return run_passes(model.frozen_graph(), LOWER)
