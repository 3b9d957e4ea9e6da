"""Boards: what a part holds, read from boards/<name>.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from ..errors import IntaglioError
from .resources import Resources


@dataclass(frozen=True)
class Board:
    """A board and the budget of its part.

    family: `zynq7`, `zynqmp`, `7series` or `ultrascale+`. prices: the price list its estimates use (`xc7`, `xcup`).
    """

    name: str
    title: str
    part: str
    family: str
    board_part: str
    processing_system: bool
    prices: str
    default_clock_mhz: float
    capacity: Resources


def board_names() -> list[str]:
    """Names of all boards that come with the package."""
    return sorted(
        entry.name.removesuffix(".toml") for entry in files("intaglio.boards").iterdir() if entry.name.endswith(".toml")
    )


@cache
def load_board(name: str) -> Board:
    """The board of that name, or the one a path to a .toml describes. Raises IntaglioError for an unknown one."""
    path = Path(name) if name.endswith(".toml") else files("intaglio.boards").joinpath(f"{name}.toml")
    if not path.is_file():
        raise IntaglioError(
            f"there is no board {name!r}",
            where="board",
            hint=f"one of {', '.join(board_names())}, or the path of a .toml like those",
        )
    try:
        table = tomllib.loads(path.read_text())
        capacity = Resources(**table.pop("capacity"))
        return Board(name=Path(name).name.removesuffix(".toml"), capacity=capacity, **table)
    except (tomllib.TOMLDecodeError, TypeError, KeyError) as error:
        raise IntaglioError(f"the board file cannot be read: {error}", where=str(path)) from None
