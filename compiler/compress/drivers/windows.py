"""Windows: when each layer is watched, and when its mask is renewed and frozen.

A driver is a function from the number of layers and a clock to a list of windows. The clock counts optimiser steps from
the beginning of the pruning phase.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..recipe import Recipe


@dataclass(frozen=True, slots=True)
class Window:
    """Layer `layer` is watched during steps start+1 .. stop; its mask is renewed after each step of `refreshes`.

    The last refresh is at `stop`: from there on the mask is frozen. `share` is how much of the way to the recipe's
    sparsity this window goes, in equal shares of all weights or (geometric) of those that are left.

    splitting: the weights are drawn towards what they must become (ADMM); a refresh moves that target, the last one
    takes it. levels: weights must come to lie on their codebook's levels, too; in so many rounds, each of which sets
    some of them there for good.
    """

    layer: int
    start: int
    stop: int
    refreshes: tuple[int, ...]
    share: float = 1.0
    geometric: bool = False
    splitting: bool = False
    levels: bool = False
    rounds: int = 1

    def kept(self, keep: float) -> float:
        """The share that stays after this window, where `keep` stays in the end."""
        return keep**self.share if self.geometric else 1 - (1 - keep) * self.share

    def settled(self, refresh: int) -> float:
        """The share of the weights that lie on levels for good after the refresh at that step."""
        done = self.refreshes.index(refresh) + 1
        return (done * self.rounds // len(self.refreshes)) / self.rounds


@dataclass(frozen=True, slots=True)
class Clock:
    """steps_per_epoch, and how many steps the pruning phase has."""

    steps_per_epoch: int
    budget: int


Driver = Callable[[int, "Recipe", Clock], list[Window]]


def lengths(windows: int, recipe: Recipe, clock: Clock) -> tuple[int, int]:
    """Steps before the first window, and steps of each; both shrink where the phase is too short for the recipe."""
    delta = max(1, round(recipe.layer_epochs * clock.steps_per_epoch))
    begin = beginning(windows, recipe, clock)
    room = max(windows * 2, clock.budget)
    return begin, max(1, min(delta, (room - begin) // max(1, windows) - 1))


def beginning(windows: int, recipe: Recipe, clock: Clock) -> int:
    """Steps before the first window."""
    return min(round(recipe.start_epoch * clock.steps_per_epoch), max(windows * 2, clock.budget) // 4)


def evenly(start: int, delta: int, count: int) -> tuple[int, ...]:
    """`count` steps (fewer where delta is shorter), the last one delta after start."""
    return tuple(sorted({start + max(1, round(delta * i / count)) for i in range(1, count + 1)}))
