"""What the experiments share: seeds, intervals, and one row of RESULTS.md each.

An experiment is a script of its own, one command. It runs every arm (the method, its baselines) once a seed, says
what its claim needs to hold, and writes its numbers to results/<system>.json; RESULTS.md is rendered from those files.
A claim that does not hold is written down as one that does not.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import stats

HERE = Path(__file__).parent
RESULTS = HERE / "results"
TABLE = HERE / "RESULTS.md"
LEVEL = 0.95

sys.path.insert(0, str(HERE.parent))  # training.py and data.py of the examples

Measured = dict[str, float]
"""Quantities of one run, by name: accuracies in percent, bits, LUTs, ..."""


@dataclass(frozen=True)
class Interval:
    """Mean over seeds and the half-width of its 95 % interval (Student's t); no half-width where there is one seed."""

    mean: float
    half: float

    @property
    def low(self) -> float:
        return self.mean - self.half

    @property
    def high(self) -> float:
        return self.mean + self.half

    def text(self, digits: int = 2) -> str:
        return f"{self.mean:.{digits}f}" + (f" ± {self.half:.{digits}f}" if np.isfinite(self.half) else " (one seed)")


def interval(values: Sequence[float]) -> Interval:
    """Of independent seeds. values: one a seed."""
    count, mean = len(values), float(np.mean(values))
    if count < 2:
        return Interval(mean, float("inf"))
    spread = float(np.std(values, ddof=1)) / count**0.5
    return Interval(mean, float(stats.t.ppf((1 + LEVEL) / 2, count - 1)) * spread)


@dataclass(frozen=True)
class Experiment:
    """One row of the table of systems, as a thing to run.

    number: its row of the table. system: the name of its files. claim: the sentence that is tested. data: what it is
    run on. run: (arm, seed) -> what was measured. arms: the method first, then its baselines. judge: from the values
    of all arms and seeds to (holds or does not hold, the numbers in words); it is given `Outcome`. figure: from the
    same to an SVG, which is shown below the table.
    """

    number: int
    system: str
    claim: str
    data: str
    arms: tuple[str, ...]
    run: Callable[[str, int], Measured]
    judge: Callable[[Outcome], tuple[bool, str]]
    seeds: int = 5
    note: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)
    figure: Callable[[Outcome], str] | None = None

    def main(self) -> None:
        """Runs all arms for all seeds, prints each run, and writes the row."""
        parser = argparse.ArgumentParser(description=self.claim)
        parser.add_argument("--seeds", type=int, default=self.seeds, help=f"how many; {self.seeds} in RESULTS.md")
        parser.add_argument("--first", type=int, default=0, help="the first seed, for a check on others")
        parser.add_argument("--dry", action="store_true", help="print, and leave RESULTS.md as it is")
        asked = parser.parse_args()
        torch.set_num_threads(1)  # batches this small are faster on one core than on two
        started, values = time.perf_counter(), {arm: [] for arm in self.arms}  # type: dict[str, list[Measured]]
        for seed in range(asked.first, asked.first + asked.seeds):
            for arm in self.arms:
                found = self.run(arm, seed)
                values[arm].append(found)
                print(f"seed {seed}, {arm}: " + ", ".join(f"{k} {v:,.4g}" for k, v in found.items()), flush=True)
        outcome = Outcome(values)
        holds, numbers = self.judge(outcome)
        print(f"{self.claim}\n  {'holds' if holds else 'does not hold'}: {numbers}")
        if not asked.dry:
            self._write(asked.first, asked.seeds, values, holds, numbers, time.perf_counter() - started)

    def _write(
        self, first: int, seeds: int, values: dict[str, list[Measured]], holds: bool, numbers: str, seconds: float
    ) -> None:
        row = {
            "number": self.number,
            "system": self.system,
            "claim": self.claim,
            "data": self.data,
            "seeds": list(range(first, first + seeds)),
            "numbers": numbers,
            "holds": holds,
            "note": self.note,
            "command": f"python examples/methods/{self.system}.py",
            "minutes": round(seconds / 60, 1),
            "values": values,
            **self.extra,
        }
        RESULTS.mkdir(exist_ok=True)
        if self.figure is not None:
            row["figure"] = f"{self.system}.svg"
            (HERE / f"{self.system}.svg").write_text(self.figure(Outcome(values)))
        (RESULTS / f"{self.system}.json").write_text(json.dumps(row, indent=1) + "\n")
        render()


@dataclass(frozen=True)
class Outcome:
    """All that was measured: arm -> one dictionary a seed."""

    values: Mapping[str, Sequence[Measured]]

    def of(self, arm: str, quantity: str) -> Interval:
        """A quantity of one arm over seeds."""
        return interval([one[quantity] for one in self.values[arm]])

    def difference(self, arm: str, other: str, quantity: str) -> Interval:
        """arm - other, paired by seed: both began from the same network and saw the same batches."""
        pairs = zip(self.values[arm], self.values[other], strict=True)
        return interval([a[quantity] - b[quantity] for a, b in pairs])


def render() -> None:
    """RESULTS.md from all rows that there are."""
    rows = sorted((json.loads(file.read_text()) for file in RESULTS.glob("*.json")), key=lambda row: row["number"])
    head = (HERE / "preface.md").read_text().rstrip()
    lines = [head, "", "| # | claim | data, seeds | measured | holds | command |", "|---|---|---|---|---|---|"]
    for row in rows:
        cells = [
            row["number"],
            row["claim"],
            f"{row['data']}; {len(row['seeds'])}",
            row["numbers"] + (f" {row['note']}" if row["note"] else ""),
            "yes" if row["holds"] else "**no**",
            f"`{row['command']}` ({row['minutes']:g} min)",
        ]
        lines.append("| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |")
    for row in rows:
        if "figure" in row:
            lines += ["", f"## {row['number']}: {row['data']}", "", f"![{row['claim']}]({row['figure']})"]
    TABLE.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    render()
