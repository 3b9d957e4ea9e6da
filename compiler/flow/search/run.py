"""search: channels, bits and folds of a network chosen together, by trials whose cost the estimator says."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape

from ...compress.fit import Loader, evaluate
from ...compress.model import PreparedModel
from ...compress.recipe import Recipe
from ...compress.whole_file import write_whole
from ...errors import IntaglioError
from ...ir import print_graph
from ..prepare import prepare
from .front import Row, SearchResult, graph_file
from .space import LAYERED, Space, make_space
from .store import bury, fingerprint, open_study, quiet, trials_of, url_of
from .trial import Job, check_asked, infeasible

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial, Trial

NO_DESIGN = 100.0
"""Points of accuracy that a trial without a design counts as having lost too many: all there are."""

SAME = "same_as"
"""Where a trial says that another has had its recipe."""

REPEATS = 25
"""Proposals, one after the other, of what was tried already: from then on the space counts as used up."""

POLL = 1.0
"""Seconds between looks at what other processes are doing."""


def search(
    net: Any,
    board: str = "pynq-z2",
    accuracy_drop: float = 0.5,
    *,
    train: Loader,
    valid: Loader,
    example_input: Any,
    target_fps: float | None = None,
    recipe: Recipe | None = None,
    dense: PreparedModel | None = None,
    space: Mapping[str, Sequence[Any]] | None = None,
    per_layer: Sequence[str] = LAYERED,
    trials: int = 50,
    epochs: int = 10,
    settings: Mapping[str, Any] | None = None,
    cost: str | None = None,
    clock_mhz: float | None = None,
    budget: float = 0.8,
    folder: str | Path = "build/search",
    store: str | Path | None = None,
    study: str = "search",
    seed: int = 0,
    progress: bool = True,
) -> SearchResult:
    """Looks for the cheapest designs of a trained network that lose little accuracy.

    Every trial takes a recipe from the space, trains the network by it from the weights that it has, lowers it, lets
    the solver choose its folds, and prices it by the estimator. The sampler (multi-objective TPE) looks for more
    accuracy at less cost, and keeps to designs within `accuracy_drop`. Accuracies are of the validation data that the
    search chooses by, so that the best row's is optimistic: keep test data of your own aside.

    Everything is kept as it comes. Called again with the same store, it goes on where it was; several processes with
    one store share the trials. What a killed process was doing is marked as failed and done anew.

    Args:
        net: the `torch.nn.Module`, trained.
        board: a name from `intaglio boards`, or the path of a board file.
        accuracy_drop: points of validation accuracy that may be lost against the float network.
        train, valid: batches (x, y), with a length.
        example_input: as `prepare` takes it.
        target_fps: frames per second that every design reaches; None: each is the fastest that fits the budget.
        recipe: what all trials have in common; `Recipe()` if left out. Any method.
        dense: the trained weights as a prepared model of `Recipe("float")`, where they are not in `net` itself.
        space: field of the recipe -> values to choose from. If left out: `keep`, `weight_bits` and `act_bits`, or the
            weights of the losses where these decide.
        per_layer: of `keep` and `weight_bits` those that every layer chooses for itself.
        trials: how many different ones the study shall have, those counted that it has already, those left out that
            failed. Fewer, where the space has no more.
        epochs: of training in each trial.
        settings: what `fit` is told beside: lr, optimizer, device, ...
        cost: `lut`, `board` (the used share of the scarcest resource) or `interval` (cycles between frames). If left
            out: `lut` with a target_fps, else `interval`.
        clock_mhz, budget: as `compile` takes them.
        folder: where the store, the networks that were built and the front are kept.
        store: a path (SQLite), or the URL of a database; `search.db` in the folder if left out.
        study: a name, where a store holds several.
        seed: of the sampler. What is trained has the recipe's seed.
        progress: whether a line is printed for every trial.

    Raises:
        IntaglioError: for arguments that make no sense, a network that cannot be built, or a store of another search.
    """
    recipe, cost = recipe or Recipe(), cost or ("interval" if target_fps is None else "lut")
    check_asked(
        board,
        accuracy_drop,
        recipe=recipe,
        target_fps=target_fps,
        trials=trials,
        cost=cost,
        clock_mhz=clock_mhz,
        budget=budget,
    )
    dense = dense or prepare(net, example_input, Recipe("float"))
    compile_options = {"board": board, "clock_mhz": clock_mhz, "target_fps": target_fps, "budget": budget}
    told = dict(settings or {})
    job = Job(net, example_input, dense, train, valid, epochs, told, compile_options, cost)
    choices = make_space(job.prepared(recipe), space, per_layer)
    for numbers in choices.first():
        job.check(choices.recipe_of(numbers))
    float_accuracy = 100 * evaluate(dense, valid)
    if isnan(float_accuracy):
        hint = "batches (x, y) whose y are classes, whole numbers"
        raise IntaglioError("there is no accuracy to keep: the labels are no classes", where="search, valid", hint=hint)
    common = {
        "network": fingerprint(dense),
        "recipe": recipe.resolved(),
        "space": choices.facts(),
        "epochs": epochs,
        "fit": {key: str(value) for key, value in told.items()},
        "batches": [len(train), len(valid)],  # type: ignore[arg-type]
        "compile": compile_options,
        "cost": cost,
    }
    folder = Path(folder)
    url = url_of(store or _made(folder) / "search.db")
    run = _Run(job, choices, folder, study, accuracy_drop, float_accuracy, Console(stderr=True, quiet=not progress))
    opened = open_study(url, study, common, choices.first(), seed)
    with quiet():
        run.until(opened, trials)
    asked = {**common, "accuracy_drop": accuracy_drop, "study": study}
    rows = tuple(run.row(trial) for trial in trials_of(opened) if SAME not in trial.user_attrs)
    return SearchResult(rows, float_accuracy, asked, folder)


class _Run:
    """This process's part of a search."""

    def __init__(
        self,
        job: Job,
        space: Space,
        folder: Path,
        name: str,
        drop: float,
        float_accuracy: float,
        console: Console,
    ) -> None:
        self.job, self.space, self.folder, self.name = job, space, folder, name
        self.drop, self.float_accuracy, self.console = drop, float_accuracy, console
        self.current: Mapping[str, int] = {}

    def until(self, study: Study, trials: int) -> None:
        """Runs trials until the study has so many, those of other processes counted; waits for the last of these."""
        import optuna

        while True:
            bury(study)
            begun = trials_of(study)
            states = [trial.state.name for trial in begun if SAME not in trial.user_attrs]
            done, running = states.count("COMPLETE") + states.count("PRUNED"), states.count("RUNNING")
            used_up = len(begun) >= REPEATS and all(SAME in trial.user_attrs for trial in begun[-REPEATS:])
            if (done >= trials or used_up) and not running:
                return
            if done + running >= trials or used_up:
                time.sleep(POLL)
                continue
            self.current = {}
            try:
                study.optimize(self._objective, n_trials=1, callbacks=[self._tell])
            except KeyboardInterrupt:
                study.enqueue_trial(dict(self.current))
                raise
            except optuna.exceptions.UpdateFinishedTrialError:
                self.console.print("another process took this one for dead; the trial is run anew")

    def _objective(self, trial: Trial) -> tuple[float, float]:
        """Accuracy in percent, and cost. Raises TrialPruned where there is no design."""
        import optuna

        self.current = numbers = self.space.suggest(trial)
        if (known := self._known(trial, numbers)) is not None:
            trial.set_user_attr(SAME, known.number)
            if known.state.name == "PRUNED":
                trial.set_constraint("accuracy", NO_DESIGN)
                raise optuna.TrialPruned
            accuracy, cost = known.values
            trial.set_constraint("accuracy", self.float_accuracy - self.drop - accuracy)
            return accuracy, cost
        recipe, stage = self.space.recipe_of(numbers), "before training"
        trial.set_user_attr("recipe", recipe.to_dict())
        try:
            if not self._fits_surely(trial, numbers):
                self.job.try_dry(recipe)
            stage = "trained"
            graph, found = self.job.run(recipe)
        except IntaglioError as error:
            trial.set_constraint("accuracy", NO_DESIGN)
            trial.set_user_attr("reason", infeasible(error, stage))
            raise optuna.TrialPruned from None
        write_whole(graph_file(self.folder, self.name, trial.number), print_graph(graph).encode())
        accuracy = found.pop("accuracy")
        trial.set_user_attr("found", found)
        trial.set_constraint("accuracy", self.float_accuracy - self.drop - accuracy)
        return accuracy, found["cost"]

    def _known(self, trial: Trial, numbers: Mapping[str, int]) -> FrozenTrial | None:
        """A trial that has tried the same to its end."""
        ended = [other for other in trials_of(trial.study) if other.state.name in ("COMPLETE", "PRUNED")]
        return next((other for other in ended if other.params == numbers), None)

    def _fits_surely(self, trial: Trial, numbers: Mapping[str, int]) -> bool:
        """Whether a design of as many channels and bits, or more, has been built already."""
        built = [other for other in trials_of(trial.study) if other.state.name == "COMPLETE"]
        return any(self.space.demands_less(numbers, other.params) for other in built)

    def row(self, trial: FrozenTrial) -> Row:
        """What the store says of a trial."""
        states = {"COMPLETE": "built", "PRUNED": "refused", "FAIL": "failed", "RUNNING": "running"}
        attributes = trial.user_attrs
        accuracy = trial.values[0] if trial.state.name == "COMPLETE" else None
        drop = None if accuracy is None else self.float_accuracy - accuracy
        found = attributes.get("found", {}) if accuracy is not None else {}
        reason = attributes.get("reason", "")
        return Row(trial.number, states[trial.state.name], accuracy, drop, attributes.get("recipe", {}), found, reason)

    def _tell(self, _: Study, trial: FrozenTrial) -> None:
        """A line for every trial that was more than a repetition."""
        if SAME in trial.user_attrs:
            return
        row, said = self.row(trial), f"trial {trial.number}: "
        if row.state == "built":
            f = row.found
            said += f"{row.accuracy:.2f} %, {f['lut']:,} LUT, {f['dsp']:,} DSP, {f['fps']:,.0f} frames/s"
            said += f"; {f['seconds']:g} s"
        else:
            said += f"{row.state}; {row.reason}"
        self.console.print(escape(said), soft_wrap=True)


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise IntaglioError(
            f"the folder cannot be made: {error.strerror}", where=str(folder), hint="a folder that you may write to"
        ) from None
    return folder
