"""lower: a frozen model becomes the channel-dense integer graph that computes the same integers."""

from __future__ import annotations

from dataclasses import replace

from ..compress.model import PreparedModel
from ..ir import Graph
from ..passes.pipeline import CARVED, MASKED, run_passes


def lower(model: PreparedModel) -> Graph:
    """The integer graph of a frozen model, pruned channels carved out.

    Its `notes` keep the recipe and the graph before carving (masked, the same function), for reports.
    Raises IntaglioError if the model is not frozen.
    """
    masked = run_passes(model.frozen_graph(), MASKED)
    carved = run_passes(masked, CARVED)
    return replace(carved, notes={"recipe": model.recipe.resolved(), "before": masked})
