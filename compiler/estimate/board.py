"""Boards: what a part holds, read from boards/<name>.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from ..errors import IntaglioError
from .energy import EnergyRow
from .resources import Resources


@dataclass(frozen=True)
class Board:
    """A board and the budget of its part.

    family: `zynq7`, `zynqmp`, `7series` or `ultrascale+`. prices: the price list its estimates use: that of a device
    family (`xc7`, `xcup`), or the path of the board's own, `<board>.prices.json` beside its .toml, where there is one.
    energy: what an inference takes is modelled from it; None where its .toml has no `[energy]`.
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
    energy: EnergyRow | None = None


def board_names() -> list[str]:
    """Names of all boards that come with the package."""
    return sorted(
        entry.name.removesuffix(".toml") for entry in files("intaglio.boards").iterdir() if entry.name.endswith(".toml")
    )


def board_file(name: str) -> Path:
    """Where a board is described: in the package, or where a path to a .toml says."""
    return Path(name) if name.endswith(".toml") else Path(str(files("intaglio.boards").joinpath(f"{name}.toml")))


def own_prices(board: Path) -> Path:
    """Where the prices of a board's owner lie, if there are any: beside its file."""
    return board.with_name(board.stem + ".prices.json")


@cache
def load_board(name: str) -> Board:
    """The board of that name, or the one a path to a .toml describes. Raises IntaglioError for an unknown one."""
    path = board_file(name)
    if not path.is_file():
        raise IntaglioError(
            f"there is no board {name!r}",
            where="board",
            hint=f"one of {', '.join(board_names())}, or the path of a .toml like those",
        )
    try:
        table = tomllib.loads(path.read_text())
        capacity = Resources(**table.pop("capacity"))
        energy = EnergyRow.read(table.pop("energy")) if "energy" in table else None
        own = own_prices(path)
        if own.is_file():
            table["prices"] = str(own)
        return Board(name=Path(name).name.removesuffix(".toml"), capacity=capacity, energy=energy, **table)
    except IntaglioError as error:
        raise IntaglioError(error.what, where=str(path), hint=error.hint) from None
    except (tomllib.TOMLDecodeError, TypeError, KeyError) as error:
        raise IntaglioError(f"the board file cannot be read: {error}", where=str(path)) from None
