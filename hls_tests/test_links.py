"""Width converters and forks: HLS and RTL, any lanes to any lanes."""

from pathlib import Path

import numpy as np
from harness import Unit, check_units, random_tensor
from intaglio.ir import TensorType
from intaglio.ops.links import Fork, Width


def test_width_converters_repack_any_lanes(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    units = []
    shapes = [(1, 8, 8), (8, 1, 8), (2, 3, 7), (3, 2, 7), (5, 4, 37), (4, 5, 37), (4, 2, 6), (2, 4, 6), (37, 4, 37), (4, 37, 37), (2, 2, 5)]
    for index, (take, give, channels) in enumerate(shapes):
        kind = TensorType.integer((3, channels), -4 if index % 2 else 0, 3)
        link = Width(kind, take, give)
        x = random_tensor(rng, 6, kind)
        units.append(
            Unit(f"w{index}", link.template, link.params(), link.program(), [(x, kind, take)], [(x, kind, give)])
        )
    check_units(units, tmp_path)


def test_forks_copy_every_beat(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    kind = TensorType.integer((4, 5), -8, 7)
    units = []
    for copies in (2, 3):
        link, x = Fork(kind, 2, copies), random_tensor(rng, 6, kind)
        units.append(
            Unit(f"f{copies}", link.template, link.params(), link.program(), [(x, kind, 2)], [(x, kind, 2)] * copies)
        )
    check_units(units, tmp_path)
