"""Every method, and combinations of parts that nobody published: they train, freeze, lower, and stay equal."""

from __future__ import annotations

import intaglio
import numpy as np
import pytest
from compress_networks import batches_of, mlp_network, residual_network
from intaglio.compress import PreparedModel, Recipe, fit
from intaglio.compress.methods import METHODS
from intaglio.compress.projections import channels_kept
from intaglio.flow.lower import lower
from random_recipes import drawn

PUBLISHED = sorted(set(METHODS) - {"float"})


def trained(recipe: Recipe, make=residual_network, epochs: int = 6) -> PreparedModel:
    graph = make(act_bits=recipe.widest_act_bits)
    model = PreparedModel(graph, recipe)
    fit(model, batches_of(graph, 6), None, epochs, lr=0.01, progress=False)
    return model


def check_equal(model: PreparedModel) -> None:
    x = batches_of(model.graph, 2, 32, seed=5)[1][0]
    want = model(x).numpy()
    assert (intaglio.simulate(lower(model), x.numpy()) == want).all()
    assert len(np.unique(want)) > 2


@pytest.mark.parametrize("make", [residual_network, mlp_network])
@pytest.mark.parametrize("method", PUBLISHED)
def test_every_method_lowers_to_equal_integers(method: str, make) -> None:
    model = trained(Recipe(method, start_epoch=0.1), make)
    check_equal(model)
    recipe = model.recipe
    for name, (kept, groups) in model.kept().items():
        if recipe.prunes and recipe.projections[0] != "threshold" and recipe.scope == "layer":
            assert kept <= channels_kept(groups, recipe.share_kept(name)), name


@pytest.mark.parametrize("method", sorted(METHODS))
def test_every_field_of_a_method_has_a_source(method: str) -> None:
    described = Recipe(method).describe()
    assert all(row.source for row in described)
    assert {row.field for row in described} >= set(METHODS[method])
    for row in described:
        if row.field in METHODS[method]:
            value, source = METHODS[method][row.field]
            assert (row.value, row.source) == (value, source)
    assert Recipe(method, seed=3).describe()[-1] == ("seed", 3, "given")


@pytest.mark.parametrize("seed", range(40))
def test_combinations_that_nobody_published(seed: int) -> None:
    recipe = drawn(seed)
    images = seed % 2 or recipe.structure == "block"  # which takes pixels
    model = trained(recipe, residual_network if images else mlp_network, epochs=5)
    x = batches_of(model.graph, 2, 32, seed=5)[1][0]
    assert (intaglio.simulate(lower(model), x.numpy()) == model(x).numpy()).all()
