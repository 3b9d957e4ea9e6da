"""The table of rules, and how to read the arguments that ATen's operators share.

A rule takes the arguments by name (`Arguments.take`) and gives back the value; what it leaves untaken is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .values import Arguments, Result

Rule = Callable[[Arguments], Result]
RULES: dict[str, Rule] = {}


def rule(*operators: str) -> Callable[[Rule], Rule]:
    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(operators, function))
        return function

    return register


def numbers(value: Any) -> list[int]:
    """One number or several, as a list."""
    return [int(v) for v in value] if isinstance(value, Sequence) else [int(value)]


def pair(value: Any, axes: int = 2, above: int = 1) -> tuple[int, int]:
    """(down, right): one number for all axes or one each. A signal has one axis, on an image of height 1: `above`."""
    found = numbers(value)
    return (above, found[-1]) if axes == 1 else (found[0], found[-1])


def axis_of(dim: int, rank: int) -> int:
    return int(dim) % rank
