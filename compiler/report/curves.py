"""Curves of means with intervals, and fronts among points: accuracy over what it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING

from .drawing import AFTER, BEFORE, INK, SOFT, as_svg, blank

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = (AFTER, INK, "#4f7f8f", "#c79a3a", "#7a5c86", "#6b8f4e")
MARKERS = "osD^vP"


@dataclass(frozen=True)
class Curve:
    """x, y and the half-width of y's interval, point by point."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    half: Sequence[float]


def draw_curves(curves: Sequence[Curve], x: str, y: str, *, logarithmic: bool = False) -> str:
    """The curves in one plot, as an SVG file of its own; x, y: what the axes say."""
    figure, axes = blank(7.4, 4.6)
    for number, curve in enumerate(curves):
        axes.errorbar(
            curve.x,
            curve.y,
            curve.half,
            label=curve.name,
            color=COLOURS[number % len(COLOURS)],
            marker=MARKERS[number % len(MARKERS)],
            markersize=4,
            linewidth=1.4,
            elinewidth=0.8,
            capsize=2,
        )
    _label(axes, x, y, logarithmic)
    axes.legend(fontsize=8, frameon=False, labelcolor=INK)
    return as_svg(figure, paper=True)


def draw_front(
    points: Sequence[tuple[float, float]],
    front: Sequence[tuple[float, float]],
    lines: Mapping[str, float],
    x: str,
    y: str,
) -> str:
    """All points, those on the front joined by steps, and horizontal lines, the first named above, the next below."""
    figure, axes = blank(7.4, 4.6)
    if points:
        across, up = zip(*points, strict=True)
        axes.scatter(across, up, s=14, color=BEFORE, label="tried")
    if front:
        across, up = zip(*front, strict=True)
        axes.step(across, up, where="post", color=AFTER, linewidth=1.2)
        axes.scatter(across, up, s=26, color=AFTER, label="front", zorder=3)
    for (name, at), side in zip(lines.items(), cycle(("bottom", "top")), strict=False):
        axes.axhline(at, color=SOFT, linewidth=0.8, linestyle=(0, (4, 3)))
        axes.annotate(name, (1, at), xycoords=("axes fraction", "data"), ha="right", va=side, size=8, color=SOFT)
    _label(axes, x, y, logarithmic=False)
    if points:
        axes.legend(fontsize=8, frameon=False, labelcolor=INK, loc="lower right")
    return as_svg(figure, paper=True)


def _label(axes: Axes, x: str, y: str, logarithmic: bool) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    if logarithmic:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5, 7)))
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.set_xlabel(x, fontsize=9, color=INK)
    axes.set_ylabel(y, fontsize=9, color=INK)
    axes.grid(axis="y", color=BEFORE, linewidth=0.4)
    axes.set_axisbelow(True)
