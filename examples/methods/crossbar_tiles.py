"""Whole tiles instead of single weights (15), and training under the noise of the devices.

Three networks of W4A4 with a quarter of their weights: tiles of 4 x 4, by ADMM and trained under multiplicative noise;
the same without noise; and single weights, by the same ADMM. Counted are the tiles that hold any weight, what a folded
kernel of PE = SIMD = 4 takes, which skips the empty ones, and accuracy while every weight is off by its own factor
1 + NOISE * N(0, 1), the mean over DRAWS arrays.

python examples/methods/crossbar_tiles.py
"""

from __future__ import annotations

import intaglio
import numpy as np
import torch
from common_digits import BOARD, EXAMPLE, LAYERS, fitted
from experiment import Experiment, Measured, Outcome
from intaglio.compress import PreparedModel, Recipe
from intaglio.compress.freeze import codes_of
from intaglio.compress.layers import Phase
from intaglio.compress.structures.sites import tile_

SIDE, KEEP, NOISE, DRAWS = 4, 0.25, 0.2, 20
ARMS = ("tiles, trained under noise", "tiles", "single weights")
KERNELS = {name: {"pe": SIDE, "simd": SIDE} for name in LAYERS[1:]} | {LAYERS[0]: {"pe": SIDE, "simd": 1}}
"""The first layer has one input channel; the columns of its tiles are places of its window."""


def recipe(arm: str, seed: int) -> Recipe:
    structure = "element" if arm == "single weights" else "tile"
    noise = NOISE if arm == ARMS[0] else 0.0
    fields = {"keep": KEEP, "tile": (SIDE, SIDE), "weight_noise": noise, "weight_bits": 4, "act_bits": 4}
    return Recipe("admm-tiles", structure=structure, shares=(0, 0.4, 0.3, 0.3), seed=seed, **fields)


def run(arm: str, seed: int) -> Measured:
    model, accuracy = fitted(recipe(arm, seed))
    graph = intaglio.lower(model)
    design = intaglio.compile(graph, board=BOARD, folding=KERNELS)
    summary = design.estimate()
    return {
        "accuracy": accuracy,
        "occupied tiles": sum(occupied(codes_of(model, name)) for name in LAYERS),
        "weights": sum(int(np.count_nonzero(codes_of(model, name))) for name in LAYERS),
        "interval": summary.cycles.interval,
        "steps": sum(summary.cycles.steps[name] for name in LAYERS),
        "LUT": summary.total.lut,
        "accuracy under noise": under_noise(model, seed),
    }


def occupied(codes: np.ndarray) -> int:
    """Tiles of a layer that hold any weight."""
    tiles = tile_(codes.shape, (SIDE, SIDE)).reshape(-1).numpy()
    return len(np.unique(tiles[codes.reshape(-1) != 0]))


@torch.no_grad()
def under_noise(model: PreparedModel, seed: int) -> float:
    """Accuracy in percent: the frozen model's numbers, run in float, since noisy weights are no integers."""
    model.phase = Phase.SNAPPED
    for name in LAYERS:
        producer = model.producer(name)
        producer.noise = NOISE
        producer.train()  # noise is a matter of training alone; nothing else of a snapped layer is
    torch.manual_seed(seed)
    held_out = EXAMPLE.data()[1]
    right = [float((model(held_out.x).argmax(dim=1) == held_out.y).float().mean()) for _ in range(DRAWS)]
    return 100 * float(np.mean(right))


def judge(outcome: Outcome) -> tuple[bool, str]:
    noisy, plain, single = ARMS
    tiles = {arm: outcome.of(arm, "occupied tiles") for arm in ARMS}
    gain = outcome.difference(noisy, plain, "accuracy under noise")
    shown = [
        f"{arm}: {tiles[arm].text(0)} tiles of {outcome.of(arm, 'weights').mean:.0f} weights, "
        f"{outcome.of(arm, 'interval').mean:,.0f} cycles, {outcome.of(arm, 'LUT').mean:,.0f} LUTs, "
        f"{outcome.of(arm, 'accuracy').text()} %, under noise {outcome.of(arm, 'accuracy under noise').text()} %"
        for arm in ARMS
    ]
    holds = tiles[plain].high < tiles[single].low and gain.low > 0
    return holds, f"{'; '.join(shown)}; gain of training under noise of {NOISE}: {gain.text()} points."


experiment = Experiment(
    number=15,
    system="crossbar_tiles",
    claim="Pruned by tiles, a network occupies fewer tiles than pruned weight by weight to the same sparsity, "
    "and trained under multiplicative weight noise it bears noise better",
    data="digits, 16-32-10, W4A4",
    arms=ARMS,
    run=run,
    judge=judge,
    note="LUTs and cycles are estimates, at PE = SIMD = 4 (SIMD 1 in the first layer, which has one channel); "
    "the kernel skips empty tiles.",
)

if __name__ == "__main__":
    experiment.main()
