"""Extremely sparse stereo (11): |w*g| against |w| where one number a pixel is asked for.

Random-dot stereo, drawn anew in every epoch: a plane behind, a rectangle before it, each moved by a whole number of
pixels between the two images; which is to be said at every pixel. A network of convolutions alone, trained by an L1
loss, is pruned weight by weight in rounds, then quantised to 6 bits, activations to 8 (11: prune,
then quantise); the last layer stays whole.
The end-point error is the mean distance, in pixels, to the true disparity on samples not seen. Memory is that of the
weights, with the bits that say where they are, as a share of the dense network's in 32 bits.

python examples/methods/sparse_stereo.py
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import intaglio
import torch
from experiment import Experiment, Measured, Outcome
from intaglio.compress import PreparedModel, Recipe
from intaglio.compress.storage import storage
from torch import Tensor, nn
from torch.nn import functional

HEIGHT, WIDTH, DISPARITIES = 12, 20, 4
CHANNELS, PRUNED = 24, ("layer_0", "layer_3", "layer_6")
BATCH, STEPS, FLOAT_EPOCHS, EPOCHS, LR = 16, 16, 30, 40, 0.006
HELD_OUT, HELD_OUT_SEED = 400, 1_000_000
ARMS = {
    "taylor, 90 %": ("taylor", 0.1),
    "magnitude, 90 %": ("magnitude", 0.1),
    "taylor, 95 %": ("taylor", 0.05),
    "magnitude, 95 %": ("magnitude", 0.05),
    "dense": ("magnitude", 1.0),
}
WEIGHT_BITS, ACT_BITS = 6, 8
MOST_MEMORY, MOST_ERROR = 0.02, 1.1
"""Of the dense network in 32 bits, and of the error of the dense network that was trained and quantised alike."""


def stereo(count: int) -> tuple[Tensor, Tensor]:
    """Pairs of images (count, 2, HEIGHT, WIDTH) in 0 .. 1, and disparities (count, 1, HEIGHT, WIDTH) in pixels."""
    behind, before = torch.randint(0, DISPARITIES, (2, count, 1, 1))
    top, left = torch.randint(0, HEIGHT // 2, (count, 1, 1)), torch.randint(0, WIDTH // 2, (count, 1, 1))
    tall, wide = (torch.randint(size // 4, size // 2 + 1, (count, 1, 1)) for size in (HEIGHT, WIDTH))
    row, column = torch.arange(HEIGHT)[:, None], torch.arange(WIDTH)[None, :]
    inside = (row >= top) & (row < top + tall) & (column >= left) & (column < left + wide)
    disparity = torch.where(inside, before, behind)
    dots = (torch.rand(count, HEIGHT, WIDTH + DISPARITIES) < 0.5).float()
    right = dots[:, :, :WIDTH]
    seen_at = (column + disparity).clamp(max=WIDTH + DISPARITIES - 1)
    shifted = dots.gather(2, seen_at)
    return torch.stack((shifted, right), dim=1), disparity[:, None].float()


class FreshPairs:
    """STEPS batches of pairs, drawn anew each time from torch's own random numbers."""

    def __len__(self) -> int:
        return STEPS

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return (stereo(BATCH) for _ in range(STEPS))


def net() -> nn.Module:
    """Four convolutions; every pixel sees 9 x 9."""
    layers: list[nn.Module] = []
    for inputs, size in ((2, 5), (CHANNELS, 3), (CHANNELS, 3)):
        layers += [
            nn.Conv2d(inputs, CHANNELS, size, padding=size // 2, bias=False),
            nn.BatchNorm2d(CHANNELS),
            nn.ReLU(),
        ]
    return nn.Sequential(*layers, nn.Conv2d(CHANNELS, 1, 1))


def prepared(recipe: Recipe) -> PreparedModel:
    torch.manual_seed(recipe.seed)
    return intaglio.prepare(net(), torch.zeros(1, 2, HEIGHT, WIDTH), recipe)


def train(model: PreparedModel, epochs: int) -> PreparedModel:
    intaglio.fit(model, FreshPairs(), None, epochs, lr=LR, loss=functional.l1_loss, progress=False)
    return model


@lru_cache(maxsize=1)
def dense(seed: int) -> PreparedModel:
    """The network in float, which all arms of a seed begin from."""
    return train(prepared(Recipe("float", seed=seed)), FLOAT_EPOCHS)


@torch.no_grad()
def error(model: PreparedModel) -> float:
    """The mean |disparity - true disparity| of pairs that no seed trains on."""
    torch.manual_seed(HELD_OUT_SEED)
    pairs, disparity = stereo(HELD_OUT)
    return float((model.eval()(pairs) - disparity).abs().mean())


def run(arm: str, seed: int) -> Measured:
    score, keep = ARMS[arm]
    fields = {"weight_bits": WEIGHT_BITS, "act_bits": ACT_BITS, "shares": (0, 0.6, 0.2, 0.2), "seed": seed}
    recipe = Recipe("taylor", score=score, keep=dict.fromkeys(PRUNED, keep), **fields)
    model = train(prepared(recipe).copy_weights(dense(seed)), EPOCHS)
    layers = storage(model)
    whole = sum(layer.dense for layer in layers)
    return {
        "error": error(model),
        "memory": sum(layer.with_indices for layer in layers) / whole,
        "memory without indices": sum(layer.without_indices for layer in layers) / whole,
    }


def judge(outcome: Outcome) -> tuple[bool, str]:
    shown, holds, small = [], True, False
    for arm in ARMS:
        found, memory = outcome.of(arm, "error"), outcome.of(arm, "memory").mean
        shown.append(f"{arm}: {found.text(3)} pixels, {100 * memory:.1f} % of the memory")
        ratio = found.mean / outcome.of("dense", "error").mean
        small = small or (arm.startswith("taylor") and memory <= MOST_MEMORY and ratio <= MOST_ERROR)
    for percent in (90, 95):
        over = outcome.difference(f"taylor, {percent} %", f"magnitude, {percent} %", "error")
        shown.append(f"taylor - magnitude at {percent} % {over.text(3)}")
        holds = holds and over.mean <= 0
    verdict = "reached" if small else "not reached"
    return holds and small, f"{'; '.join(shown)}; at most 2 % at 1.1x: {verdict}."


experiment = Experiment(
    number=11,
    system="sparse_stereo",
    claim="In dense prediction, pruned by |w*g| the error is no larger than pruned by |w| at 90 and 95 %, "
    "and 2 % of the memory are enough for 1.1 times the dense error",
    data=f"random-dot stereo {HEIGHT}x{WIDTH}, {DISPARITIES} disparities, synthetic",
    arms=tuple(ARMS),
    run=run,
    judge=judge,
    seeds=3,
    note="Memory is that of the weights, index bits included, beside all of them in 32 bits.",
)

if __name__ == "__main__":
    experiment.main()
