"""How a recipe's values are checked, and what is said about a wrong one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from math import isfinite
from typing import Any

from ..errors import IntaglioError

Check = Callable[[str, Any], None]


def refuse(what: str, hint: str) -> None:
    raise IntaglioError(f"{what} makes no sense", where="recipe", hint=hint)


def near(value: object, known: Iterable[str]) -> str:
    """A hint: the name that was probably meant, or all there are."""
    names = list(known)
    found = get_close_matches(str(value), names, 1)
    return (f"did you mean {found[0]}? " if found else "") + f"it is one of {', '.join(names)}"


def is_real(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def one_of(known: Iterable[str]) -> Check:
    def check(name: str, value: Any) -> None:
        if value not in known:
            refuse(f"{name} = {value!r}", near(value, known))

    return check


def whole(low: int, high: int) -> Check:
    def check(name: str, value: Any) -> None:
        if not is_whole(value) or not low <= value <= high:
            refuse(f"{name} = {value!r}", f"a whole number from {low} to {high}")

    return check


def real(low: float, high: float = float("inf"), hint: str = "") -> Check:
    """A number from low to high."""
    said = hint or (f"a number from {low:g} to {high:g}" if isfinite(high) else f"a number of at least {low:g}")

    def check(name: str, value: Any) -> None:
        if not is_real(value) or not low <= value <= high:
            refuse(f"{name} = {value!r}", said)

    return check


def share_of(what: str) -> Check:
    """A share above 0 and at most 1."""

    def check(name: str, value: Any) -> None:
        if not is_real(value) or not 0 < value <= 1:
            refuse(f"{name} = {value!r}", f"a share of {what} lies above 0 and at most at 1")

    return check


def or_none(inner: Check) -> Check:
    def check(name: str, value: Any) -> None:
        if value is not None:
            inner(name, value)

    return check


def by_layer(inner: Check) -> Check:
    """One value, or values by the name of a layer."""

    def check(name: str, value: Any) -> None:
        for layer, one in value.items() if isinstance(value, Mapping) else [("", value)]:
            inner(f"{name} of {layer}" if layer else name, one)

    return check


def one_or_several(one: Check, each: Check) -> Check:
    """A value, or a list of them."""

    def check(name: str, value: Any) -> None:
        if isinstance(value, Sequence) and not isinstance(value, str):
            several(each, 1, 1_000_000)(name, value)
        else:
            one(name, value)

    return check


def several(inner: Check, least: int = 0, most: int = 1000) -> Check:
    def check(name: str, value: Any) -> None:
        if not isinstance(value, Sequence) or isinstance(value, str) or not least <= len(value) <= most:
            counted = f"{least}" if least == most else f"{least} to {most}"
            refuse(f"{name} = {value!r}", f"a list of {counted} values")
        for one in value:
            inner(name, one)

    return check


def true_or_false(name: str, value: Any) -> None:
    if not isinstance(value, bool):
        refuse(f"{name} = {value!r}", "true or false")
