"""The operators of the reference, by name: each file of operators adds its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Operator = Callable[..., Any]
OPERATORS: dict[str, Operator] = {}


def operator(*names: str) -> Callable[[Operator], Operator]:
    """Registers f(node, *inputs) -> one array, or a tuple of them; an optional input that is absent is None."""

    def register(function: Operator) -> Operator:
        for name in names:
            if name in OPERATORS:
                raise ValueError(f"{name} has two definitions")
            OPERATORS[name] = function
        return function

    return register
