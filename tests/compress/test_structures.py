"""Which weights make a group, and which channels are left without a use."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from compress_networks import batches_of, mlp_network, residual_network
from intaglio import simulate
from intaglio.compress import PreparedModel, Recipe
from intaglio.compress.structures import STRUCTURES
from intaglio.flow.lower import lower

SHAPE = (5, 3, 2, 2)
TILE = (2, 4)


def groups_by_hand(kind: str) -> dict[object, set[tuple[int, int, int, int]]]:
    """Group -> places, from the definitions on the GEMM view: outputs x (height, width, inputs)."""
    found: dict[object, set[tuple[int, int, int, int]]] = {}
    for o, i, r, s in np.ndindex(SHAPE):
        column = (r * SHAPE[3] + s) * SHAPE[1] + i
        key = {
            "element": (o, i, r, s),
            "filter": o,
            "shape": column,
            "tile": (o // TILE[0], column // TILE[1]),
        }[kind]
        found.setdefault(key, set()).add((o, i, r, s))
    return found


@pytest.mark.parametrize("kind", ["element", "filter", "shape", "tile"])
def test_groups_are_those_of_the_definition(kind: str) -> None:
    from intaglio.compress.structures import weight_sites

    (site,) = weight_sites(kind, {"conv": SHAPE}, frozenset(), TILE)
    labels = site.labels["conv"].numpy()
    mine = {frozenset(map(tuple, np.argwhere(labels == group).tolist())) for group in range(site.count)}
    assert mine == set(map(frozenset, groups_by_hand(kind).values()))
    weight = torch.randn(SHAPE, dtype=torch.float64)
    sums = site.reduce({"conv": weight})
    for group in range(site.count):
        assert sums[group].item() == pytest.approx(weight[torch.from_numpy(labels == group)].sum().item())
        assert int(site.sizes[group]) == int((labels == group).sum())
    stacked = site.reduce({"conv": torch.stack((weight, 2 * weight))})
    assert torch.allclose(stacked, torch.stack((sums, 2 * sums)))
    values = torch.arange(site.count, dtype=torch.float64)
    assert np.array_equal(site.expand(values)["conv"].numpy(), labels)


def test_the_weights_of_coupled_channels_are_the_rows_that_make_them() -> None:
    model = PreparedModel(residual_network(), Recipe())
    stem, inner = model.pruner.sites
    assert stem.producers == ("stem", "b")
    assert stem.sizes.tolist() == [2 * 9 + 6 * 9] * 4
    assert inner.sizes.tolist() == [4 * 9] * 6
    mask = torch.tensor([1.0, 0.0, 1.0, 1.0])
    for name, values in stem.expand(mask).items():
        assert torch.equal(values[1], torch.zeros_like(values[1])), name
        assert bool((values[[0, 2, 3]] == 1).all())


def test_no_class_is_a_filter() -> None:
    model = PreparedModel(mlp_network(), Recipe(structure="filter"))
    assert [site.name for site in model.pruner.sites] == ["h1", "h2"]
    assert list(STRUCTURES) == ["channel", "block", "channel-block", "element", "filter", "shape", "tile"]


def masked(make, **masks: torch.Tensor) -> PreparedModel:
    model = PreparedModel(make(), Recipe(structure="element", weight_bits=8))
    model.calibrate(batches_of(model.graph))
    for name, mask in masks.items():
        model.set_mask(name, mask.reshape(-1))
    return model


def check_carved(model: PreparedModel, channels: dict[str, int]) -> None:
    """The same function as before, in fewer channels."""
    x = batches_of(model.graph)[0][0]
    model.eval()
    before = model(x)
    model.bury_dead()
    assert torch.equal(model(x), before)
    graph = lower(model.freeze())
    assert (simulate(graph, x.numpy()) == model(x).numpy()).all()
    assert {name: graph.types[name].channels for name in channels} == channels


def test_a_channel_that_nobody_reads_is_carved() -> None:
    mask = torch.ones(6, 8)
    mask[:, [1, 4]] = 0
    check_carved(masked(mlp_network, h2=mask), {"h1": 6, "h2": 6})


def test_a_channel_that_nobody_makes_is_carved_with_its_shift() -> None:
    mask = torch.ones(8, 5)
    mask[3] = 0
    check_carved(masked(mlp_network, h1=mask), {"h1": 7})


def test_death_spreads() -> None:
    """h2's channel 0 reads only h1's channel 2, and nothing reads h2's channel 0."""
    first, second = torch.ones(6, 8), torch.ones(3, 6)
    first[0], first[:, 2] = 0, 0
    first[0, 2] = 1
    second[:, 0] = 0
    check_carved(masked(mlp_network, h2=first, fc=second), {"h1": 7, "h2": 5})


def test_a_shortcut_keeps_a_channel_alive() -> None:
    mask = torch.ones(4, 6, 3, 3)
    mask[1] = 0  # b makes nothing of channel 1, but the stem still does
    check_carved(masked(residual_network, b=mask), {"stem": 4})
    stem = torch.ones(4, 2, 3, 3)
    stem[1] = 0
    check_carved(masked(residual_network, b=mask, stem=stem), {"stem": 3, "b": 3})
