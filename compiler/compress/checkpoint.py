"""Checkpoints: everything a run needs to go on as if it had never stopped, bit for bit."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import torch

from ..errors import IntaglioError
from .whole_file import write_whole

VERSION = 1
BROKEN = (OSError, RuntimeError, LookupError, TypeError, AttributeError, EOFError, ValueError)


def save(path: str | Path, state: dict[str, Any]) -> None:
    """Writes a checkpoint whole or not at all."""
    buffer = io.BytesIO()
    torch.save({"intaglio checkpoint": VERSION, **state}, buffer)
    write_whole(Path(path), buffer.getvalue())


def load(path: str | Path, settings: dict[str, Any]) -> dict[str, Any] | None:
    """The checkpoint, or None where there is none yet.

    Raises:
        IntaglioError: where the file is no checkpoint, or of a run with other settings.
    """
    path = Path(path)
    if not path.exists():
        return None
    again = f"remove {path}, give another path, or fit with resume=False"
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        version = state["intaglio checkpoint"]
    except (*BROKEN, pickle.UnpicklingError) as error:
        raise IntaglioError(f"this is no checkpoint ({type(error).__name__})", where=str(path), hint=again) from None
    if version != VERSION:
        raise IntaglioError(f"a checkpoint of version {version}, not {VERSION}", where=str(path), hint=again)
    for name, value in settings.items():
        if state["settings"].get(name) != value:
            raise IntaglioError(
                f"the checkpoint is of another run: its {name} is {state['settings'].get(name)!r}",
                where=str(path),
                other=f"{name} = {value!r}",
                hint=again,
            )
    return state
