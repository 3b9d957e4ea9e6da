"""Drivers that watch a while and then decide: layerwise, one-shot, stepwise, cubic, iterative, relaxed."""

from __future__ import annotations

from math import ceil, log
from typing import TYPE_CHECKING

from .windows import Clock, Window, beginning, evenly, lengths

if TYPE_CHECKING:
    from ..recipe import Recipe


def layerwise(layers: int, recipe: Recipe, clock: Clock) -> list[Window]:
    """Front to back, one at a time: layer i starts at t0 + i*(delta + 1), its mask is renewed within delta."""
    begin, delta = lengths(layers, recipe, clock)
    starts = [begin + i * (delta + 1) for i in range(layers)]
    return [Window(i, s, s + delta, evenly(s, delta, recipe.refreshes)) for i, s in enumerate(starts)]


def one_shot(layers: int, recipe: Recipe, clock: Clock) -> list[Window]:
    """All layers at once, from statistics of the dense network."""
    begin, delta = lengths(1, recipe, clock)
    return [Window(i, begin, begin + delta, (begin + delta,)) for i in range(layers)]


def stepwise(layers: int, recipe: Recipe, clock: Clock) -> list[Window]:
    """All layers together in several global steps, each a part of the way."""
    begin, delta = lengths(recipe.stages, recipe, clock)
    windows = []
    for stage in range(recipe.stages):
        start = begin + stage * (delta + 1)
        share = (stage + 1) / recipe.stages
        windows += [Window(i, start, start + delta, (start + delta,), share) for i in range(layers)]
    return windows


def _rounds(layers: int, recipe: Recipe, clock: Clock, shares: list[float], *, geometric: bool) -> list[Window]:
    """All layers together in rounds that fill `ramp` of the phase: watched for the whole round, pruned at its end."""
    begin = beginning(len(shares), recipe, clock)
    end = begin + max(1, round((clock.budget - begin) * recipe.ramp))
    bounds = [begin, *evenly(begin, end - begin, len(shares))]
    shares = shares[len(shares) - (len(bounds) - 1) :]  # fewer, but the last ones, where there are too few steps
    return [
        Window(layer, start, stop, (stop,), share, geometric)
        for start, stop, share in zip(bounds[:-1], bounds[1:], shares, strict=True)
        for layer in range(layers)
    ]


def cubic(layers: int, recipe: Recipe, clock: Clock) -> list[Window]:
    """Sparsity s*(1 - (1 - t)^3) of the way t (Zhu, Gupta 2017): fast while there is much to take."""
    count = recipe.stages
    return _rounds(layers, recipe, clock, [1 - (1 - (i + 1) / count) ** 3 for i in range(count)], geometric=False)


def iterative(layers: int, recipe: Recipe, clock: Clock) -> list[Window]:
    """The same share of what is left in every round, with training between: `round_keep`, or in `stages` rounds."""
    count = recipe.stages
    smallest = min(recipe.shares_kept)
    if recipe.round_keep is not None and smallest < 1:
        count = max(1, ceil(log(smallest) / log(recipe.round_keep) - 1e-9))
    return _rounds(layers, recipe, clock, [(i + 1) / count for i in range(count)], geometric=True)


def relaxed(layers: int, recipe: Recipe, clock: Clock) -> list[Window]:
    """All layers are watched (their gates learn) for `ramp` of the phase, and closed at its end."""
    return _rounds(layers, recipe, clock, [1.0], geometric=False)
