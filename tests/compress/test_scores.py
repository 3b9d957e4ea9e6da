"""What scores see and say: against gradients and means computed by hand."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from compress_networks import batches_of, mlp_network
from intaglio.compress import PreparedModel, Recipe
from intaglio.compress.statistics import squared_gradients
from intaglio.errors import IntaglioError
from torch import Tensor


def watched(score: str, **given: object) -> tuple[PreparedModel, list[tuple[Tensor, Tensor]]]:
    """A model in whose one-shot window three batches and two steps have been seen, with a learning rate of 0."""
    parts = {"structure": "element", "score": score, "start_epoch": 0, "layer_epochs": 0.9, "shares": (0, 1, 0, 0)}
    model = PreparedModel(mlp_network(), Recipe("one-shot", **parts, **given))
    model.batch_norm("h1_bn").momentum = 0.0
    batches = batches_of(model.graph, 3)
    model.plan(4, 3)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.0)
    for x, y in batches:
        optimiser.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimiser.step()
        if model.clock + 1 < 3:
            model.step(y)
    assert model.clock == 2
    assert model.pruner.open
    return model, batches


def gradients(model: PreparedModel, x: Tensor, y: Tensor, name: str = "h2") -> Tensor:
    return torch.autograd.grad(F.cross_entropy(model(x), y), model.producer(name).weight)[0]


def score_of(model: PreparedModel, name: str = "h2") -> Tensor:
    number = [site.name for site in model.pruner.sites].index(name)
    return model.pruner._score(number, {name: model.producer(name).weight.detach()}).reshape(-1)


def test_magnitude_is_the_l2_norm_of_a_group() -> None:
    model = PreparedModel(mlp_network(), Recipe(structure="filter", score="magnitude"))
    assert torch.allclose(score_of(model), model.producer("h2").weight.detach().norm(dim=1))


@pytest.mark.parametrize("score", ["taylor", "curvature"])
def test_gradients_are_those_of_the_users_loop(score: str) -> None:
    model, batches = watched(score)
    model.pruner.open.clear()
    found = [gradients(model, x, y) for x, y in batches[:2]]
    weight = model.producer("h2").weight.detach()
    if score == "taylor":
        want = torch.stack([(weight * g).abs() for g in found]).mean(dim=0)
    else:
        want = torch.stack([(weight * g).square() for g in found]).mean(dim=0)
    assert torch.allclose(score_of(model), want.reshape(-1), rtol=1e-4, atol=1e-9)


def test_class_groups_square_each_groups_own_gradient() -> None:
    model, batches = watched("class-groups", groups=(0, 1, 1))
    model.pruner.open.clear()
    model.eval()
    weight = model.producer("h2").weight.detach()
    want = torch.zeros(2, weight.numel())
    for x, y in batches[:2]:
        for group, members in enumerate(((0,), (1, 2))):
            mine = torch.isin(y, torch.tensor(members))
            want[group] += (weight * gradients(model, x[mine], y[mine])).square().reshape(-1) / 2
    number = [site.name for site in model.pruner.sites].index("h2")
    assert torch.allclose(model.pruner._score(number, {"h2": weight}), want, rtol=1e-4, atol=1e-9)


def test_curvature_without_labels_is_the_fisher_diagonal() -> None:
    """The mean over samples of sum_c (df_c)^2 / f_c, which one pass with random signs gives on average."""
    model = PreparedModel(mlp_network(), Recipe())
    model.eval()
    x, _ = batches_of(model.graph, 1, 8)[0]
    weight = model.producer("h2").weight
    want = torch.zeros_like(weight)
    for sample in x:
        softmax = F.softmax(model(sample[None]), dim=1)[0]
        for probability in softmax:
            want += torch.autograd.grad(probability, weight, retain_graph=True)[0].square() / probability.detach() / 8
    draws = [squared_gradients(model, ["h2"], (x,), None, None, 3)["h2"] for _ in range(1000)]
    got = torch.stack(draws).mean(dim=0)
    assert (got - want).abs().max() < 0.1 * want.max()
    assert got.sum() == pytest.approx(float(want.sum()), rel=0.1)


def test_the_curvature_of_a_network_that_is_sure_takes_no_luck() -> None:
    """Of one sample it is exact, whatever is drawn: classes that are all but impossible count as they should."""
    model = PreparedModel(mlp_network(), Recipe())
    model.eval()
    with torch.no_grad():
        model.producer("fc").weight.mul_(16)
    x = batches_of(model.graph, 1, 1)[0][0]
    softmax = F.softmax(model(x), dim=1)[0]
    assert softmax.max() > 0.95
    weight, want = model.producer("h2").weight, 0.0
    for probability in softmax:
        want = want + torch.autograd.grad(probability, weight, retain_graph=True)[0].square() / probability.detach()
    for _ in range(3):
        got = squared_gradients(model, ["h2"], (x,), None, None, 3)["h2"]
        assert torch.allclose(got, want, rtol=1e-3, atol=1e-7 * float(want.max()))


def test_a_weight_is_worth_what_it_reads_under_a_score_of_activations() -> None:
    model, batches = watched("mean-abs-activation")
    model.pruner.open.clear()
    model.train()
    reads = [model.tensors(x)["h1_q"].abs().mean(dim=0) for x, _ in batches]
    want = model.producer("h2").weight.abs() * torch.stack(reads).mean(dim=0)
    assert torch.allclose(score_of(model), want.reshape(-1).detach(), rtol=1e-4)


def test_what_a_score_lacks_is_named() -> None:
    with pytest.raises(IntaglioError, match="class-groups needs labels"):
        step_without("class-groups", clear=False)
    with pytest.raises(IntaglioError, match="needs gradients, and h1 has none"):
        step_without("taylor", clear=True)
    with pytest.raises(IntaglioError, match="labels do not fit"):
        watched("class-groups", groups=(0, 1))


def step_without(score: str, *, clear: bool) -> None:
    recipe = Recipe("one-shot", structure="element", score=score, start_epoch=0, shares=(0, 1, 0, 0))
    model = PreparedModel(mlp_network(), recipe)
    model.plan(2, 4)
    x, y = batches_of(model.graph, 1)[0]
    F.cross_entropy(model(x), y).backward()
    if clear:
        model.zero_grad()
    model.step()
