"""How every plot of ours looks: colours, bare axes, SVG."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, SOFT, BEFORE, AFTER, PAPER = "#1c2733", "#5d6b79", "#b9c4cf", "#b4532a", "#fbfaf7"


def blank(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure in inches and its axes, without a frame."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(labelsize=8, colors=INK)
    axes.tick_params(axis="y", length=0)
    axes.patch.set_alpha(0)
    return figure, axes


def as_svg(figure: Figure, *, paper: bool = False) -> str:
    """The figure as one SVG element, the same text for the same figure. paper: not transparent, for a file alone."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    if paper:
        figure.patch.set_facecolor(PAPER)
    else:
        figure.patch.set_alpha(0)
    out = io.StringIO()
    with rc_context({"svg.hashsalt": "intaglio"}):
        FigureCanvasSVG(figure).print_svg(out, metadata={"Date": None})  # type: ignore[no-untyped-call]
    text = out.getvalue()
    return text[text.index("<svg") :]
