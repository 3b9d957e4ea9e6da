"""Prices of a device family: LUTs and flip-flops per feature of a part, as fitted to Yosys runs on our own modules.

`prices_<family>.json` is written by `intaglio.flow.calibrate` together with the table it was fitted to
(`measured_<family>.csv`) and the errors on configurations held out (`errors_<family>.json`).
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
    """lut, ff: price by "kind.feature"; what no measured module had is free. made_by: versions and provenance."""

    family: str
    lut: Mapping[str, float]
    ff: Mapping[str, float]
    made_by: Mapping[str, Any] = field(default_factory=dict)
    _units: dict[tuple[Any, ...], Resources] = field(default_factory=dict, repr=False, compare=False)

    def unit(self, part: Part) -> Resources:
        """What ONE piece of this part costs (its count is not applied)."""
        key = (part.kind, *part.sizes.items())
        if key not in self._units:
            named = features(part)
            hard = fixed(part)
            self._units[key] = Resources(
                sum(self.lut.get(name, 0.0) * value for name, value in named.items()),
                sum(self.ff.get(name, 0.0) * value for name, value in named.items()),
                hard.dsp,
                hard.bram36,
                hard.uram,
            )
        return self._units[key]

    def save(self, path: Path) -> None:
        text = {"family": self.family, "made_by": dict(self.made_by), "lut": dict(self.lut), "ff": dict(self.ff)}
        path.write_text(json.dumps(text, indent=1, sort_keys=True) + "\n")

    @staticmethod
    def read(path: Path) -> Prices:
        data = json.loads(path.read_text())
        return Prices(data["family"], data["lut"], data["ff"], data["made_by"])


@cache
def load_prices(family: str) -> Prices:
    """The prices that come with the package. Raises IntaglioError for a family that was never measured."""
    folder = Path(str(files("intaglio.estimate")))
    path = folder / f"prices_{family}.json"
    if not path.is_file():
        known = sorted(p.stem.removeprefix("prices_") for p in folder.glob("prices_*.json"))
        raise IntaglioError(
            f"there are no prices for device family {family!r}",
            hint=f"one of {', '.join(known)}; or measure them: python -m intaglio.flow.calibrate --family {family}",
        )
    return Prices.read(path)
