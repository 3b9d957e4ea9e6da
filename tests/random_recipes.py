"""Recipes of parts drawn at random: combinations that nobody published."""

from __future__ import annotations

import random

from intaglio.compress import Recipe
from intaglio.compress.drivers import DRIVERS
from intaglio.compress.projections import SELECTIONS
from intaglio.compress.quantisers import CODEBOOKS, RANGES
from intaglio.compress.recovery import RECOVERIES
from intaglio.compress.scores import SCORES
from intaglio.compress.structures import STRUCTURES


def drawn(seed: int) -> Recipe:
    draw = random.Random(seed)
    codebook = draw.choice(CODEBOOKS)
    structure = draw.choice(list(STRUCTURES))
    places = STRUCTURES[structure].blocks  # pixels have no weights
    scores = [name for name in sorted(SCORES) if SCORES[name].of_activations or not places]
    drivers = [d for d in (*DRIVERS, "progressive(admm)", "progressive(cubic)") if not (places and "admm" in d)]
    return Recipe(
        structure=structure,
        score=draw.choice(scores),
        driver=draw.choice(drivers),
        projections=(draw.choice(sorted(SELECTIONS)), "levels")[: 1 if places else draw.choice([1, 2])],
        scope=draw.choice(["layer"] if places else ["layer", "global"]),
        recovery=draw.choice(RECOVERIES),
        codebook=codebook,
        ranges=draw.choice(RANGES),
        bit_choices=draw.choice([(), (2, 4, 8)]) if codebook == "uniform" else (),
        prune_quantised=draw.choice([False, True]),
        keep=draw.choice([0.25, 0.5, 1.0]),
        weight_bits=draw.choice([1, 2, 3, 4]),
        scales=draw.choice(["dyadic", "power-of-two"]),
        tile=(2, 3),
        threshold=draw.choice([0.0, 0.01, 1.0]),
        l1=draw.choice([0.0, 1e-4]),
        gate_weight=draw.choice([0.0, 0.01]),
        bops_weight=draw.choice([0.0, 0.1]),
        adversarial=draw.choice([0.0, 0.0, 0.5]),
        weight_noise=draw.choice([0.0, 0.05]),
        start_epoch=0.1,
        shares=(0.2, 0.4, 0.2, 0.2),
    )
