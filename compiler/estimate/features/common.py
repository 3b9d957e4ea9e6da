"""What every file of features is made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ...ops.timing import LUT_INPUTS

__all__ = ["LUT_INPUTS", "Features", "Make", "Sizes"]

Sizes = dict[str, int]
Features = Mapping[str, float]
Make = Callable[[Sizes], Features]
