"""Systematic ADMM pruning (16): does ||W - Z|| fall at every iteration?

    python examples/methods/systematic_admm.py

20x fewer weights in every layer. ||W - Z|| over all layers, just after each update of Z; with rho growing by 1.3 an
update, and with a constant rho. Beside it the accuracy, and that of magnitude pruning at once, after as many epochs.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import intaglio
import numpy as np
from common_admm import DATA, EPOCHS, fitted, leads
from common_four_layers import ON_MLP
from data import TensorBatches
from experiment import Experiment, Measured, Outcome
from intaglio.compress import PreparedModel, Recipe
from torch import Tensor

ARMS = {"ADMM": {}, "constant rho": {"rho_growth": 1.0}, "magnitude at once": {"driver": "one-shot"}}


class Watched:
    """Batches that write down the model's residual after every step that updated Z."""

    def __init__(self, batches: TensorBatches, model: PreparedModel, epochs: int) -> None:
        self.batches, self.model, self.residuals = batches, model, list[float]()
        plan = model.plan(epochs, len(batches))
        self.updates = {plan.prune_at + step for window in plan.windows for step in window.refreshes}

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for batch in self.batches:
            yield batch
            if self.model.clock in self.updates and (found := self.model.residuals()):
                sizes = [
                    share * float(self.model.producer(name).weight.detach().norm()) for name, share in found.items()
                ]
                self.residuals.append(float(np.linalg.norm(sizes)))


def run(arm: str, seed: int) -> Measured:
    recipe = Recipe(
        "admm", keep=1 / 20, weight_bits=8, act_bits=8, updates=20, ramp=0.8, start_epoch=0.0,
        shares=(0, 0.6, 0.25, 0.15), seed=seed, **ARMS[arm],
    )  # fmt: skip
    if arm == "magnitude at once":
        return {"accuracy": fitted(recipe)[1]}
    train, valid = ON_MLP.data()
    dense, _ = ON_MLP.fit_float(seed, (train, valid), progress=False)
    model = intaglio.prepare(ON_MLP.net(), ON_MLP.example_input, recipe).copy_weights(dense)
    watched = Watched(train, model, EPOCHS)
    lr = ON_MLP.settings["lr"] * ON_MLP.settings["retrain_lr"]
    history = intaglio.fit(model, watched, valid, EPOCHS, lr=lr, progress=False)
    found = watched.residuals
    return {
        "accuracy": 100 * history.accuracy, "updates": len(found), "first": found[0], "last": found[-1],
        "rises": sum(later >= earlier for earlier, later in pairwise(found)),
    }  # fmt: skip


def judge(found: Outcome) -> tuple[bool, str]:
    texts = []
    for arm in ("ADMM", "constant rho"):
        first, last, rises = (found.of(arm, quantity) for quantity in ("first", "last", "rises"))
        steps = found.of(arm, "updates").mean - 1
        texts.append(f"{arm}: {first.text()} to {last.text()}, up in {rises.mean:g} of {steps:g} steps")
    each = ", ".join(f"{arm} {found.of(arm, 'accuracy').text()} %" for arm in ARMS)
    (lead,) = leads(found, "ADMM", ["magnitude at once"], "accuracy")
    never = all(one["rises"] == 0 for one in found.values["ADMM"])
    return never, f"{'; '.join(texts)}; accuracy: {each}; ADMM - magnitude {lead.text()}"


experiment = Experiment(
    16, "systematic_admm", "||W - Z|| falls at every iteration of ADMM, in all runs", DATA, tuple(ARMS), run, judge,
)  # fmt: skip

if __name__ == "__main__":
    experiment.main()
