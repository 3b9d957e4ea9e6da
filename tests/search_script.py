"""A script as `intaglio search` takes it, searched in seconds; the tests run it in processes of its own, too."""

from __future__ import annotations

import sys
import time
import warnings
from pathlib import Path
from typing import Any

import intaglio
import torch
from intaglio.compress import PreparedModel, Recipe
from intaglio.flow.search import store
from torch import Tensor, nn

recipe = Recipe("layerwise", input_bits=4, shares=(0.4, 0.2, 0.25, 0.15))
example_input = torch.zeros(1, 8)
SPACE = {"keep": (0.5, 1.0), "weight_bits": (2, 4)}

Batches = list[tuple[Tensor, Tensor]]


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 3))


def data() -> tuple[Batches, Batches]:
    """Which of three numbers is the largest."""
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(96, 8, generator=generator)
    y = x[:, :3].argmax(1)
    return [(x[i : i + 16], y[i : i + 16]) for i in range(0, 64, 16)], [(x[64:], y[64:])]


def dense(epochs: int = 20) -> tuple[PreparedModel, Batches, Batches]:
    """Trained for a moment."""
    train, valid = data()
    model = intaglio.prepare(net(), example_input, Recipe("float"))
    intaglio.fit(model, train, None, epochs, lr=0.02, progress=False)
    return model, train, valid


def run(folder: Path, **changes: Any) -> intaglio.SearchResult:
    """A small search, in this process."""
    torch.set_num_threads(1)
    model, train, valid = dense()
    told = {
        "train": train,
        "valid": valid,
        "target_fps": 1e6,
        "trials": 3,
        "epochs": 4,
        "recipe": recipe,
        "space": SPACE,
        "progress": False,
    } | changes
    shared = {"dense": model, "example_input": example_input, "folder": folder}
    return intaglio.search(net(), accuracy_drop=30.0, **shared, **told)


class Stuck(list):  # type: ignore[type-arg]
    """Batches that never come."""

    def __iter__(self) -> Any:
        time.sleep(1000)
        return super().__iter__()


if __name__ == "__main__":  # FOLDER TRIALS [stuck]: one of several processes
    warnings.simplefilter("error")
    store.HEARTBEAT, store.GRACE = 1, 3
    run(Path(sys.argv[1]), trials=int(sys.argv[2]), **({"train": Stuck(data()[0])} if "stuck" in sys.argv else {}))
