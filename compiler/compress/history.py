"""What happened in training, epoch by epoch."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from .whole_file import write_whole


@dataclass(frozen=True)
class Epoch:
    """One epoch: the phase it ended in, its last learning rate, mean training loss, accuracies and wall time."""

    number: int
    phase: str
    lr: float
    loss: float
    train_accuracy: float
    valid_accuracy: float
    seconds: float


@dataclass
class History:
    """A training run.

    epochs: in order. float_accuracy: validation accuracy of the float network, dense, before anything was taken from
    it. accuracy: of the frozen model, in float64 (NaN where there is no validation data, or nothing was frozen).
    kept: hidden layer -> (channels that stayed, channels).
    """

    epochs: list[Epoch] = field(default_factory=list)
    float_accuracy: float = float("nan")
    accuracy: float = float("nan")
    kept: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        return sum(epoch.seconds for epoch in self.epochs)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        epochs = [Epoch(**epoch) for epoch in values["epochs"]]
        kept = {name: (int(a), int(b)) for name, (a, b) in values["kept"].items()}
        return cls(epochs, values["float_accuracy"], values["accuracy"], kept)

    def write_csv(self, path: str | Path) -> None:
        """One line an epoch; written whole or not at all."""
        text = io.StringIO()
        names = [f.name for f in fields(Epoch)]
        writer = csv.DictWriter(text, names)
        writer.writeheader()
        writer.writerows(asdict(epoch) for epoch in self.epochs)
        write_whole(Path(path), text.getvalue().encode())
