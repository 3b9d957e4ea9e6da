"""What a search found: a row for every trial, those that no other beats, and the cheapest that is good enough."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ...compress.recipe import Recipe
from ...compress.whole_file import write_whole
from ...errors import IntaglioError
from ...ir import Graph, parse_graph, verify
from ...report.curves import draw_front
from ...report.units import percent
from ..compile import compile as compile_graph

if TYPE_CHECKING:
    from rich.table import Table

    from ..design import Design

FRONT, PLOT = "front.json", "front.svg"
COST_TITLES = {"lut": "LUT", "board": "share of the board", "interval": "cycles between frames"}


@dataclass(frozen=True)
class Row:
    """One trial.

    Attributes:
        number: of the trial in its study.
        state: `built`; `refused`, for which there is no design; `failed`, cut off; `running`, elsewhere.
        accuracy: of the frozen network on the validation data, in percent; None where it was not trained.
        drop: points of accuracy below the float network.
        recipe: what was made of the network, as `Recipe.to_dict` has it.
        found: of what is built: `cost`, resources, `share` of the board, `interval_cycles`, `fps`, `latency_us`,
            `layers` with their channels and bits, groups `kept`, and the `seconds` that all of it took.
        reason: why there is no design.
    """

    number: int
    state: str
    accuracy: float | None
    drop: float | None
    recipe: Mapping[str, Any]
    found: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""

    @property
    def cost(self) -> float:
        """In what the search was asked to keep small; infinite where there is no design."""
        return float(self.found.get("cost", float("inf")))


@dataclass(frozen=True)
class SearchResult:
    """All trials of a search so far.

    asked: what all have in common: board, cost, accuracy_drop, compile's options, ... folder: where their graphs are.
    """

    rows: tuple[Row, ...]
    float_accuracy: float
    asked: Mapping[str, Any]
    folder: Path

    @cached_property
    def built(self) -> tuple[Row, ...]:
        """Those that there is a design of."""
        return tuple(row for row in self.rows if row.state == "built")

    @cached_property
    def front(self) -> tuple[Row, ...]:
        """Those that no other beats in accuracy and cost, by rising cost."""
        return tuple(self.built[i] for i in pareto([(row.accuracy or 0.0, row.cost) for row in self.built]))

    @cached_property
    def best(self) -> Row | None:
        """The cheapest of those that lose no more than the accuracy_drop; None where all lose more."""
        good = [row for row in self.front if row.drop is not None and row.drop <= self.asked["accuracy_drop"] + 1e-9]
        return good[0] if good else None

    def recipe(self, row: Row) -> Recipe:
        """What to train to have it again."""
        return Recipe.from_dict(row.recipe)

    def graph(self, row: Row) -> Graph:
        """The integers that were measured. Raises IntaglioError where the trial's graph is not in the folder."""
        path = graph_file(self.folder, self.asked["study"], row.number)
        try:
            graph = verify(parse_graph(path.read_text()))
        except OSError:
            raise IntaglioError(
                f"there is no graph of trial {row.number} ({row.state})",
                where=str(path),
                hint="the folder that the search ran in has those of what was built; recipe(row) trains it anew",
            ) from None
        notes = {"recipe": self.recipe(row).resolved(), "accuracy": {"frozen model": row.accuracy}}
        return replace(graph, notes=notes)

    def design(self, row: Row, **changes: Any) -> Design:
        """The design of a row, as it was measured. changes: of `compile`'s arguments."""
        return compile_graph(self.graph(row), **{**self.asked["compile"], **changes})

    def table(self, rows: Sequence[Row] | None = None) -> Table:
        """Rows, those of the front if nothing is said, for a `rich` console; the best is marked."""
        from rich.table import Column, Table

        numbers = ("accuracy", "drop", "LUT", "FF", "DSP", "BRAM36", "of board", "frames/s", "latency us")
        table = Table("trial", *(Column(n, justify="right") for n in numbers), "channels", "weight bits", "act bits")
        for row in self.front if rows is None else rows:
            if row.state != "built":
                continue
            f, layers = row.found, row.found["layers"]
            cells = [f"{row.accuracy:.2f} %", f"{row.drop:+.2f}", f"{f['lut']:,}", f"{f['ff']:,}", f"{f['dsp']:,}"]
            cells += [f"{f['bram36']:g}", percent(f["share"]), f"{f['fps']:,.0f}", f"{f['latency_us']:g}"]
            cells += ["-".join(str(layer[key]) for layer in layers) for key in ("channels", "weight_bits")]
            made = self.recipe(row)
            cells.append(str(made.act_bits) if isinstance(made.act_bits, int) and not made.bit_choices else "mixed")
            best = row is self.best
            table.add_row(f"{row.number} *" if best else str(row.number), *cells, style="bold" if best else "")
        return table

    def summary(self) -> str:
        """What came out, in a line."""
        states = [row.state for row in self.rows]
        counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
        limit = f"{self.asked['accuracy_drop']:g} points of the float network's {self.float_accuracy:.2f} %"
        if self.best is None:
            return f"{len(states)} trials ({counts}); none is within {limit}"
        best = f"trial {self.best.number}, {COST_TITLES[self.asked['cost']]} {self.best.cost:,.4g}"
        return f"{len(states)} trials ({counts}); the cheapest within {limit}: {best}"

    def plot(self) -> str:
        """Accuracy over cost, as an SVG file."""
        floor = self.float_accuracy - self.asked["accuracy_drop"]
        lines = {"float": self.float_accuracy, f"float - {self.asked['accuracy_drop']:g}": floor}
        points, front = ([(row.cost, row.accuracy or 0.0) for row in rows] for rows in (self.built, self.front))
        title = f"{COST_TITLES[self.asked['cost']]} on {self.asked['compile']['board']} (estimated)"
        return draw_front(points, front, lines, title, "accuracy (%)")

    def to_dict(self) -> dict[str, Any]:
        """Plain values; `read` takes them back."""
        front, best = [row.number for row in self.front], None if self.best is None else self.best.number
        head = {"float_accuracy": self.float_accuracy, "asked": dict(self.asked), "front": front, "best": best}
        return head | {"trials": [asdict(row) for row in self.rows]}

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), indent=1) + "\n"

    def write(self, folder: str | Path | None = None) -> Path:
        """front.json and front.svg, each whole or not at all; into the search's own folder if nothing is said."""
        target = Path(folder or self.folder)
        write_whole(target / FRONT, self.to_json().encode())
        write_whole(target / PLOT, self.plot().encode())
        return target

    @classmethod
    def read(cls, folder: str | Path) -> Self:
        """What `write` wrote. Raises IntaglioError where there is none."""
        path = Path(folder) / FRONT
        try:
            held = json.loads(path.read_text())
            rows = tuple(Row(**row) for row in held["trials"])
            return cls(rows, held["float_accuracy"], held["asked"], Path(folder))
        except (OSError, KeyError, TypeError, json.JSONDecodeError) as error:
            raise IntaglioError(
                f"there is no search to read: {error}", where=str(path), hint="a folder that `intaglio search` wrote"
            ) from None


def pareto(points: Sequence[tuple[float, float]]) -> list[int]:
    """Indices of the (accuracy, cost) that no other beats, by rising cost; of equal ones the first."""
    order = sorted(range(len(points)), key=lambda i: (points[i][1], -points[i][0]))
    front: list[int] = []
    for index in order:
        if not front or points[index][0] > points[front[-1]][0]:
            front.append(index)
    return front


def graph_file(folder: Path, study: str, number: int) -> Path:
    """Where a trial's integers are kept."""
    return folder / "graphs" / f"{study}-{number}.txt"
