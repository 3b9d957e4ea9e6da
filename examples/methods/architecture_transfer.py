"""A mask that is learned on some classes, for others of which there are few samples (10).

A network of 64-64-32-6 learns digits 0 to 5, and a mask of 3 % of its hidden weights: by logits that are trained
against weights drawn anew (`transfer-mask`), by the magnitude of trained weights, pruned in rounds with training
between or in one shot, or at random. Under that mask, with fresh weights and a fresh head of four classes, SHOTS
samples each of digits 6 to 9 are learned; accuracy is that on all their other samples. Both networks are trained and
quantised by the product's recipes.

python examples/methods/architecture_transfer.py
"""

from __future__ import annotations

import intaglio
import torch
from common_digits import TensorBatches, digits
from experiment import Experiment, Measured, Outcome
from intaglio.compress import PreparedModel, Recipe
from torch import Tensor, nn

ARMS = ("learned", "magnitude", "magnitude, one shot", "random")
WIDTHS = (64, 32)
DENSITY, SHOTS, HIDDEN = 0.03, 5, ("layer_1", "layer_4")
SHARES = (0, 0.8, 0.1, 0.1)
MASK_EPOCHS, FEW_EPOCHS, LR = 30, 60, 0.01
OLD, NEW = 6, 4
"""Classes that masks are learned on, and classes to transfer to."""


def net(classes: int) -> nn.Module:
    """64-64-32-classes."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(64, WIDTHS[0], bias=False),
        nn.BatchNorm1d(WIDTHS[0]),
        nn.ReLU(),
        nn.Linear(WIDTHS[0], WIDTHS[1], bias=False),
        nn.BatchNorm1d(WIDTHS[1]),
        nn.ReLU(),
        nn.Linear(WIDTHS[1], classes),
    )


def old_and_new() -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """All samples of digits 0 to 5, and all of 6 to 9, these labelled from 0."""
    x, y, x_valid, y_valid = digits()
    x, y = torch.cat((x, x_valid)), torch.cat((y, y_valid))
    return (x[y < OLD], y[y < OLD]), (x[y >= OLD], y[y >= OLD] - OLD)


def prepared(recipe: Recipe, classes: int) -> PreparedModel:
    torch.manual_seed(recipe.seed)
    return intaglio.prepare(net(classes), torch.zeros(1, 1, 8, 8), recipe)


def masks(arm: str, seed: int) -> dict[str, Tensor]:
    """Which hidden weights stay, one 0 or 1 each, by layer."""
    keep = dict.fromkeys(HIDDEN, DENSITY)
    fields = {"keep": keep, "structure": "element", "seed": seed, "weight_bits": 8, "act_bits": 8}
    recipe = Recipe("transfer-mask", shares=SHARES, **fields)
    if arm == "magnitude":
        recipe = Recipe("taylor", score="magnitude", stages=8, shares=(0.3, 0.5, 0.1, 0.1), **fields)
    elif arm == "magnitude, one shot":
        recipe = Recipe("one-shot", score="magnitude", start_epoch=0, shares=(0.6, 0.2, 0.1, 0.1), **fields)
    model = prepared(recipe, OLD)
    if arm == "random":
        torch.manual_seed(seed)
        shapes = {name: model.producer(name).weight.shape for name in HIDDEN}
        return {name: drawn(shape) for name, shape in shapes.items()}
    x, y = old_and_new()[0]
    intaglio.fit(model, TensorBatches(x, y, 64, shuffle=True), None, MASK_EPOCHS, lr=LR, progress=False)
    return {name: model.producer(name).mask for name in HIDDEN}


def drawn(shape: torch.Size) -> Tensor:
    """A mask of DENSITY of the weights, at random."""
    mask = torch.zeros(shape.numel())
    mask[torch.randperm(len(mask))[: round(DENSITY * len(mask))]] = 1
    return mask.reshape(shape)


def run(arm: str, seed: int) -> Measured:
    found = masks(arm, seed)
    recipe = Recipe(keep=1.0, structure="element", weight_bits=8, act_bits=8, seed=seed, shares=(0.8, 0, 0.1, 0.1))
    model = prepared(recipe, NEW)
    for name, mask in found.items():
        model.set_mask(name, mask.reshape(-1))
    x, y = old_and_new()[1]
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(x), generator=generator)
    few = torch.cat([order[y[order] == c][:SHOTS] for c in range(NEW)])
    rest = order[~torch.isin(order, few)]
    train, test = TensorBatches(x[few], y[few], NEW * SHOTS, shuffle=True), TensorBatches(x[rest], y[rest], len(rest))
    history = intaglio.fit(model, train, test, FEW_EPOCHS, lr=LR, progress=False)
    return {"accuracy": 100 * history.accuracy, "weights": sum(float(mask.sum()) for mask in found.values())}


def judge(outcome: Outcome) -> tuple[bool, str]:
    of = [
        f"{arm} {outcome.of(arm, 'accuracy').text(1)} % ({outcome.of(arm, 'weights').mean:.0f} weights)" for arm in ARMS
    ]
    over = outcome.difference("learned", "magnitude", "accuracy")
    under = outcome.difference("magnitude", "random", "accuracy")
    text = f"{', '.join(of)}; learned - magnitude {over.text(1)}, magnitude - random {under.text(1)} points."
    return over.low > 0 and under.low > 0, text


experiment = Experiment(
    number=10,
    system="architecture_transfer",
    claim=f"At {100 * DENSITY:g} % density, few-shot accuracy on unseen classes is higher under a learned mask than "
    "under one of magnitudes, and there than under a random one",
    data=f"digits 0-5 to 6-9, {SHOTS} samples a class, 64-64-32, W8A8",
    arms=ARMS,
    run=run,
    judge=judge,
    seeds=5,
)

if __name__ == "__main__":
    experiment.main()
