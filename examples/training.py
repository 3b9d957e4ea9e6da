"""What the examples share: train in float once, compress from there, and keep both in build/ for the next run."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import intaglio
import numpy as np
import torch
from data import TensorBatches
from intaglio.compress import History, PreparedModel, Recipe
from torch import Tensor, nn

FOLDER = Path("build") / "examples"
FRAMES = 100
"""Images on which HLS and RTL are compared with the simulator."""


@dataclass(frozen=True)
class Example:
    """A network, its data, and how it is trained and compressed.

    float_epochs: of training in float, done once for all recipes of a seed. epochs: of pruning and quantising.
    settings: what `intaglio.fit` is told beside. narrow: the network that pruning leaves, to be trained from scratch
    for comparison. target_fps: the rate at which `--compare` sets dense and carved designs side by side. device: to
    train on.
    """

    name: str
    net: Callable[[], nn.Module]
    example_input: Tensor
    data: Callable[[], tuple[TensorBatches, TensorBatches]]
    recipe: Recipe
    board: str
    float_epochs: int
    epochs: int
    settings: dict[str, Any] = field(default_factory=dict)
    narrow: Callable[[], nn.Module] | None = None
    target_fps: float = 100_000
    device: str | None = None

    def fit(
        self, recipe: Recipe | None = None, epochs: int | None = None, progress: bool = True
    ) -> tuple[PreparedModel, History]:
        """The frozen model of a recipe and its history; what is in build/ already is not trained again."""
        recipe = recipe or self.recipe
        loaders = self.data()
        dense, dense_history = self.fit_float(recipe.seed, loaders, progress)
        shares = (0.0, *recipe.shares[1:])
        settings = dict(self.settings)
        settings["lr"] = settings.get("lr", 0.002) * settings.pop("retrain_lr", 0.5)
        model = self._prepared(replace(recipe, shares=shares)).copy_weights(dense)
        file = self._file(self.name, replace(recipe, shares=shares).resolved(), epochs or self.epochs, settings)
        settings |= {"device": self.device, "progress": progress}
        history = intaglio.fit(model, *loaders, epochs or self.epochs, checkpoint=file, **settings)
        history.float_accuracy = dense_history.accuracy
        return model, history

    def fit_float(
        self, seed: int, loaders: tuple[TensorBatches, TensorBatches], progress: bool = True
    ) -> tuple[PreparedModel, History]:
        """The network in float, as users have it before they think of hardware."""
        recipe = Recipe(method="float", seed=seed)
        file = self._file(f"{self.name}-float", recipe.resolved(), self.float_epochs, self.settings)
        model = self._prepared(recipe)
        settings = {**self.settings, "device": self.device, "progress": progress}
        return model, intaglio.fit(model, *loaders, self.float_epochs, checkpoint=file, **settings)

    def trained(
        self, recipe: Recipe | None = None, epochs: int | None = None, progress: bool = True
    ) -> tuple[PreparedModel, np.ndarray, np.ndarray]:
        """The frozen model, and images and labels that it has not seen."""
        model, _ = self.fit(recipe, epochs, progress)
        held_out = self.data()[1]
        return model, held_out.x.numpy(), held_out.y.numpy()

    def dense(self, progress: bool = True) -> tuple[PreparedModel, TensorBatches, TensorBatches]:
        """The network trained in float, and its data: what `intaglio search` begins with."""
        loaders = self.data()
        return self.fit_float(self.recipe.seed, loaders, progress)[0], *loaders

    def main(self) -> None:
        """From the network to an IP core in build/: what running the example does."""
        parser = argparse.ArgumentParser(description=self.main.__doc__)
        parser.add_argument("--board", default=self.board)
        parser.add_argument("--keep", type=float, default=self.recipe.keep)
        parser.add_argument("--weight-bits", type=int, default=self.recipe.weight_bits)
        parser.add_argument("--act-bits", type=int, default=self.recipe.act_bits)
        parser.add_argument("--seed", type=int, default=self.recipe.seed)
        parser.add_argument("--epochs", type=int, default=self.epochs)
        if self.narrow is not None:
            parser.add_argument("--narrow", action="store_true", help="the network pruning leaves, from scratch, whole")
        parser.add_argument("--train-only", action="store_true", help="print the accuracies and stop there")
        parser.add_argument("--compare", action="store_true", help="dense and carved, 8 and 4 bits, at one rate")
        parser.add_argument("--out", type=Path, default=Path("build") / self.name)
        asked = parser.parse_args()
        try:
            self._run(asked)
        except intaglio.IntaglioError as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(2)

    def _run(self, asked: argparse.Namespace) -> None:
        if asked.compare:
            from comparison import compare

            sys.exit(compare(replace(self, board=asked.board), asked.out))
        bits = {"weight_bits": asked.weight_bits, "act_bits": asked.act_bits}
        example, recipe = self, replace(self.recipe, keep=asked.keep, seed=asked.seed, **bits)
        if self.narrow is not None and asked.narrow:
            example = replace(self, name=f"{self.name}_narrow", net=self.narrow)
            recipe = replace(recipe, keep=1.0)
        model, history = example.fit(recipe, asked.epochs)
        kept = ", ".join(f"{name} {a}/{b}" for name, (a, b) in history.kept.items())
        print(f"{example.name}: float {100 * history.float_accuracy:.2f} %, frozen {100 * history.accuracy:.2f} %")
        print(f"  W{recipe.weight_bits}A{recipe.act_bits}, seed {recipe.seed}, kept {kept}, {history.seconds:.0f} s")
        if asked.train_only:
            return
        design = intaglio.compile(intaglio.lower(model), board=asked.board, name=self.name)
        summary = design.estimate()
        used = ", ".join(f"{value:,} {kind.upper()}" for kind, value in summary.total.rounded().items() if value)
        print(f"  {asked.board}: {used}; {summary.fps:,.0f} frames/s, latency {summary.latency_us:g} us (estimated)")
        x = self.data()[1].x[:FRAMES].numpy()
        result = design.verify(x)
        if not result:
            print(f"NOT EQUAL: {result.divergence}")
            sys.exit(1)
        print(f"  {result.frames} images: simulator = HLS = RTL, zero mismatches; {result.cycles_text}")
        print(f"  IP core in {design.write(asked.out, x=x[:4])}")

    def _prepared(self, recipe: Recipe) -> PreparedModel:
        torch.manual_seed(recipe.seed)
        return intaglio.prepare(self.net(), self.example_input, recipe)

    def _file(self, name: str, *told: Any) -> Path:
        text = json.dumps(told, sort_keys=True, default=str)
        return FOLDER / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:10]}.pt"
