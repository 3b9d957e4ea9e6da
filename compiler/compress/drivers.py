"""Drivers: when each layer's channels are watched, and when its mask is renewed and frozen.

A driver is a function from the number of layers and a clock to a list of windows. The clock counts optimiser steps from
the beginning of the pruning phase.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .recipe import Recipe


@dataclass(frozen=True, slots=True)
class Window:
    """Layer `layer` is watched during steps start+1 .. stop; its mask is renewed after each step of `refreshes`.

    The last refresh is at `stop`: from there on the mask is frozen. `share` is how much of the way to the recipe's
    sparsity this window goes.
    """

    layer: int
    start: int
    stop: int
    refreshes: tuple[int, ...]
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Clock:
    """steps_per_epoch, and how many steps the pruning phase has."""

    steps_per_epoch: int
    budget: int


Driver = Callable[[int, Recipe, Clock], list[Window]]


def _lengths(windows: int, recipe: Recipe, clock: Clock) -> tuple[int, int]:
    """Steps before the first window, and steps of each; both shrink where the phase is too short for the recipe."""
    delta = max(1, round(recipe.layer_epochs * clock.steps_per_epoch))
    begin = round(recipe.start_epoch * clock.steps_per_epoch)
    room = max(windows * 2, clock.budget)
    begin = min(begin, room // 4)
    return begin, max(1, min(delta, (room - begin) // max(1, windows) - 1))


def _refreshes(start: int, delta: int, count: int) -> tuple[int, ...]:
    return tuple(sorted({start + max(1, round(delta * i / count)) for i in range(1, count + 1)}))


def layerwise(layers: int, recipe: Recipe, clock: Clock) -> list[Window]:
    """Front to back, one at a time: layer i starts at t0 + i*(delta + 1), its mask is renewed within delta."""
    begin, delta = _lengths(layers, recipe, clock)
    starts = [begin + i * (delta + 1) for i in range(layers)]
    return [Window(i, s, s + delta, _refreshes(s, delta, recipe.refreshes)) for i, s in enumerate(starts)]


def one_shot(layers: int, recipe: Recipe, clock: Clock) -> list[Window]:
    """All layers at once, from statistics of the dense network."""
    begin, delta = _lengths(1, recipe, clock)
    return [Window(i, begin, begin + delta, (begin + delta,)) for i in range(layers)]


def stepwise(layers: int, recipe: Recipe, clock: Clock) -> list[Window]:
    """All layers together in several global steps, each a part of the way."""
    begin, delta = _lengths(recipe.stages, recipe, clock)
    windows = []
    for stage in range(recipe.stages):
        start = begin + stage * (delta + 1)
        share = (stage + 1) / recipe.stages
        windows += [Window(i, start, start + delta, (start + delta,), share) for i in range(layers)]
    return windows


DRIVERS: dict[str, Driver] = {"layerwise": layerwise, "one-shot": one_shot, "stepwise": stepwise}
