"""Resources of a netlist: the parts of its blocks and FIFOs, times prices. Instant; no tool runs.

`price` gives the cost of a tuple of parts, `estimate` that of a whole netlist, block by block. Estimates are of the
RTL as Yosys maps it; DSP, BRAM and URAM follow the device's rules (features/), LUT and FF are fitted (prices.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..ops.links import Fifo, Frame

if TYPE_CHECKING:
    from ..ir import Parts
    from ..ops.netlist import Netlist
    from .board import Board
    from .prices import Prices


@dataclass(frozen=True, slots=True)
class Resources:
    """LUTs, flip-flops, DSP slices, block RAMs in units of 36 Kb (an 18 Kb one is a half), UltraRAMs."""

    lut: float = 0.0
    ff: float = 0.0
    dsp: float = 0.0
    bram36: float = 0.0
    uram: float = 0.0

    def __add__(self, other: Resources | int) -> Resources:
        if isinstance(other, int) and other == 0:  # sum() starts from 0
            return self
        if not isinstance(other, Resources):
            return NotImplemented
        return Resources(*(a + b for a, b in zip(self, other, strict=True)))

    __radd__ = __add__

    def __mul__(self, factor: float) -> Resources:
        return Resources(*(value * factor for value in self))

    __rmul__ = __mul__

    def __le__(self, budget: Resources) -> bool:
        """Every resource is within the budget."""
        return all(getattr(self, name) <= getattr(budget, name) for name in KINDS)

    def __iter__(self) -> Iterator[float]:
        return iter((self.lut, self.ff, self.dsp, self.bram36, self.uram))

    def shares(self, budget: Resources) -> dict[str, float]:
        """The used part of each resource; infinite where one is used that the budget does not have."""
        return {
            name: used / has if has else (float("inf") if used else 0.0)
            for name in KINDS
            for used, has in [(getattr(self, name), getattr(budget, name))]
        }

    def share(self, budget: Resources) -> float:
        """The used part of the scarcest resource."""
        return max(self.shares(budget).values())

    def rounded(self) -> dict[str, float | int]:
        """For people and files: whole LUTs and flip-flops, block RAMs in halves."""
        whole = {name: round(getattr(self, name)) for name in KINDS}
        return whole | {"bram36": round(2 * self.bram36) / 2}


KINDS = tuple(f.name for f in fields(Resources))
"""The names of the resources, in the order of every table."""


def price(parts: Parts, prices: Prices, operator: str = "") -> Resources:
    """What these parts cost together, in an operator or link of that name."""
    lut = ff = dsp = bram36 = uram = 0.0
    for part in parts:
        one = prices.unit(part, operator)
        lut += part.count * one.lut
        ff += part.count * one.ff
        dsp += part.count * one.dsp
        bram36 += part.count * one.bram36
        uram += part.count * one.uram
    return Resources(max(lut, 0.0), max(ff, 0.0), dsp, bram36, uram)


@dataclass(frozen=True)
class Estimate:
    """Resources by block, by channel (its FIFO) and by port (its frame counter).

    `steps` and `nodes` repeat, by block, what tables show beside.
    """

    blocks: Mapping[str, Resources]
    channels: Mapping[str, Resources]
    ports: Mapping[str, Resources]
    steps: Mapping[str, int]
    nodes: Mapping[str, str]

    @cached_property
    def fifos(self) -> Resources:
        return sum(self.channels.values(), Resources())

    @cached_property
    def total(self) -> Resources:
        return sum((*self.blocks.values(), *self.ports.values()), self.fifos)

    def table(self, board: Board | None = None) -> list[dict[str, Any]]:
        """Rows for people and files: each block, all FIFOs together, the frame counters of all ports, the total.

        Keys: name, kind (the template), lut, ff, dsp, bram36, uram, steps (None for the last three rows) and, for a
        board, share: how much is used of the resource of which the row uses most.
        """
        rows = [
            {"name": name, "kind": self.nodes[name], **used.rounded(), "steps": self.steps[name], "used": used}
            for name, used in self.blocks.items()
        ]
        ports = sum(self.ports.values(), Resources())
        for name, used in (("FIFOs", self.fifos), ("ports", ports), ("total", self.total)):
            rows.append({"name": name, "kind": "", **used.rounded(), "steps": None, "used": used})
        for row in rows:
            used = row.pop("used")
            if board is not None:
                row["share"] = used.share(board.capacity)
        return rows


def estimate(netlist: Netlist, prices: Prices) -> Estimate:
    """What a netlist costs, block by block and FIFO by FIFO."""
    return Estimate(
        {block.name: price(block.parts, prices, block.template) for block in netlist.blocks},
        {channel.name: price(channel.fifo.parts(), prices, Fifo.template) for channel in netlist.channels},
        {name: price(frame.parts(), prices, Frame.template) for name, frame in netlist.frames.items()},
        {block.name: block.program.steps for block in netlist.blocks},
        {block.name: block.template for block in netlist.blocks},
    )


def fits(result: Estimate, board: Board, budget: float = 1.0) -> bool:
    """Whether the total stays within this part of every resource of the board."""
    return result.total <= board.capacity * budget
