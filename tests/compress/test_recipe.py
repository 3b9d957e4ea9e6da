"""Recipe: what it takes, what it refuses, and how it survives TOML."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace

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


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"method": "layerwize"}, "did you mean layerwise"),
        ({"method": "admm-bianry"}, "did you mean admm-binary"),
        ({"score": "magnitud"}, "did you mean magnitude"),
        ({"structure": "row"}, "it is one of channel, block, channel-block, element"),
        ({"driver": "progressive(adm)"}, "around one"),
        ({"driver": "iteratve"}, "did you mean iterative"),
        ({"driver": 3}, "driver = 3"),
        ({"projections": ("levels",)}, "and then levels or nothing"),
        ({"projections": ()}, "a list of 1 to 2 values"),
        ({"codebook": "kmeans"}, "it is one of uniform"),
        ({"tile": (4,)}, "a list of 2 values"),
        ({"weight_bits": {"conv1": 9}}, "weight_bits of conv1 = 9"),
        ({"bit_choices": (4, 16)}, "bit_choices = 16"),
        ({"bit_choices": (4, 8), "codebook": "binary"}, "of the uniform codebook"),
        ({"rho_growth": 0.5}, "a number of at least 1"),
        ({"prune_quantised": 1}, "true or false"),
        ({"adversarial": 1.5}, "a number from 0 to 1"),
        ({"shares": 1}, "shares = 1"),
    ],
)
def test_what_was_meant_is_said(wrong: dict, said: str) -> None:
    with pytest.raises(IntaglioError) as caught:
        Recipe(**wrong)
    assert said in str(caught.value)


def test_a_method_is_its_table_and_whatever_is_given_beside() -> None:
    recipe = Recipe("qap", keep=0.4)
    assert (recipe.method, recipe.structure, recipe.scope, recipe.keep) == ("qap", "element", "global", 0.4)
    assert recipe == Recipe(method="qap", keep=0.4) == replace(Recipe("qap"), keep=0.4) != Recipe("qap")
    other = recipe.override(method="taylor", score="magnitude")
    assert (other.method, other.keep, other.score, other.scope) == ("taylor", 0.4, "magnitude", "layer")
    assert other.given == {"keep": 0.4, "score": "magnitude"}
    with pytest.raises(AttributeError):
        _ = recipe.nothing


def test_a_recipe_from_toml() -> None:
    text = """
        method = "admm"
        driver = "progressive(admm)"
        projections = ["top-k", "levels"]
        codebook = "cluster"
        tile = [8, 2]
        keep = { conv1 = 0.2, fc1 = 0.01 }
        weight_bits = { conv1 = 5, "*" = 3 }
    """
    recipe = Recipe.from_dict(tomllib.loads(text))
    assert recipe.projections == ("top-k", "levels")
    assert recipe.tile == (8, 2)
    assert (recipe.share_kept("fc1"), recipe.share_kept("fc2")) == (0.01, 1.0)
    assert [recipe.bits_of("weight_bits", name) for name in ("conv1", "fc1")] == [5, 3]
    assert Recipe.from_dict(recipe.to_dict()) == recipe
    assert json.loads(json.dumps(recipe.resolved()))["codebook"] == "cluster"


def test_unknown_key_gets_a_suggestion() -> None:
    with pytest.raises(IntaglioError, match="did you mean weight_bits"):
        Recipe.from_dict({"weigth_bits": 4})


def test_round_trip_through_plain_values() -> None:
    recipe = Recipe(method="stepwise", keep={"conv1": 0.25}, scales="power-of-two", shares=(0, 1, 1, 1))
    assert Recipe.from_dict(recipe.to_dict()) == recipe
    assert recipe.share_kept("conv1") == 0.25
    assert recipe.share_kept("conv2") == 1.0
