"""Energy of an inference, MODELLED: from what a design is made of and how long each part of it works, never measured.

joules = static watts * interval / clock
       + for each block: cycles it works * (sum of count * activity * joules per toggle)
       + interval * flip-flops * joules per clock edge

What a toggle takes is said, with its sources, in the `[energy]` table of a board (boards/<board>.toml). Beside the
model stand devices that others measured (measured_devices.csv). The processor's work, DRAM and the rest of a board are
not counted.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from ..errors import IntaglioError
from .resources import KINDS, Resources

if TYPE_CHECKING:
    from ..ops.netlist import Netlist
    from .resources import Estimate


@dataclass(frozen=True)
class EnergyRow:
    """What a device takes, all in watts and joules.

    Attributes:
        static_watts: of the configured device, nothing moving.
        toggle: by resource, one toggle of one LUT (its nets included), flip-flop, DSP slice; of one block RAM or
            UltraRAM, one access.
        activity: by resource, toggles (accesses) in a cycle in which its block works.
        clock: a flip-flop's share of the clock tree, each cycle, whatever it holds.
        sources: where the numbers come from; what was assumed says so.
    """

    static_watts: float
    toggle: Mapping[str, float]
    activity: Mapping[str, float]
    clock: float
    sources: list[str]

    @staticmethod
    def read(table: Mapping[str, Any]) -> EnergyRow:
        """The `[energy]` table of a board. Raises IntaglioError where one of its numbers is missing or no number."""
        try:
            toggle, activity = ({k: float(table[name][k]) for k in KINDS} for name in ("toggle", "activity"))
            watts, clock = float(table["static_watts"]), float(table["clock"])
            sources = [str(text) for text in table["sources"]]
        except (KeyError, TypeError, ValueError) as error:
            names = ", ".join(f.name for f in fields(EnergyRow))
            raise IntaglioError(
                f"its energy cannot be read: {error!r}", hint=f"[energy] has {names}; of toggle and activity, {KINDS}"
            ) from None
        return EnergyRow(watts, toggle, activity, clock, sources)


@dataclass(frozen=True)
class Energy:
    """Modelled joules of one inference, frames following each other without a gap."""

    static: float
    clock: float
    blocks: Mapping[str, float]
    seconds: float

    @property
    def dynamic(self) -> float:
        return self.clock + sum(self.blocks.values())

    @property
    def total(self) -> float:
        return self.static + self.dynamic

    @property
    def dynamic_watts(self) -> float:
        return self.dynamic / self.seconds


def model_energy(netlist: Netlist, used: Estimate, interval: int, clock_mhz: float, row: EnergyRow) -> Energy:
    """Modelled energy of a frame; `interval` in cycles. A block works in the steps of its program, a FIFO in its beats,
    the frame counters of the ports in theirs.
    """
    beats = {channel.name: channel.beats for channel in netlist.channels}
    works = [(name, cost, used.steps[name]) for name, cost in used.blocks.items()]
    works += [("FIFOs", cost, beats[name]) for name, cost in used.channels.items()]
    works += [("ports", cost, beats[name]) for name, cost in used.ports.items()]
    joules: dict[str, float] = {}
    for name, cost, cycles in works:
        joules[name] = joules.get(name, 0.0) + cycles * _busy(cost, row)
    seconds = interval / (clock_mhz * 1e6)
    return Energy(row.static_watts * seconds, interval * used.total.ff * row.clock, joules, seconds)


def _busy(used: Resources, row: EnergyRow) -> float:
    """Joules of a cycle in which these work."""
    return sum(count * row.activity[kind] * row.toggle[kind] for kind, count in zip(KINDS, used, strict=True))


@cache
def measured_devices() -> tuple[dict[str, Any], ...]:
    """Devices that others measured, a row each; watts and joules are dynamic, above idle."""
    numbers = {"dynamic_watts", "inferences_per_second", "millijoules_per_inference"}
    text = files("intaglio.estimate").joinpath("measured_devices.csv").read_text()
    return tuple(
        {key: float(value) if key in numbers else value for key, value in row.items()}
        for row in csv.DictReader(text.splitlines())
    )
