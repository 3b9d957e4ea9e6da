"""Which specimens are drawn: per operator, how many are measured and how one is drawn. Every file here adds its own."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from .common import Draw, Drawer

__all__ = ["DRAWS", "Draw", "Drawer"]

DRAWS: dict[str, tuple[int, Drawer]] = {}
for _module in sorted(m.name for m in iter_modules(__path__)):
    DRAWS |= getattr(import_module(f"{__name__}.{_module}"), "DRAWS", {})
