"""What the examples share: train in float once, compress from there, and keep both in build/ for the next run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from data import TensorBatches
from torch import Tensor, nn

import intaglio
from intaglio.compress import History, PreparedModel, Recipe

FOLDER = Path("build") / "examples"
Data = Callable[[], tuple[TensorBatches, TensorBatches]]


def train(
    name: str,
    net: Callable[[], nn.Module],
    example_input: Tensor,
    recipe: Recipe,
    data: Data,
    *,
    float_epochs: int,
    epochs: int,
    progress: bool = True,
    **settings: Any,
) -> tuple[PreparedModel, History]:
    """A frozen model of `net`: trained in float (once for all recipes of a seed), then compressed for `epochs`."""
    loaders = data()
    dense, dense_history = _fit(
        f"{name}-float", net, example_input, replace(recipe, method="float"), loaders, float_epochs, progress, settings
    )
    shares = (0.0, *(recipe.shares[1:] if any(recipe.shares[1:]) else (0.3, 0.4, 0.3)))
    model, history = _fit(
        name, net, example_input, replace(recipe, shares=shares), loaders, epochs, progress, settings, dense
    )
    history.float_accuracy = dense_history.accuracy
    return model, history


def _fit(
    name: str,
    net: Callable[[], nn.Module],
    example_input: Tensor,
    recipe: Recipe,
    loaders: tuple[TensorBatches, TensorBatches],
    epochs: int,
    progress: bool,
    settings: dict[str, Any],
    start: PreparedModel | None = None,
) -> tuple[PreparedModel, History]:
    torch.manual_seed(recipe.seed)
    model = intaglio.prepare(net(), example_input, recipe)
    if start is not None:
        model.copy_weights(start)
    rate = dict(settings)
    if start is not None and "lr" in rate:
        rate["lr"] *= rate.pop("retrain_lr", 0.5)
    told = json.dumps([_told(recipe), epochs, rate], sort_keys=True, default=str)
    file = FOLDER / f"{name}-{hashlib.sha256(told.encode()).hexdigest()[:10]}.pt"
    history = intaglio.fit(model, *loaders, epochs=epochs, progress=progress, checkpoint=file, **rate)
    return model, history


def _told(recipe: Recipe) -> dict[str, Any]:
    """What matters to a run: a float one knows nothing of widths and masks."""
    return recipe.to_dict() if recipe.method != "float" else {"method": "float", "seed": recipe.seed}
