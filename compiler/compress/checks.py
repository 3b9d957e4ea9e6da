"""What a prepared model refuses, and how it says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import IntaglioError
from ..ir import Graph
from .recipe import Recipe
from .structures import STRUCTURES


def check_finite(model: nn.Module, graph: Graph) -> None:
    """Raises IntaglioError that names the first parameter or statistic that is NaN or infinite."""
    for name, value in (*model.named_parameters(), *model.named_buffers()):
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            bad = "NaN" if bool(torch.isnan(value).any()) else "infinite"
            node = graph.by_name.get(name.split(".")[1]) if name.startswith("nodes.") else None
            raise IntaglioError(
                f"{name.removeprefix('nodes.')} is {bad}",
                where="" if node is None else node.loc,
                hint="look at the training that made it: a smaller learning rate, or clipped gradients",
            )


def check_names(recipe: Recipe, layers: list[str]) -> None:
    """Raises IntaglioError where a recipe's keep names a layer that is not there, or nothing has pixels to take."""
    kind = STRUCTURES[recipe.structure]
    if recipe.prunes and kind.blocks and not kind.channels and not layers:
        hint = "structure = 'channel' or 'element'; the default is 'channel'"
        raise IntaglioError("no hidden layer has an image: there are no blocks to prune", where="recipe", hint=hint)
    if isinstance(recipe.keep, Mapping):
        for name in recipe.keep:
            if name not in layers:
                hidden = "" if kind.weights else "hidden "
                hint = f"the {hidden}layers are {', '.join(layers)}"
                raise IntaglioError(f"keep names {name!r}, which is no {hidden}layer", where="recipe", hint=hint)


def check_inputs(graph: Graph, inputs: tuple[Tensor, ...]) -> None:
    """Raises IntaglioError where the inputs are not what the network was prepared for."""
    if len(inputs) != len(graph.inputs):
        raise IntaglioError(f"the network takes {len(graph.inputs)} inputs, not {len(inputs)}")
    for name, x in zip(graph.inputs, inputs, strict=True):
        want = graph.border_of(name).shape
        if tuple(x.shape[1:]) != want:
            hint = f"it should be (batch, {', '.join(map(str, want))})"
            raise IntaglioError(f"input {name} has shape {tuple(x.shape)}", hint=hint)


def inputs_of(batch: Any, count: int) -> tuple[Tensor, ...]:
    """The inputs in a batch: x, (x, y), (x1, x2), ((x1, x2), y) or (x1, x2, y)."""
    if isinstance(batch, Tensor):
        return (batch,)
    first = batch[0]
    if isinstance(first, tuple | list):
        return tuple(torch.as_tensor(x) for x in first)
    return tuple(torch.as_tensor(x) for x in (batch[:count] if count > 1 else (first,)))
