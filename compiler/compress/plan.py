"""The plan of a run: at which optimiser step each phase begins, and the windows in which masks are made."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import IntaglioError
from .drivers import Clock, Window, driver_of
from .recipe import Recipe


@dataclass(frozen=True)
class Plan:
    """The clock readings (optimiser steps) at which phases begin, and the windows of the pruning phase.

    prune_end: where masks are final; quantisers are on from quantise_at, which may be earlier. rewind_at: when the
    weights are kept that a rewind goes back to.
    """

    prune_at: int
    prune_end: int
    quantise_at: int
    snap_at: int
    total: int
    windows: tuple[Window, ...]
    rewind_at: int = 0

    @property
    def first_change(self) -> int:
        """Where float training ends."""
        return min(self.prune_at, self.quantise_at, self.snap_at)


def make_plan(recipe: Recipe, layers: int, epochs: float, steps_per_epoch: int) -> Plan:
    """Splits `epochs` as the recipe's shares say, in whole epochs where there are enough of them."""
    total = round(epochs * steps_per_epoch)
    if total < 1 or steps_per_epoch < 1:
        raise IntaglioError(f"{epochs} epochs of {steps_per_epoch} steps leave nothing to train", where="plan")
    shares = list(recipe.shares)
    if recipe.method == "float":
        shares = [1.0, 0.0, 0.0, 0.0]
    elif not recipe.compresses:
        shares[2], shares[1] = shares[2] + shares[1], 0.0
    ends, so_far = [], 0.0
    for share in shares[:3]:
        so_far += share / sum(shares)
        ends.append(round(so_far * total))
    if epochs >= 2 * sum(share > 0 for share in shares):
        ends = [round(end / steps_per_epoch) * steps_per_epoch for end in ends]
    windows: list[Window] = []
    if ends[1] > ends[0]:
        driver = driver_of(recipe.driver)
        assert driver is not None
        windows = driver(layers, recipe, Clock(steps_per_epoch, ends[1] - ends[0]))
    elif recipe.compresses and recipe.shares[1] > 0:
        raise IntaglioError(f"{epochs} epochs leave no step to prune in", where="plan", hint="train for longer")
    quantise_at = ends[0] if recipe.prune_quantised else ends[1]
    rewind_at = min(round(recipe.rewind_epoch * steps_per_epoch), ends[0])
    return Plan(ends[0], ends[1], quantise_at, ends[2], total, tuple(windows), rewind_at)
