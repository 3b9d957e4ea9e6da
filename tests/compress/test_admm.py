"""ADMM: its target, its multipliers, and that weights come to lie where they must."""

from __future__ import annotations

import itertools
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from compress_networks import batches_of, mlp_network
from intaglio.compress import PreparedModel, Recipe
from intaglio.compress.splitting import Splitting


def run(recipe: Recipe, epochs: int = 60) -> tuple[PreparedModel, list[tuple[int, float]]]:
    """A trained model, and ||W - Z|| / ||W|| of its middle layer just after every update of Z."""
    model = PreparedModel(mlp_network(widths=(5, 16, 12)), recipe)
    batches = batches_of(model.graph, 6)
    plan = model.plan(epochs, len(batches))
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    updates = {u for w in plan.windows for u in w.refreshes}
    residuals = []
    for _ in range(epochs):
        for x, y in batches:
            optimiser.zero_grad()
            (F.cross_entropy(model(x), y) + model.penalty()).backward()
            optimiser.step()
            model.step()
            if model.clock - plan.prune_at in updates and model.residuals():
                residuals.append((model.clock - plan.prune_at, model.residuals()["h2"]))
    return model, residuals


def test_one_update_by_hand() -> None:
    state = Splitting(torch.Size((3,)), rho=0.5, growth=2.0)
    weight = torch.tensor([1.0, -2.0, 0.5])
    state.begin(weight, torch.tensor([1.0, -2.0, 0.0]))
    assert state.quadratic(weight).item() == pytest.approx(0.25 * 0.5**2)
    assert torch.equal(state.shifted(weight), weight)
    state.update(weight, torch.tensor([0.0, -2.0, 0.0]))
    assert state.multiplier.tolist() == [0.5, 0.0, 0.25]  # (W - Z) / growth, for rho has doubled
    assert state.rho.item() == 1.0
    assert state.quadratic(weight).item() == pytest.approx(0.5 * (1.5**2 + 0.75**2))


RECIPE = Recipe("admm", keep=0.25, rho=3e-2, updates=12, ramp=0.8, start_epoch=0, shares=(0.2, 0.6, 0.1, 0.1))


def test_weights_approach_their_target() -> None:
    model, residuals = run(RECIPE)
    values = [value for _, value in residuals]
    assert len(values) == 11
    assert values[-1] < 0.5 * values[0]
    assert all(later < 1.1 * earlier for earlier, later in pairwise(values))
    kept, weights = model.kept()["h2"]
    assert weights / 8 < kept <= weights / 4  # what only dead channels used is gone, too


def test_weights_approach_their_levels() -> None:
    model, residuals = run(RECIPE.override(projections=("top-k", "levels"), codebook="binary", weight_bits=1, keep=1.0))
    values = [value for _, value in residuals]
    assert values[-1] < 0.5 * values[0]
    for name in ("h1", "h2"):
        codes = model.freeze().frozen_graph().by_name[name].op.weight
        assert set(abs(codes).ravel()) == {1}


def test_nothing_is_added_outside_the_run() -> None:
    model = PreparedModel(mlp_network(), RECIPE)
    assert model.penalty().item() == 0
    assert model.residuals() == {}
    model, _ = run(RECIPE, epochs=12)
    assert model.penalty().item() == 0


def test_a_chain_of_budgets_ends_where_the_direct_way_does() -> None:
    direct = PreparedModel(mlp_network(), RECIPE).plan(40, 10)
    chain = PreparedModel(mlp_network(), RECIPE.override(driver="progressive(admm)", stages=3)).plan(40, 10)
    kept = sorted({round(w.kept(0.25), 6) for w in chain.windows}, reverse=True)
    assert kept == pytest.approx([0.25 ** (1 / 3), 0.25 ** (2 / 3), 0.25])
    assert {w.kept(0.25) for w in direct.windows} == {0.25}
    assert max(w.stop for w in chain.windows) <= chain.prune_end - chain.prune_at


def test_the_nearest_are_held_first_and_stay_on_their_target() -> None:
    state = Splitting(torch.Size((4,)), rho=1.0, growth=1.0, holds=True)
    weight, alive = torch.tensor([1.1, -2.4, 0.9, 0.01]), torch.tensor([1.0, 1.0, 1.0, 0.0])
    state.begin(weight, torch.tensor([1.0, -2.0, 1.0, 0.0]))
    state.hold(weight, alive, 2 / 3)
    assert state.held is not None
    assert state.held.tolist() == [True, False, True, False]
    weight += 1
    state.put_back(weight)
    assert weight.tolist() == pytest.approx([1.0, -1.4, 1.0, 1.01])
    state.hold(weight, alive, 1 / 3)  # what is held stays held
    assert int(state.held.sum()) == 2
    last = Splitting(torch.Size((2, 3, 2, 2)), rho=1.0, growth=1.0, holds=True).to(memory_format=torch.channels_last)
    weight = torch.arange(24.0).reshape(2, 3, 2, 2).contiguous(memory_format=torch.channels_last)
    last.hold(weight, torch.ones_like(weight), 0.5)
    assert last.held is not None
    assert torch.equal(last.held, weight < 12)


def test_the_easiest_weights_come_to_their_levels_first() -> None:
    recipe = RECIPE.override(
        projections=("top-k", "levels"), codebook="cluster", weight_bits=2, driver="easiest-first(admm)", stages=3
    )
    model = PreparedModel(mlp_network(widths=(5, 16, 12)), recipe)
    batches = batches_of(model.graph, 6)
    plan = model.plan(60, len(batches))
    window = next(w for w in plan.windows if w.levels)
    assert [window.settled(r) for r in window.refreshes] == [0] * 3 + [1 / 3] * 4 + [2 / 3] * 4 + [1]
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    held_before, shares = torch.zeros(12, 16, dtype=torch.bool), set()
    for x, y in itertools.cycle(batches):
        optimiser.zero_grad()
        (F.cross_entropy(model(x), y) + model.penalty()).backward()
        optimiser.step()
        model.step()
        now = model.clock - plan.prune_at
        if now == window.stop:
            break
        if now >= window.refreshes[0]:
            producer, state = model.producer("h2"), model.pruner.splitting("h2")
            assert state.held is not None
            assert bool((state.held >= held_before).all())
            held_before = state.held.clone()
            shares.add(round(int(state.held.sum()) / int((producer.mask != 0).sum()), 1))
            if now not in window.refreshes:
                assert torch.equal(producer.weight[state.held], state.target[state.held])
    assert shares == {0.0, 0.3, 0.7}
    weight = model.producer("h2").weight[model.producer("h2").mask != 0]
    assert len(weight.unique()) <= 4
