"""What the experiments of the ADMM family share: the jet tagger's network on digits, and how long it is compressed."""

from __future__ import annotations

from collections.abc import Sequence

from common_four_layers import ON_MLP, float_accuracy
from experiment import Interval, Outcome
from intaglio.compress import PreparedModel, Recipe
from intaglio.compress.storage import storage

DATA = "digits, MLP 64-32-32"
HIDDEN, OUTPUT = ("layer_1", "layer_4", "layer_7"), "layer_10"
"""What `trace` calls the layers."""
EPOCHS = 40


def fitted(recipe: Recipe, epochs: int = EPOCHS) -> tuple[PreparedModel, float]:
    """The frozen model, and the percentage of the images held out that it gets right."""
    model, history = ON_MLP.fit(recipe, epochs, progress=False)
    return model, 100 * history.accuracy


def fp32(seed: int) -> float:
    """The percentage of the float network that all arms of a seed begin from."""
    return float_accuracy(ON_MLP, seed)


def ratio(model: PreparedModel, way: str) -> float:
    """How many times smaller than in 32 bits a model's weights are. way: a property of `Storage`."""
    rows = storage(model)
    return sum(row.dense for row in rows) / sum(getattr(row, way) for row in rows)


def leads(found: Outcome, ours: str, others: Sequence[str], quantity: str) -> list[Interval]:
    """ours - other, paired by seed, in the order of `others`."""
    return [found.difference(ours, other, quantity) for other in others]
