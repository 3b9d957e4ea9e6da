"""Draws of fully unrolled layers as adder graphs, ours and da4ml's: registers in every place and in few."""

from __future__ import annotations

import numpy as np

from .common import Draw, Drawer
from .unrolled import unrolled_conv2d, unrolled_dense


def _adders(rng: np.random.Generator, index: int) -> Draw:
    draw = unrolled_conv2d if index % 3 == 2 else unrolled_dense
    return draw(rng, index, "da4ml" if index % 6 == 4 else "adders", 0.17)


DRAWS: dict[str, tuple[int, Drawer]] = {"adders": (33, _adders)}
