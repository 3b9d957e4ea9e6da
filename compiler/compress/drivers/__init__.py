"""Drivers: when each layer is watched, and when its mask is renewed and frozen.

A driver's name is one of DRIVERS, or `progressive(...)` or `easiest-first(...)` around one.
"""

from .in_windows import cubic, iterative, layerwise, one_shot, relaxed, stepwise
from .splitting import WRAPPERS, admm
from .windows import Clock, Driver, Window

DRIVERS: dict[str, Driver] = {
    "layerwise": layerwise,
    "one-shot": one_shot,
    "stepwise": stepwise,
    "cubic": cubic,
    "iterative": iterative,
    "admm": admm,
    "relaxed": relaxed,
}

__all__ = ["DRIVERS", "Clock", "Driver", "Window", "driver_of", "layerwise", "one_shot", "stepwise"]


def driver_of(name: str) -> Driver | None:
    """The driver of a name such as `admm` or `progressive(admm)`; None where there is none."""
    outer, bracket, inner = name.partition("(")
    if not bracket:
        return DRIVERS.get(name)
    found = driver_of(inner.removesuffix(")"))
    wrap = WRAPPERS.get(outer)
    return wrap(found) if wrap and found and inner.endswith(")") else None
