"""Prices of a device family: LUTs and flip-flops per feature of a part, as fitted to measured modules of ours.

`prices_<family>.json` is written by `intaglio calibrate` together with the table it was fitted to
(`measured_<family>.csv`) and the errors on configurations held out (`errors_<family>.json`). A board may have prices of
its own beside it, fitted to the reports of its owner's tools: `load_prices` takes a family or the path of such a file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from ..errors import IntaglioError
from ..ir import Part
from .features import features, fixed
from .resources import Resources


@dataclass(frozen=True)
class Prices:
    """Price by "kind.feature"; what no measured module had is free.

    Attributes:
        family: `xc7` or `xcup`.
        lut, ff: of any operator.
        operators: by operator or link, {"lut": ..., "ff": ...}: what differs there, for the parts of one kind are not
            surrounded by the same logic everywhere.
        made_by: versions and provenance.
    """

    family: str
    lut: Mapping[str, float]
    ff: Mapping[str, float]
    operators: Mapping[str, Mapping[str, Mapping[str, float]]] = field(default_factory=dict)
    made_by: Mapping[str, Any] = field(default_factory=dict)
    _units: dict[tuple[Any, ...], Resources] = field(default_factory=dict, repr=False, compare=False)

    def of(self, operator: str) -> tuple[Mapping[str, float], Mapping[str, float]]:
        """The prices of LUTs and of flip-flops that hold in an operator."""
        own = self.operators.get(operator, {})
        return {**self.lut, **own.get("lut", {})}, {**self.ff, **own.get("ff", {})}

    def unit(self, part: Part, operator: str = "") -> Resources:
        """What ONE piece of this part costs in an operator (its count is not applied)."""
        key = (operator, part.kind, *part.sizes.items())
        if key not in self._units:
            named, hard = features(part), fixed(part)
            lut, ff = self.of(operator)
            self._units[key] = Resources(
                sum(lut.get(name, 0.0) * value for name, value in named.items()),
                sum(ff.get(name, 0.0) * value for name, value in named.items()),
                hard.dsp,
                hard.bram36,
                hard.uram,
            )
        return self._units[key]

    def scaled(self, lut: float, ff: float) -> Prices:
        """All prices of LUTs and of flip-flops times a factor."""

        def times(prices: Mapping[str, float], factor: float) -> dict[str, float]:
            return {name: price * factor for name, price in prices.items()}

        factors = {"lut": lut, "ff": ff}
        operators = {
            operator: {name: times(prices, factors[name]) for name, prices in own.items()}
            for operator, own in self.operators.items()
        }
        return Prices(self.family, times(self.lut, lut), times(self.ff, ff), operators, self.made_by)

    @property
    def title(self) -> str:
        """Which prices these are, in a line for people."""
        made = self.made_by
        by = f"{made.get('modules', 'no')} modules of {made.get('tool') or made.get('yosys', 'an unknown tool')}"
        lent = f", and {made['lent']} lent by {made['lent_by']}" if made.get("lent") else ""
        return f"{self.family}, fitted to {by.split(' (git', maxsplit=1)[0]}{lent}"

    def save(self, path: Path) -> None:
        text = {
            "family": self.family,
            "made_by": dict(self.made_by),
            "lut": dict(self.lut),
            "ff": dict(self.ff),
            "operators": {name: dict(own) for name, own in self.operators.items()},
        }
        draft = path.with_suffix(".part")
        draft.write_text(json.dumps(text, indent=1, sort_keys=True) + "\n")
        draft.replace(path)

    @staticmethod
    def read(path: Path) -> Prices:
        """Raises IntaglioError for a file that holds no prices."""
        try:
            data = json.loads(path.read_text())
            return Prices(data["family"], data["lut"], data["ff"], data.get("operators", {}), data["made_by"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise IntaglioError(
                f"these are no prices: {error!r}", where=str(path), hint="`intaglio calibrate` writes them"
            ) from None


@cache
def load_prices(family: str) -> Prices:
    """The prices of a family that come with the package, or those of a .json. Raises IntaglioError for neither."""
    if family.endswith(".json"):
        return Prices.read(Path(family))
    folder = Path(str(files("intaglio.estimate")))
    path = folder / f"prices_{family}.json"
    if not path.is_file():
        known = sorted(p.stem.removeprefix("prices_") for p in folder.glob("prices_*.json"))
        raise IntaglioError(
            f"there are no prices for device family {family!r}",
            hint=f"one of {', '.join(known)}; or measure them: intaglio calibrate --family {family}",
        )
    return Prices.read(path)
