"""Our training loop, for those who have none: progress, checkpoints, resume. It uses only what a user's loop could."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from math import cos, isfinite, nan, pi
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch import Tensor

from ..errors import IntaglioError
from . import checkpoint as checkpoints
from .history import Epoch, History
from .layers import Phase
from .model import PreparedModel
from .plan import Plan

SCHEDULES = ("cosine", "milestones", "constant")
MILESTONES = (0.6, 0.85)
Loader = Iterable[Any]
Loss = Callable[[Tensor, Tensor], Tensor]


def fit(
    model: PreparedModel,
    train_loader: Loader,
    valid_loader: Loader | None = None,
    epochs: int = 10,
    *,
    lr: float | None = None,
    optimizer: str = "adam",
    schedule: str = "cosine",
    retrain_lr: float = 0.5,
    weight_decay: float = 1e-4,
    label_smoothing: float = 0.0,
    loss: Loss | None = None,
    device: str | torch.device | None = None,
    progress: bool = True,
    checkpoint: str | Path | None = None,
    resume: bool = True,
    log_csv: str | Path | None = None,
    patience: int | None = None,
) -> History:
    """Trains, prunes, quantises and freezes a prepared model, as its recipe says.

    Args:
        model: what `prepare` gave.
        train_loader: batches (x, y), with a length; a DataLoader, or any re-iterable. x, y: tuples where the network
            takes or gives several tensors (with a `loss` of one's own).
        valid_loader: the same for accuracies; None: none are measured.
        epochs: altogether; the recipe's `shares` split them.
        lr: of the float phase; 0.002 for Adam, 0.05 for SGD where nothing is said.
        optimizer: `adam` or `sgd` (momentum 0.9, Nesterov).
        schedule: `cosine`, `milestones` (a tenth at 60 % and at 85 %) or `constant`; begun anew after the float phase.
        retrain_lr: the learning rate after the float phase, as a share of `lr`.
        weight_decay: of weights; biases and batch norms have none.
        label_smoothing: of the cross-entropy.
        loss: a function of (outputs, y) instead of the cross-entropy.
        device: where to train; None leaves the model where it is.
        progress: whether a bar moves.
        checkpoint: a file, rewritten after every epoch; it may go on on another device.
        resume: whether to go on from that file, if it exists: bit for bit as if the run had not stopped, on CUDA where
            `torch.use_deterministic_algorithms` is on.
        log_csv: a file with one line an epoch.
        patience: epochs without a better validation accuracy after which the last phase ends early; None: it never
            does. Phases before it are as long as the recipe says: their length is part of the method.

    Raises:
        IntaglioError: where settings make no sense, the loss is not finite, or the checkpoint is of another run.
    """
    _check(optimizer, schedule, train_loader, epochs, patience)
    lr = lr if lr is not None else (0.002 if optimizer == "adam" else 0.05)
    if device is not None:
        model.to(device)
    plan = model.plan(epochs, len(train_loader))  # type: ignore[arg-type]
    settings = {
        "recipe": model.recipe.resolved(),
        "network": _fingerprint(model),
        "epochs": epochs,
        "steps": len(train_loader),  # type: ignore[arg-type]
        "lr": lr,
        "optimizer": optimizer,
        "schedule": schedule,
        "retrain_lr": retrain_lr,
        "weight_decay": weight_decay,
        "label_smoothing": label_smoothing,
        "patience": patience,
    }
    optimiser = _optimiser(model, optimizer, lr, weight_decay)
    history = History()
    if checkpoint is not None and resume:
        state = checkpoints.load(checkpoint, settings)
        if state is not None:
            model.load_state_dict(state["model"])
            optimiser.load_state_dict(state["optimiser"])
            history = History.from_dict(state["history"])
            _restore_generator(train_loader, state["generator"])
            model.resume()
    loss = loss or (lambda outputs, y: F.cross_entropy(outputs, y, label_smoothing=label_smoothing))
    rate = _rate(plan, lr, retrain_lr, schedule)
    if plan.prune_at == 0 and not history.epochs and model.phase < Phase.QUANTISE and model.recipe.method != "float":
        history.float_accuracy = _float_accuracy(model, valid_loader)

    with _bar(epochs, len(history.epochs), progress) as advance:
        for number in range(len(history.epochs), 0 if history.kept else epochs):
            _seed(model.recipe.seed, number)
            began = time.perf_counter()
            lost, right, seen = 0.0, 0.0, 0
            model.train()
            for x, y in _on(model, train_loader):
                _set_rate(optimiser, rate(model.clock))
                optimiser.zero_grad()
                outputs = model(*x)
                value = loss(outputs, y)
                share = model.recipe.adversarial
                if share and model.phase < Phase.FROZEN:
                    value = (1 - share) * value + share * loss(model(model.adversarial(*x)), y)
                number_lost = value.item()
                if not isfinite(number_lost):
                    hint = "a smaller lr; or look for NaN in the data"
                    raise IntaglioError(f"the loss is {number_lost} in epoch {number + 1}", where="fit", hint=hint)
                (value + model.penalty()).backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                if model.phase is Phase.FLOAT and model.clock + 1 == plan.first_change:
                    history.float_accuracy = evaluate(model, valid_loader) if valid_loader is not None else nan
                    model.train()
                model.step(y if isinstance(y, Tensor) else None)
                lost, right, seen = lost + number_lost * len(x[0]), right + _right(outputs, y), seen + len(x[0])
                advance(len(x[0]), "")
            last = number == epochs - 1 or _out_of_patience(history, model, plan, patience)
            if last and model.recipe.method != "float":
                model.freeze()
            phase = model.phase
            valid = evaluate(model, valid_loader) if valid_loader is not None else nan
            seconds = time.perf_counter() - began
            shown = (lost / seen, right / seen, valid, seconds)
            done = Epoch(number + 1, phase.name.lower(), rate(model.clock - 1), *shown)
            history.epochs.append(done)
            if last:
                history.accuracy = valid
                history.kept = model.kept()
            advance(0, f"{done.phase}, {100 * valid:.2f} %")
            if checkpoint is not None:
                state = {"settings": settings, "model": model.state_dict(), "optimiser": optimiser.state_dict()}
                generator = _generator(train_loader)
                checkpoints.save(checkpoint, {**state, "history": history.to_dict(), "generator": generator})
            if log_csv is not None:
                history.write_csv(log_csv)
            if last:
                break
    return history


@torch.no_grad()
def evaluate(model: PreparedModel, loader: Loader) -> float:
    """The share of `loader`'s samples that the model classifies rightly; of a frozen model, in float64."""
    was, right, seen = model.training, 0.0, 0
    model.eval()
    try:
        for x, y in _on(model, loader):
            right, seen = right + _right(model(*x), y), seen + len(x[0])
    finally:
        model.train(was)
    if not seen:
        raise IntaglioError("there is no sample to evaluate", where="evaluate")
    return right / seen


def _out_of_patience(history: History, model: PreparedModel, plan: Plan, patience: int | None) -> bool:
    """Whether the last `patience` epochs, all of the last phase, brought nothing better than that phase had before."""
    phase = model.phase
    if patience is None or phase is not _last_phase(plan):
        return False
    mine = [epoch.valid_accuracy for epoch in history.epochs if epoch.phase == phase.name.lower()]
    return len(mine) > patience and max(mine[-patience:]) <= max(mine[:-patience])


def _last_phase(plan: Plan) -> Phase:
    """The phase that the plan ends in."""
    if plan.snap_at < plan.total:
        return Phase.SNAPPED
    if plan.quantise_at < plan.total:
        return Phase.QUANTISE
    return Phase.PRUNE if plan.prune_at < plan.total else Phase.FLOAT


def _float_accuracy(model: PreparedModel, loader: Loader | None) -> float:
    if loader is None:
        return nan
    phase, model.phase = model.phase, Phase.FLOAT
    try:
        return evaluate(model, loader)
    finally:
        model.phase = phase


def _right(outputs: Any, y: Any) -> float:
    """How many samples of a batch are right; NaN where these are no classes."""
    if not isinstance(outputs, Tensor) or not isinstance(y, Tensor) or y.is_floating_point():
        return nan
    guess = outputs if not outputs.is_floating_point() else outputs.detach().argmax(dim=1)
    return int((guess.reshape(y.shape) == y).sum())


def _on(model: PreparedModel, loader: Loader) -> Iterator[tuple[tuple[Tensor, ...], Any]]:
    """(inputs, y) of every batch, on the model's device."""
    device = model.masks.device

    def moved(value: Any) -> Any:
        if isinstance(value, tuple | list):
            return tuple(moved(v) for v in value)
        return torch.as_tensor(value).to(device, non_blocking=True)

    for x, y in loader:
        inputs = moved(x)
        yield inputs if isinstance(inputs, tuple) else (inputs,), moved(y)


def _rate(plan: Plan, lr: float, retrain_lr: float, schedule: str) -> Callable[[int], float]:
    def rate(clock: int) -> float:
        split = plan.first_change
        if clock < split:
            start, length, base = 0, split, lr
        else:
            start, length, base = split, plan.total - split, lr * (retrain_lr if split else 1.0)
        done = min(1.0, (clock - start) / max(1, length))
        if schedule == "constant":
            return base
        if schedule == "milestones":
            return float(base * 0.1 ** sum(done >= m for m in MILESTONES))
        return base * (0.01 + 0.99 * 0.5 * (1 + cos(pi * done)))

    return rate


def _set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    for group in optimiser.param_groups:
        group["lr"] = rate


def _optimiser(model: PreparedModel, name: str, lr: float, decay: float) -> torch.optim.Optimizer:
    weights = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() <= 1]
    groups = [{"params": weights, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
    if name == "adam":
        return torch.optim.AdamW(groups, lr=lr)
    return torch.optim.SGD(groups, lr=lr, momentum=0.9, nesterov=True)


def _check(optimizer: str, schedule: str, loader: Loader, epochs: int, patience: int | None) -> None:
    for name, value, known in (("optimizer", optimizer, ("adam", "sgd")), ("schedule", schedule, SCHEDULES)):
        if value not in known:
            raise IntaglioError(f"{name} = {value!r}", where="fit", hint=f"it is one of {', '.join(known)}")
    if not isinstance(loader, Sized) or len(loader) == 0:
        hint = "a DataLoader, or a list of (x, y) batches"
        raise IntaglioError("the training loader has no length, or no batches", where="fit", hint=hint)
    if patience is not None and patience < 1:
        raise IntaglioError(f"patience = {patience}", where="fit", hint="at least one epoch, or None")
    if epochs < 1:
        raise IntaglioError(f"{epochs} epochs", where="fit", hint="train for at least one")


def _fingerprint(model: PreparedModel) -> str:
    """Of the network's structure: operators, shapes and how they hang together; not its weights, not its file."""
    graph = model.graph
    lines = [f"{n.name} {n.op.name} {n.inputs} {graph.types[n.name].shape}" for n in graph.nodes]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _seed(seed: int, epoch: int) -> None:
    """Every epoch begins from its own seed, so that a resumed run draws what an uninterrupted one does."""
    torch.manual_seed(seed * 1_000_003 + epoch)
    random.seed(seed * 1_000_003 + epoch)


def _generator(loader: Loader) -> Tensor | None:
    generator = getattr(loader, "generator", None)
    return generator.get_state() if isinstance(generator, torch.Generator) else None


def _restore_generator(loader: Loader, state: Tensor | None) -> None:
    generator = getattr(loader, "generator", None)
    if isinstance(generator, torch.Generator) and state is not None:
        generator.set_state(state)


@contextmanager
def _bar(epochs: int, done: int, shown: bool) -> Iterator[Callable[[int, str], None]]:
    columns = (
        TextColumn("training"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("epochs {task.fields[note]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, disable=not shown) as bar:
        task = bar.add_task("training", total=epochs, completed=done, note="")

        def advance(samples: int, note: str) -> None:
            if not samples:
                bar.update(task, advance=1, note=note)

        yield advance
