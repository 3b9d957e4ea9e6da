"""The same design against every board: what of each it would take, at which prices."""

from __future__ import annotations

from typing import Any

from ..estimate.board import Board, board_names, load_board
from ..estimate.prices import Prices, load_prices
from ..estimate.resources import KINDS, Estimate, estimate
from ..ops.netlist import Netlist


def price_facts(prices: Prices, board: Board) -> dict[str, Any]:
    """Which prices are in force. own: the file of the board's owner, where it is that."""
    own = board.prices if board.prices.endswith(".json") else None
    return {"family": prices.family, "title": prices.title, "own": own, "made_by": dict(prices.made_by)}


def board_facts(netlist: Netlist, board: Board) -> list[dict[str, Any]]:
    """A row for each board that comes with the package, and for the design's own: the kernels are the design's.

    A share is None where the board has none of what is used.
    """
    boards = {name: load_board(name) for name in board_names()} | {board.name: board}
    used: dict[str, Estimate] = {}
    rows = []
    for each in boards.values():
        prices = load_prices(each.prices)
        if each.prices not in used:
            used[each.prices] = estimate(netlist, prices)
        total = used[each.prices].total
        shares = total.shares(each.capacity)
        rows.append(
            {
                "name": each.name,
                "title": each.title,
                "fits": total <= each.capacity,
                **total.rounded(),
                "share": {kind: None if shares[kind] == float("inf") else round(shares[kind], 4) for kind in KINDS},
                "prices": prices.title,
            }
        )
    return rows
