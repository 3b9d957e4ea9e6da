"""Masks of channels and of 2x2 blocks of pixels by cumulative mass (2), on digits with four convolutions 8-8-16-16.

In every feature map of a layer, all channels of a block are always 0. What stays is the fewest channels, and then the
fewest blocks, that hold MASS of the mean |activation|; feature-map bits are those of hidden activations as they are
made, channels and pixels that are always 0 not counted. All networks are W4A4 and begin from the same float network.
Random masks leave as many channels and blocks of each map, and are there from the first epoch on; so that this is not
what is compared, another arm has the masks of the method from there on, too. A further one reaches the same share of
each layer by the best channels alone.

    python examples/methods/spatial_blocks.py

Membrane potentials and spikes are the other half of the system; they wait for an operator with a state.
"""

from __future__ import annotations

from collections.abc import Callable

import intaglio
import torch
from common_four_layers import ON_CNN
from experiment import Experiment, Measured, Outcome
from intaglio.compress import PreparedModel, Recipe
from intaglio.compress.fit import evaluate
from intaglio.compress.storage import feature_map_storage
from torch import Tensor

MASS = 0.68
TAKEN, POINTS = 50.0, 1.0
"""The claim: at least so many % of the feature-map bits, for at most so many points."""
EPOCHS, FPS = 30, 20_000
METHOD, RANDOM, KNOWN = "channels and blocks", "random ones", "the same from the start"
CHANNELS, WHOLE = "channels alone", "no masks"
ARMS = (METHOD, RANDOM, KNOWN, CHANNELS, WHOLE)
PRICED = (METHOD, CHANNELS, WHOLE)
TRAINING = {"shares": (0, 0.4, 0.4, 0.2), "start_epoch": 0.5, "layer_epochs": 0.75}


def method(seed: int) -> PreparedModel:
    recipe = Recipe(structure="channel-block", projections=("cumulative-mass",), keep=MASS, seed=seed, **TRAINING)
    return ON_CNN.fit(recipe, EPOCHS, progress=False)[0]


def random_ones(seed: int) -> PreparedModel:
    """As many channels and blocks of everything as the method leaves, drawn at random."""
    kept = method(seed).kept()
    return from_the_start(seed, lambda: {name: torch.randperm(count) < stay for name, (stay, count) in kept.items()})


def known_ones(seed: int) -> PreparedModel:
    """Trained anew under the masks that the method found."""
    pruner = method(seed).pruner
    return from_the_start(seed, lambda: {site.name: pruner.alive(site) for site in pruner.sites})


def from_the_start(seed: int, masks: Callable[[], dict[str, Tensor]]) -> PreparedModel:
    """Trained under masks, by site, from the first epoch on."""
    loaders = ON_CNN.data()
    recipe = Recipe(structure="channel-block", keep=1.0, seed=seed, **TRAINING)
    dense, _ = ON_CNN.fit_float(seed, loaders, progress=False)
    torch.manual_seed(seed)
    model = intaglio.prepare(ON_CNN.net(), ON_CNN.example_input, recipe).copy_weights(dense)
    for name, mask in masks().items():
        model.set_mask(name, mask)
    lr = ON_CNN.settings["lr"] * ON_CNN.settings["retrain_lr"]
    intaglio.fit(model, *loaders, EPOCHS, lr=lr, progress=False)
    return model


def channels_alone(seed: int) -> PreparedModel:
    """In every layer the best channels, as large a share of its activations as the method leaves."""
    found = method(seed)
    maps = zip(found.layers, feature_map_storage(found), strict=True)
    keep = {layer.name: one.kept / one.values for layer, one in maps}
    return ON_CNN.fit(Recipe(keep=keep, seed=seed, **TRAINING), EPOCHS, progress=False)[0]


def whole(seed: int) -> PreparedModel:
    return ON_CNN.fit(Recipe(keep=1.0, seed=seed, **TRAINING), EPOCHS, progress=False)[0]


MODELS = {METHOD: method, RANDOM: random_ones, KNOWN: known_ones, CHANNELS: channels_alone, WHOLE: whole}


def run(arm: str, seed: int) -> Measured:
    model = MODELS[arm](seed)
    maps = feature_map_storage(model)
    bits, left = (sum(count * one.bits for count, one in zip(counts, maps, strict=True))
                  for counts in ([one.values for one in maps], [one.kept for one in maps]))  # fmt: skip
    found = {"accuracy": 100 * evaluate(model, ON_CNN.data()[1]), "taken": 100 * (1 - left / bits)}
    if arm in PRICED:
        design = intaglio.compile(intaglio.lower(model), board="pynq-z2", target_fps=FPS)
        found["LUT"] = float(design.estimate().total.lut)
    return found


def judge(outcome: Outcome) -> tuple[bool, str]:
    taken, loss = outcome.of(METHOD, "taken"), outcome.difference(WHOLE, METHOD, "accuracy")
    lead, known = (outcome.difference(arm, RANDOM, "accuracy") for arm in (METHOD, KNOWN))
    alone = outcome.difference(METHOD, CHANNELS, "accuracy")
    shown = [
        f"{arm} {outcome.of(arm, 'accuracy').text()} % ({outcome.of(arm, 'taken').mean:.1f} % of the bits taken"
        + (f", {outcome.of(arm, 'LUT').mean:,.0f} LUTs)" if arm in PRICED else ")")
        for arm in ARMS
    ]
    holds = taken.low >= TAKEN and loss.high <= POINTS and lead.low > 0
    return holds, (
        f"{'; '.join(shown)}. Taken {taken.text(1)} %, lost {loss.text()} points; ahead of random ones by "
        f"{lead.text()} ({known.text()} from the start), of channels alone by {alone.text()}."
    )


experiment = Experiment(
    number=2,
    system="spatial_blocks",
    claim="masks of channels and 2x2 blocks by cumulative mass take at least half of the feature-map bits for at most "
    "one point, and lose less than random ones that leave as many",
    data="digits, CNN 8-8-16-16, W4A4",
    arms=ARMS,
    run=run,
    judge=judge,
    note=f"LUTs are an estimate at {FPS:,} frames/s: kernels stream pixels that are always 0 like all others, and "
    "the masks are products of their own, so that only channels save any. Mass and epochs were chosen on 100 and 101.",
)

if __name__ == "__main__":
    experiment.main()
