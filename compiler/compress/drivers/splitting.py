"""ADMM (6, 13 to 18), which draws weights to a target, and what wraps it: chains of budgets, levels in rounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from .windows import Clock, Driver, Window, beginning, evenly

if TYPE_CHECKING:
    from ..recipe import Recipe


def admm(layers: int, recipe: Recipe, clock: Clock) -> list[Window]:
    """All layers together: `updates` of target and multipliers in `ramp` of the phase, then the hard projection.

    Where weights must come to lie on levels, too, the first half of the time goes to the mask (cardinality then
    levels), and in the second the survivors are drawn to their levels; with nothing to prune there is no first half.
    """
    levels, prunes = "levels" in recipe.projections, recipe.prunes
    begin = beginning(1, recipe, clock)
    length = max(2, round((clock.budget - begin) * recipe.ramp))
    halves = [(False, begin, begin + length)]
    if levels and prunes:
        halves = [(False, begin, begin + length // 2), (True, begin + length // 2, begin + length)]
    elif levels:
        halves = [(True, begin, begin + length)]
    return [
        Window(layer, start, stop, evenly(start, stop - start, recipe.updates), splitting=True, levels=on_levels)
        for on_levels, start, stop in halves
        for layer in range(layers)
    ]


def progressive(inner: Driver) -> Driver:
    """A chain of `stages` partial prunings, each a whole run of another driver (Ye 2018, 2019)."""

    def chain(layers: int, recipe: Recipe, clock: Clock) -> list[Window]:
        stages = max(1, min(recipe.stages, clock.budget // 8))
        each = Clock(clock.steps_per_epoch, max(1, clock.budget // stages))
        windows: list[Window] = []
        offset = 0
        for stage in range(stages):
            mine = inner(layers, recipe, each)
            if stage < stages - 1 and any(not w.levels for w in mine):
                mine = [w for w in mine if not w.levels]  # levels come once, at the end of the chain
            windows += [_moved(w, offset, (stage + w.share) / stages) for w in mine]
            offset = max([offset + each.budget, *(w.stop for w in windows)])
        return windows

    return chain


def _moved(window: Window, offset: int, share: float) -> Window:
    refreshes = tuple(r + offset for r in window.refreshes)
    start, stop = window.start + offset, window.stop + offset
    return replace(window, start=start, stop=stop, refreshes=refreshes, share=share, geometric=True)


def easiest_first(inner: Driver) -> Driver:
    """Weights are set on their levels in `stages` rounds, the nearest first, while the others train on (14)."""

    def in_rounds(layers: int, recipe: Recipe, clock: Clock) -> list[Window]:
        return [replace(w, rounds=recipe.stages) if w.levels else w for w in inner(layers, recipe, clock)]

    return in_rounds


WRAPPERS: dict[str, Callable[[Driver], Driver]] = {"progressive": progressive, "easiest-first": easiest_first}
