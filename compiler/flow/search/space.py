"""The space of a search: which fields of a recipe vary, over what, and for which layers apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...compress.model import PreparedModel
from ...compress.recipe import Recipe
from ...errors import IntaglioError

if TYPE_CHECKING:
    from optuna.trial import Trial

CHANNELS = (0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0)
WEIGHTS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)
"""Shares that stay: of channels, filters, shapes and tiles; of single weights."""

BITS = (2, 3, 4, 5, 6, 8)
FACTORS = (0.1, 0.3, 1.0, 3.0, 10.0)
"""Times the recipe's own weight of a loss, where a loss decides and no budget."""

LAYERED = ("keep", "weight_bits")
"""Fields that may differ from layer to layer."""

DEMANDING = (*LAYERED, "act_bits")
"""Fields of which more takes more hardware."""

Numbers = Mapping[str, int]
"""Parameter -> which of its choices, counted from 0: what the store keeps of a trial."""


@dataclass(frozen=True)
class Space:
    """Recipes that differ from one recipe in some fields.

    choices: field -> its values, rising. layers: field -> the layers that choose apart; none, one choice for all.
    """

    recipe: Recipe
    choices: Mapping[str, tuple[Any, ...]]
    layers: Mapping[str, tuple[str, ...]]

    @property
    def parameters(self) -> dict[str, tuple[Any, ...]]:
        """`field` or `field.layer` -> its choices."""
        found = {}
        for field, values in self.choices.items():
            for layer in self.layers.get(field) or ("",):
                found[f"{field}.{layer}" if layer else field] = values
        return found

    def suggest(self, trial: Trial) -> dict[str, int]:
        """What the sampler proposes."""
        return {name: trial.suggest_int(name, 0, len(values) - 1) for name, values in self.parameters.items()}

    def recipe_of(self, numbers: Numbers) -> Recipe:
        """The recipe of a trial."""
        changes: dict[str, Any] = {}
        for field, values in self.choices.items():
            layers = self.layers.get(field)
            if layers:
                changes[field] = {layer: values[numbers[f"{field}.{layer}"]] for layer in layers}
            else:
                changes[field] = values[numbers[field]]
        return self.recipe.override(given={**self.recipe.given, **changes})

    def first(self) -> list[dict[str, int]]:
        """What is tried first: the dearest corner, which shows what there is to lose; then what the recipe says."""
        dearest, said = {}, {}
        for name, values in self.parameters.items():
            field, _, layer = name.partition(".")
            value = _said(self.recipe, field, layer)
            dearest[name] = len(values) - 1
            distances = [_distance(each, value) for each in values]
            said[name] = distances.index(min(distances))
        return [dearest] if dearest == said else [dearest, said]

    def demands_less(self, numbers: Numbers, other: Numbers) -> bool:
        """Whether every layer has at most as many channels and bits as in another trial, all else being equal."""
        return all(
            numbers[name] <= other[name] if name.partition(".")[0] in DEMANDING else numbers[name] == other[name]
            for name in self.parameters
        )

    def facts(self) -> dict[str, Any]:
        """As plain values."""
        return {name: list(values) for name, values in self.parameters.items()}


def make_space(
    model: PreparedModel, given: Mapping[str, Sequence[Any]] | None = None, per_layer: Sequence[str] = LAYERED
) -> Space:
    """The space around a prepared model's recipe.

    Args:
        model: of the network, for the names of its layers.
        given: field -> values; where nothing is said, those that decide in the recipe's method.
        per_layer: of `keep` and `weight_bits` those that every layer chooses for itself.

    Raises:
        IntaglioError: for fields and values that no recipe has, fields without a choice, or a space of one point.
    """
    recipe = model.recipe
    choices = {
        field: _checked(recipe, field, values)
        for field, values in (_default(recipe) if given is None else given).items()
    }
    for field in per_layer:
        if field not in LAYERED:
            hint = f"of {', '.join(LAYERED)}, those that every layer chooses for itself"
            raise IntaglioError(f"per_layer has {field!r}", where="search", hint=hint)
    known = {"keep": tuple(model.kept()), "weight_bits": tuple(model.macs)}
    space = Space(recipe, choices, {field: known[field] for field in choices if field in per_layer})
    if all(len(values) == 1 for values in space.parameters.values()):
        raise IntaglioError("the space has one point", where="search", hint="give a field several values")
    return space


def _default(recipe: Recipe) -> dict[str, tuple[Any, ...]]:
    """What decides how much a method leaves of a network."""
    found: dict[str, tuple[Any, ...]] = {}
    if recipe.projections[0] == "threshold":
        for field in ("gate_weight", "bops_weight"):
            if own := getattr(recipe, field):
                found[field] = tuple(own * factor for factor in FACTORS)
    else:
        found["keep"] = WEIGHTS if recipe.structure == "element" else CHANNELS
    if not recipe.bit_choices:
        found |= {"weight_bits": (1,) if recipe.codebook == "binary" else BITS, "act_bits": BITS}
    return found


def _checked(recipe: Recipe, field: str, values: Any) -> tuple[Any, ...]:
    if isinstance(values, str) or not isinstance(values, Sequence) or not values:
        raise IntaglioError(
            f"{field} has no choices: {values!r}", where="search, space", hint="a list of values, [0.25, 0.5, 1.0]"
        )
    for value in values:
        recipe.override(given={**recipe.given, field: value})
    return tuple(sorted(set(values)))


def _said(recipe: Recipe, field: str, layer: str) -> Any:
    value = getattr(recipe, field)
    if not isinstance(value, Mapping):
        return value
    return value.get(layer, value.get("*", 1.0 if field == "keep" else 8))


def _distance(value: Any, wanted: Any) -> float:
    if value == wanted:
        return 0.0
    return abs(value - wanted) if isinstance(value, int | float) and isinstance(wanted, int | float) else 1.0
