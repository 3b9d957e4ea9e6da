"""Tables and thresholds against the chain's own definition at every integer, and float64's shortcuts against none."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest
from intaglio.ir import TensorType
from intaglio.ops import Threshold
from intaglio.ops.rounding import ROUNDINGS
from intaglio.passes.lower_quantise import Quantiser
from intaglio.passes.pending import Pending, Step
from intaglio.passes.tabulate import about, tabulated, threshold_of

FUNCTIONS: list[tuple[str, tuple[Fraction, ...]]] = [
    *[
        (name, ())
        for name in ("sigmoid", "tanh", "gelu", "relu", "hard_swish", "soft_sign", "floor", "sign", "softplus")
    ],
    ("elu", (Fraction(1),)),
    ("leaky_relu", (Fraction(1, 10),)),
]


def _drawn(seed: int) -> tuple[Pending, Quantiser, TensorType]:
    draw = random.Random(seed)
    channels, high, low = draw.choice([1, 2]), draw.choice([50, 300]), -draw.choice([0, 50, 300])

    def fraction(most: int, *below: int) -> Fraction:
        return Fraction(draw.choice([-1, 1]) * draw.randint(1, most), draw.choice(below))

    function, parameters = draw.choice(FUNCTIONS)
    steps = (Step(function, (parameters,)),)
    if draw.random() < 0.3:
        pairs = tuple((abs(fraction(9, 4)), fraction(9, 4)) for _ in range(channels))
        steps = (*steps, Step("affine", pairs))
    x = Pending(
        "t",
        tuple(fraction(1000, 1 << 10, 1 << 8, 777) for _ in range(channels)),
        tuple(fraction(3000, 1 << 10) * draw.choice([0, 1]) for _ in range(channels)),
        steps=steps,
    )
    bipolar = draw.random() < 0.15
    scale = tuple(Fraction(draw.choice([1, 3, 5]), draw.choice([8, 16, 100])) for _ in range(channels))
    zero = 0 if bipolar else draw.choice([0, 0, 5, -3])
    ends = (-1, 1) if bipolar else (draw.choice([-128, 0, -8]), draw.choice([127, 15, 7]))
    q = Quantiser(scale, (zero,) * channels, *ends, draw.choice(ROUNDINGS), bipolar)
    return x, q, TensorType.integer((channels,), low, high, None)


@pytest.mark.parametrize("seed", range(40))
def test_every_integer_has_the_code_of_its_real_number(seed: int) -> None:
    x, q, kind = _drawn(seed)
    op = tabulated(x, kind, q.code, "", scale=None, bipolar=q.bipolar, name="n", shared=False, near=q.near)
    plain = tabulated(x, kind, q.code, "", scale=None, bipolar=q.bipolar, name="n", shared=False)
    assert op == plain
    rows = op.attributes()["table"]
    for c in range(x.channels):
        row = rows[c if len(rows) > 1 else 0]
        want = [q.code(c, x.at(c, v)) for v in range(min(kind.lo), max(kind.hi) + 1)]
        assert row.tolist() == want


def _directions(x: Pending) -> list[int]:
    return [x.direction(c) for c in range(x.channels)]


@pytest.mark.parametrize("seed", [seed for seed in range(40) if 0 not in _directions(_drawn(seed)[0])])
def test_thresholds_are_where_the_code_changes(seed: int) -> None:
    x, q, kind = _drawn(seed)
    directions = _directions(x)

    def made(**options: object) -> Threshold:
        return threshold_of(
            lambda c, v: q.code(c, x.at(c, v)), kind.lo, kind.hi, directions, "", scale=None, bipolar=q.bipolar,
            name="n", **options,  # type: ignore[arg-type]
        )  # fmt: skip

    assert made() == made(about=about(x, q.near))
    assert made() == made(about=lambda _, values: 0.0 * values)  # a bad guess costs time, nothing else
