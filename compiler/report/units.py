"""Numbers as people read them, in tables and on the page."""

from __future__ import annotations

PREFIXES = ((1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"), (1e-12, "p"))


def count(value: float) -> str:
    """12,345; with a letter from ten millions on: 12.3 M."""
    for unit, name in ((1e12, "T"), (1e9, "G"), (1e7, "M")):
        if abs(value) >= unit:
            return f"{value / (1e6 if name == 'M' else unit):,.1f} {name}"
    return f"{value:,.0f}"


def percent(share: float) -> str:
    """A share, to a tenth of a per cent."""
    return f"{100 * share:.1f} %"


def joules(value: float) -> str:
    """With the prefix that leaves a number from 1 to 999."""
    for unit, prefix in PREFIXES:
        if abs(value) >= unit:
            return f"{value / unit:.3g} {prefix}J"
    return f"{value:.3g} J"
