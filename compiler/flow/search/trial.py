"""One trial: a recipe becomes a trained network and a design; both are measured."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from ...compress.fit import Loader, fit
from ...compress.model import PreparedModel
from ...compress.recipe import Recipe
from ...errors import IntaglioError
from ...estimate.board import load_board
from ...estimate.resources import KINDS
from ...ir import Graph
from ...ops.hardware import weight_type
from ..compile import compile as compile_graph
from ..design import Design
from ..lower import lower
from ..prepare import prepare

DRY_BATCHES = 4
"""Of training data, for a first look at what a recipe costs."""

COSTS = ("lut", "board", "interval")


@dataclass(frozen=True)
class Job:
    """What all trials have in common.

    dense: the trained weights. options: of `compile`. settings: of `fit`. cost: what is to be small: LUTs, the share of
    the board that is used of its scarcest resource, or the cycles between frames.
    """

    net: Any
    example_input: Any
    dense: PreparedModel
    train: Loader
    valid: Loader
    epochs: int
    settings: Mapping[str, Any]
    options: Mapping[str, Any]
    cost: str

    def prepared(self, recipe: Recipe) -> PreparedModel:
        """The network with the trained weights; the phase of training in float is left out."""
        trained = recipe.override(given={**recipe.given, "shares": (0.0, *recipe.shares[1:])})
        return prepare(self.net, self.example_input, trained).copy_weights(self.dense)

    def check(self, recipe: Recipe) -> None:
        """Raises IntaglioError where such recipes cannot be trained in so many epochs, whatever the trial."""
        self.prepared(recipe).plan(self.epochs, len(self.train))  # type: ignore[arg-type]

    def try_dry(self, recipe: Recipe) -> None:
        """Raises IntaglioError where the design of a hardly trained network does not fit even the whole board.

        The recipe runs on a few batches: as many channels go and as many bits are left as at the end, but weights, and
        with them LUTs, are not the final ones (a fifth more or less, or worse). The room between the budget and the
        whole board is for that.
        """
        model = self.prepared(recipe)
        fit(model, list(islice(self.train, DRY_BATCHES)), None, self.epochs, progress=False, **self.settings)
        compile_graph(_alone(lower(model)), **{**self.options, "budget": 1.0})

    def run(self, recipe: Recipe) -> tuple[Graph, dict[str, Any]]:
        """The network of a recipe and what was measured of it. Raises IntaglioError where there is no design of it."""
        began = time.perf_counter()
        model = self.prepared(recipe)
        history = fit(model, self.train, self.valid, self.epochs, progress=False, **self.settings)
        graph = _alone(lower(model))
        return graph, {
            "accuracy": 100 * history.accuracy,
            **measure(compile_graph(graph, **self.options), self.cost),
            "kept": {name: list(counts) for name, counts in model.kept().items()},
            "seconds": round(time.perf_counter() - began, 1),
        }


def measure(design: Design, cost: str) -> dict[str, Any]:
    """What a row of a search says of a design."""
    found = design.estimate()
    used, share = found.total, found.total.share(design.board.capacity)
    values = {"lut": used.lut, "board": share, "interval": found.cycles.interval}
    return {
        "cost": float(values[cost]),
        **{kind: used.rounded()[kind] for kind in KINDS},
        "share": round(share, 4),
        "interval_cycles": found.cycles.interval,
        "fps": round(found.fps, 1),
        "latency_us": round(found.latency_us, 3),
        "layers": _layers(design.graph),
    }


def check_asked(
    board: str = "pynq-z2",
    accuracy_drop: float = 0.0,
    *,
    recipe: Recipe | None = None,
    target_fps: float | None = None,
    trials: int = 1,
    cost: str | None = None,
    clock_mhz: float | None = None,
    budget: float = 1.0,
    **_others: Any,
) -> None:
    """Raises IntaglioError for what makes no sense whatever the network is; arguments as those of `search`."""
    target = load_board(board)
    clock = target.default_clock_mhz if clock_mhz is None else clock_mhz
    limits = {
        "accuracy_drop": (0 <= accuracy_drop <= 100, accuracy_drop, "points of accuracy that may be lost: 0 to 100"),
        "trials": (trials >= 1, trials, "at least one"),
        "budget": (0 < budget <= 1, budget, "the share of the board that may be used, above 0 and up to 1"),
        "cost": (cost is None or cost in COSTS, cost, f"one of {', '.join(COSTS)}"),
        "clock_mhz": (1 <= clock <= 1000, clock, "1 to 1000"),
    }
    for name, (fine, value, hint) in limits.items():
        if not fine:
            raise IntaglioError(f"{name} = {value} makes no sense", where="search", hint=hint)
    if recipe is not None and recipe.method == "float":
        hint = "a method that prunes or quantises"
        raise IntaglioError("a float recipe has nothing to search", where="search", hint=hint)
    if target_fps is None:
        return
    if not 0 < target_fps <= clock * 1e6:
        hint = f"above 0 and up to {clock * 1e6:,.0f}: a frame takes a cycle at least"
        raise IntaglioError(
            f"no design reaches target_fps = {target_fps:g} at {clock:g} MHz", where="search", hint=hint
        )
    if cost == "interval":
        hint = "cost = lut or board"
        raise IntaglioError("target_fps says the interval, which cannot be the cost", where="search", hint=hint)


def infeasible(error: IntaglioError, stage: str) -> str:
    """Why a trial has no design, in a line."""
    return f"{stage}: {' '.join(str(error).split())}"


def _alone(graph: Graph) -> Graph:
    """Without the network before carving, which would be folded beside it."""
    return replace(graph, notes={key: value for key, value in graph.notes.items() if key != "before"})


def _layers(graph: Graph) -> list[dict[str, Any]]:
    """Layers with weights: their channels, and bits of their weights as they came out."""
    rows: list[dict[str, Any]] = []
    for node in graph.nodes:
        weight = node.op.attributes().get("weight")
        if weight is not None:
            bits = weight_type(weight).bits
            rows.append({"name": node.name, "channels": graph.types[node.name].channels, "weight_bits": bits})
    return rows
