"""Levels that weights may have, their steps, and what a frozen model makes of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from compress_networks import batches_of, mlp_network
from hypothesis import given
from hypothesis import strategies as st
from intaglio.compress import PreparedModel, Recipe
from intaglio.compress.projections import on_levels
from intaglio.compress.quantisers import RANGES, WeightRange, levels_of
from intaglio.compress.quantisers.kmeans import centroids_of
from intaglio.compress.quantisers.learned import learned_width, real_bits
from intaglio.compress.quantisers.ranges import best_steps, nearest_bits
from intaglio.compress.quantisers.surrogates import nearest


def test_levels_by_name() -> None:
    assert levels_of("uniform", 4) is None
    assert levels_of("uniform", 1).tolist() == levels_of("binary", 3).tolist() == [-1, 1]
    assert levels_of("power-of-two", 2).tolist() == [-1, 0, 1]
    assert levels_of("power-of-two", 3).tolist() == [-4, -2, -1, 0, 1, 2, 4]
    assert levels_of("power-of-two", 8).tolist()[-1] == 64
    assert levels_of("conductance", 4, 0.4).tolist() == [-7, -6, -5, -4, -3, 3, 4, 5, 6, 7]
    assert len(levels_of("cluster", 4)) == 16


@given(st.lists(st.integers(-100, 100), min_size=2, max_size=9, unique=True), st.integers(-2200, 2200))
def test_the_nearest_level_and_the_upper_one_on_a_tie(levels: list[int], twentieths: int) -> None:
    x = twentieths / 16
    got = nearest(torch.tensor([x], dtype=torch.float64), torch.tensor(sorted(levels), dtype=torch.float64))
    assert got.item() == min(levels, key=lambda level: (abs(level - x), -level))


@pytest.mark.parametrize("power_of_two", [False, True])
@pytest.mark.parametrize("bits", [2, 3, 4])
def test_a_searched_step_errs_less_than_the_widest(bits: int, power_of_two: bool) -> None:
    rows, hi = torch.randn(6, 200, dtype=torch.float64), 2 ** (bits - 1) - 1
    steps = best_steps(rows, torch.ones_like(rows), hi, None, power_of_two=power_of_two)

    def error(step: torch.Tensor) -> torch.Tensor:
        codes = torch.floor(rows / step[:, None] + 0.5).clamp(-hi, hi)
        return (codes * step[:, None] - rows).square().sum(dim=1)

    widest = rows.abs().amax(dim=1) / hi
    if power_of_two:
        assert torch.equal(steps, 2.0 ** torch.log2(steps).round())
        widest = 2.0 ** torch.log2(widest).ceil()
    assert bool((error(steps) <= error(widest)).all())
    assert error(steps).sum() < error(widest).sum()
    assert bool((error(steps) <= error(steps * (2.0 if power_of_two else 1.2))).all())


def test_clusters_weigh_what_matters() -> None:
    values = torch.tensor([0.0, 0.1, 0.2, 1.0, 1.1])
    assert centroids_of(values, 2).tolist() == pytest.approx([0.1, 1.05])
    heavy = torch.tensor([1.0, 1.0, 1.0, 1e6, 1.0])
    assert centroids_of(values, 2, heavy).tolist() == pytest.approx([0.1, 1.0], abs=1e-4)


def frozen_codes(**given: object) -> dict[str, np.ndarray]:
    model = PreparedModel(mlp_network(widths=(9, 20, 12)), Recipe(keep=1.0, **given))
    model.calibrate(batches_of(model.graph))
    graph = model.freeze().frozen_graph()
    return {name: graph.by_name[name].op.weight for name in model.macs}


@pytest.mark.parametrize("ranges", RANGES)
def test_what_is_built_lies_on_the_codebook(ranges: str) -> None:
    for codes in frozen_codes(codebook="power-of-two", weight_bits=4, ranges=ranges).values():
        sizes = np.abs(codes[codes != 0])
        assert len(set(sizes.tolist())) > 3
        assert set(sizes.tolist()) <= {2.0**k for k in range(7)}
    for codes in frozen_codes(codebook="binary", weight_bits=1, ranges=ranges).values():
        assert set(np.unique(codes)) == {-1, 1}
    for codes in frozen_codes(codebook="conductance", conductance=0.5, weight_bits=4, ranges=ranges).values():
        assert set(np.unique(np.abs(codes))) <= {4, 5, 6, 7}
    for codes in frozen_codes(codebook="cluster", weight_bits=3, ranges=ranges).values():
        assert 4 <= len(np.unique(np.abs(codes))) <= 8  # a batch norm may turn the sign of a row
        assert np.abs(codes).max() == 127


@pytest.mark.parametrize(
    ("codebook", "bits"), [("uniform", 3), ("binary", 1), ("power-of-two", 3), ("cluster", 2), ("conductance", 3)]
)
def test_what_is_projected_has_few_levels(codebook: str, bits: int) -> None:
    weight, mask = torch.randn(4, 30), (torch.rand(4, 30) > 0.4).float()
    found = WeightRange(bits, 4, per_tensor=False, codebook=codebook, source="search", conductance=0.3)
    once = on_levels(weight, mask, found)
    assert bool((once[mask == 0] == 0).all())
    for row in once.abs() if codebook != "cluster" else once[None]:
        assert len(row[row != 0].unique()) <= 2**bits
    if codebook in ("binary", "cluster"):
        assert torch.allclose(on_levels(once, mask, found), once, atol=1e-6)
    if codebook == "binary":
        want = (weight.abs() * mask).sum(dim=1, keepdim=True) / mask.sum(dim=1, keepdim=True)
        assert torch.allclose(once, torch.where(weight >= 0, want, -want) * mask)


def test_masked_weights_do_not_count_in_a_range() -> None:
    weight, mask = torch.tensor([[1.0, -3.0, 0.5]]), torch.tensor([[1.0, 0.0, 1.0]])
    for bits, want in ((1, 0.75), (3, 1 / 3)):
        found = WeightRange(bits, 1, per_tensor=False)
        found.observe(weight, mask)
        assert found.scale().item() == pytest.approx(want)


def test_a_learned_width_has_gradients_for_size_and_step() -> None:
    x = torch.tensor([-2.0, -0.3, 0.26, 0.9, 5.0])
    size, step = torch.tensor([1.0], requires_grad=True), torch.tensor([0.5], requires_grad=True)
    y = learned_width(x, size, step, signed=True)
    assert y.tolist() == [-1.0, -0.5, 0.5, 1.0, 1.0]
    y.sum().backward()
    assert size.grad.item() == pytest.approx(0.0)  # one clipped below, one above
    assert step.grad.item() == pytest.approx(sum(round(v / 0.5) - v / 0.5 for v in (-0.3, 0.26, 0.9)), abs=1e-6)
    assert real_bits(torch.tensor(7.0), torch.tensor(1.0), signed=True).item() == pytest.approx(4.0)
    assert nearest_bits(7.0, 1.0, True, (2, 4, 8)) == 4
    assert nearest_bits(31.0, 1.0, False, (2, 4, 8)) == 4
    assert nearest_bits(200.0, 1.0, False, (2, 4, 8)) == 8
