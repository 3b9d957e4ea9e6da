"""The store of a search: an Optuna study in a database, which several processes may share and come back to."""

from __future__ import annotations

import hashlib
import json
import logging
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...compress.model import PreparedModel
from ...errors import IntaglioError

if TYPE_CHECKING:
    from optuna.storages import RDBStorage
    from optuna.study import Study
    from optuna.trial import FrozenTrial

HEARTBEAT, GRACE = 5, 30
"""Seconds between signs of life of a trial that runs, and without one after which its process counts as dead."""

RETRIES = 2
"""How often a trial whose process died is tried again."""

ATTEMPTS, PAUSE = 5, 0.3
"""Of opening a store that others are opening, too; seconds between."""

WAIT = 60
"""Seconds that a process waits for others to let go of an SQLite file."""

SETTINGS = "intaglio"
"""Where a study keeps what its trials have in common."""


def open_study(
    url: str, name: str, settings: Mapping[str, Any], first: Sequence[Mapping[str, int]], seed: int
) -> Study:
    """The study of that name, made where there is none. first: what a new one tries before anything else.

    Raises:
        IntaglioError: where Optuna is missing, the store cannot be opened, or it holds another search of that name.
    """
    try:
        import optuna
        from sqlalchemy.exc import SQLAlchemyError
    except ImportError:
        raise IntaglioError(
            "a search keeps its trials with Optuna, which is not installed", hint="pip install intaglio[search]"
        ) from None
    try:
        storage = _storage(url)
        with quiet(), warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=True)
            new, aims = True, (optuna.study.StudyDirection.MAXIMIZE, optuna.study.StudyDirection.MINIMIZE)
            try:
                study = optuna.create_study(storage=storage, study_name=name, sampler=sampler, directions=aims)
            except optuna.exceptions.DuplicatedStudyError:
                study, new = optuna.load_study(storage=storage, study_name=name, sampler=sampler), False
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError, ImportError, OSError, RuntimeError) as error:
        why = " ".join(str(error).split()).partition("(Background")[0]
        raise IntaglioError(
            f"the store cannot be opened: {why}", where=url, hint="a path that you may write to, or a database's URL"
        ) from None
    if new:
        study.set_user_attr(SETTINGS, dict(settings))
        for numbers in first:
            study.enqueue_trial(dict(numbers))
    _check_same(_settings_of(study), settings, url, name)
    return study


def _storage(url: str) -> RDBStorage:
    """The database; where another process is making its tables just now, a moment later."""
    import optuna
    from sqlalchemy.exc import IntegrityError, OperationalError

    connect = {"connect_args": {"timeout": WAIT}} if url.startswith("sqlite") else {}
    for attempt in range(ATTEMPTS):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                return optuna.storages.RDBStorage(
                    url,
                    engine_kwargs=connect,
                    heartbeat_interval=HEARTBEAT,
                    grace_period=GRACE,
                    heartbeat_stale_trial_callback=optuna.storages.RetryHeartbeatStaleTrialCallback(RETRIES),
                )
        except (IntegrityError, OperationalError):
            if attempt == ATTEMPTS - 1:
                raise
            time.sleep(PAUSE)
    raise AssertionError  # the loop returns or raises


def fingerprint(model: PreparedModel) -> str:
    """Of a network's structure and its trained weights."""
    digest = hashlib.sha256()
    for node in model.graph.nodes:
        digest.update(f"{node.name} {node.op.name} {node.inputs} {model.graph.types[node.name].shape}\n".encode())
    for name, value in sorted(model.state_dict().items()):
        if name.endswith((".weight", ".bias", ".running_mean", ".running_var")):
            digest.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def url_of(store: str | Path) -> str:
    """A path as the URL of an SQLite file; a URL as it is."""
    return store if isinstance(store, str) and "://" in store else f"sqlite:///{store}"


def trials_of(study: Study) -> list[FrozenTrial]:
    """All that have begun."""
    from optuna.trial import TrialState

    return [trial for trial in study.get_trials(deepcopy=False) if trial.state != TrialState.WAITING]


def bury(study: Study) -> None:
    """What runs in processes that have given no sign of life for GRACE seconds is marked as failed, and put in line."""
    import optuna

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        optuna.storages.fail_stale_trials(study)


@contextmanager
def quiet() -> Iterator[None]:
    """Optuna's own lines are left out; we print ours."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


def _settings_of(study: Study) -> Mapping[str, Any] | None:
    """None of a study that is not ours; one that another process has just made says so a moment later."""
    for _ in range(ATTEMPTS):
        if (found := study.user_attrs.get(SETTINGS)) is not None:
            return found
        time.sleep(PAUSE)
    return None


def _check_same(found: Mapping[str, Any] | None, settings: Mapping[str, Any], url: str, name: str) -> None:
    """Raises IntaglioError where a study's trials were made of something else; it says what differs."""
    wanted = json.loads(json.dumps(settings))
    if found == wanted:
        return
    hint = "another store, or another name for the study; or the settings that it was begun with"
    if found is None:
        raise IntaglioError(f"the study {name!r} is not one of ours", where=url, hint=hint)
    key = next(key for key in (*wanted, *found) if found.get(key) != wanted.get(key))
    raise IntaglioError(
        f"the store holds another search: its {key} is {_short(found.get(key))}",
        where=f"{url}, {name}",
        other=f"{key} = {_short(wanted.get(key))}",
        hint=hint,
    )


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else text[:77] + "..."
