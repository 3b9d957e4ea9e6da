"""Recipe: what it takes, what it refuses, and how it survives TOML."""

from __future__ import annotations

import pytest
from intaglio.compress import Recipe
from intaglio.errors import IntaglioError


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"weight_bits": 0}, "weight_bits = 0"),
        ({"weight_bits": 9}, "weight_bits = 9"),
        ({"act_bits": 2.5}, "act_bits = 2.5"),
        ({"input_bits": True}, "input_bits = True"),
        ({"keep": 0.0}, "keep = 0.0"),
        ({"keep": 1.5}, "keep = 1.5"),
        ({"keep": float("nan")}, "keep = nan"),
        ({"keep": {"conv1": -1}}, "of conv1"),
        ({"method": "magic"}, "method = 'magic'"),
        ({"scales": "float"}, "scales = 'float'"),
        ({"shares": (0, 0, 0, 0)}, "shares"),
        ({"start_epoch": -1.0}, "start_epoch"),
        ({"seed": -1}, "seed"),
    ],
)
def test_nonsense_is_refused_by_name(wrong: dict, named: str) -> None:
    with pytest.raises(IntaglioError, match=named):
        Recipe(**wrong)


def test_unknown_key_gets_a_suggestion() -> None:
    with pytest.raises(IntaglioError, match="did you mean weight_bits"):
        Recipe.from_dict({"weigth_bits": 4})


def test_round_trip_through_plain_values() -> None:
    recipe = Recipe(method="stepwise", keep={"conv1": 0.25}, scales="power-of-two", shares=(0, 1, 1, 1))
    assert Recipe.from_dict(recipe.to_dict()) == recipe
    assert recipe.share_kept("conv1") == 0.25
    assert recipe.share_kept("conv2") == 1.0
