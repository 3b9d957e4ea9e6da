"""What every file of features is made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import log2

Sizes = dict[str, int]
Features = Mapping[str, float]
Make = Callable[[Sizes], Features]

CHOICE_BITS = 4.5
"""Address bits from which on constants read from a memory are as good as any value: a LUT takes six inputs."""


def choice(s: Sizes) -> float:
    """0 for a constant, 1 for any value: how much of a free variable one of `words` constants is."""
    return min(1.0, log2(s["words"]) / CHOICE_BITS) if "words" in s else 1.0
