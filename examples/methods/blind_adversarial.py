"""Blind adversarial pruning (8): adversarial samples whose budget the batch makes, against budgets set by hand.

    python examples/methods/blind_adversarial.py

An MLP 64-64-32-32-10 on digits loses 90 % of its weights along a cubic ramp while half of the loss is taken on
adversarial samples of one DeepFool step: cut at the batch's mean length (blind), or stretched to a length set by hand
(of the L2 norm; the pixels of an image have a norm of about 3.9). Then projected gradient descent attacks the snapped
network, whose rounding passes gradients straight through, at several budgets, and the frozen network is tested on what
it finds. The score is the mean of clean accuracy and of mean accuracy under attack.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import partial
from statistics import fmean

import intaglio
import torch
import torch.nn.functional as F
from common_four_layers import ON_MLP
from experiment import Experiment, Measured, Outcome
from intaglio.compress import PreparedModel, Recipe
from intaglio.compress.losses.adversarial import deepfool, stretched
from torch import Tensor

BUDGETS = (0.25, 0.5, 1.0, 2.0)
"""Set by hand while training, and the attacks of the test."""
ATTACK_STEPS = 10
EPOCHS = 15
LR = 0.004
ARMS = ("blind", *(f"budget {budget:g}" for budget in BUDGETS), "clean")

Adversary = Callable[[Tensor], Tensor]


def adversary(model: PreparedModel, arm: str) -> Adversary | None:
    """From clean samples to adversarial ones."""
    if arm == "clean":
        return None
    if arm == "blind":
        return model.adversarial
    return partial(by_hand, model, float(arm.removeprefix("budget ")))


def by_hand(model: PreparedModel, budget: float, x: Tensor) -> Tensor:
    model.eval()
    moved = x + stretched(deepfool(model, x, model.recipe.adversarial_steps), budget)
    model.train()
    return moved


def trained(arm: str, seed: int) -> PreparedModel:
    """In a loop of one's own, the same for all arms: the recipe's share of the loss is taken on the arm's samples."""
    recipe = Recipe("blind-adversarial", shares=(0, 0.6, 0.25, 0.15), start_epoch=0, seed=seed)
    loader, _ = ON_MLP.data()
    dense, _ = ON_MLP.fit_float(seed, ON_MLP.data(), progress=False)
    torch.manual_seed(seed)
    model = intaglio.prepare(ON_MLP.net(), ON_MLP.example_input, recipe).copy_weights(dense)
    model.plan(EPOCHS, len(loader))
    optimiser = torch.optim.AdamW(model.parameters(), lr=LR, weight_decay=1e-4)
    rate = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, EPOCHS * len(loader))
    against, share = adversary(model, arm), recipe.adversarial
    model.train()
    for _ in range(EPOCHS):
        for x, y in loader:
            optimiser.zero_grad()
            loss = F.cross_entropy(model(x), y)
            if against is not None:
                loss = (1 - share) * loss + share * F.cross_entropy(model(against(x)), y)
            (loss + model.penalty()).backward()
            optimiser.step()
            model.step()
            rate.step()
    return model


def attacked(model: PreparedModel, x: Tensor, y: Tensor, budget: float) -> Tensor:
    """Projected gradient descent in a ball of the L2 norm, within the range of pixels."""
    eta = torch.zeros_like(x)
    for _ in range(ATTACK_STEPS):
        moved = (x + eta).requires_grad_(True)
        (gradient,) = torch.autograd.grad(F.cross_entropy(model(moved), y, reduction="sum"), moved)
        eta = eta + stretched(gradient, 2.5 * budget / ATTACK_STEPS)
        excess = (eta.flatten(1).norm(dim=1) / budget).clamp(min=1)
        eta = eta / excess.reshape(-1, *(1,) * (x.dim() - 1))
        eta = (x + eta).clamp(0, 1) - x
    return x + eta


def run(arm: str, seed: int) -> Measured:
    model, test = trained(arm, seed), ON_MLP.data()[1]
    snapped = deepcopy(model).eval()
    model.freeze()

    def accuracy(x: Tensor) -> float:
        return 100 * float((model(x).argmax(dim=1) == test.y).double().mean())

    found = {f"robust {budget:g}": accuracy(attacked(snapped, test.x, test.y, budget)) for budget in BUDGETS}
    robust = fmean(found.values())
    clean = accuracy(test.x)
    return {"clean": clean, "robust": robust, "score": (clean + robust) / 2, **found}


def judge(found: Outcome) -> tuple[bool, str]:
    by_hand = [arm for arm in ARMS if arm.startswith("budget")]
    seeds = range(len(found.values["blind"]))
    means = [{"score": fmean(found.values[arm][seed]["score"] for arm in by_hand)} for seed in seeds]
    lead = Outcome({**found.values, "by hand": means}).difference("blind", "by hand", "score")
    each = "; ".join(
        f"{arm} {found.of(arm, 'score').text(1)} ({found.of(arm, 'clean').mean:.1f} clean, "
        f"{found.of(arm, 'robust').mean:.1f} attacked)"
        for arm in ARMS
    )
    return lead.low >= 0, f"score: {each}; blind leads the mean over budgets set by hand by {lead.text(1)}"


experiment = Experiment(
    8, "blind_adversarial", "At 90 % sparsity the blind budget's score (clean and attacked) is at least the mean over "
    "budgets set by hand", "digits, MLP 64-64-32-32-10", ARMS, run, judge,
)  # fmt: skip

if __name__ == "__main__":
    experiment.main()
