"""What recipes add to a loss, gates, and adversarial samples."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from compress_networks import batches_of, mlp_network, residual_network
from intaglio.compress import Phase, PreparedModel, Recipe, fit
from intaglio.compress.gates import GaussianGates, LogitGates
from intaglio.compress.losses.adversarial import cut_at_mean, deepfool, stretched


def test_a_plain_recipe_adds_nothing() -> None:
    model = PreparedModel(mlp_network(), Recipe())
    assert model.penalty().item() == 0
    assert not model.penalty().requires_grad


def test_l1() -> None:
    model = PreparedModel(mlp_network(), Recipe(l1=0.5))
    want = 0.5 * sum(float(model.producer(n).weight.abs().sum().detach()) for n in ("h1", "h2", "fc"))
    assert model.penalty().item() == pytest.approx(want)
    model.penalty().backward()
    assert torch.equal(model.producer("fc").weight.grad, 0.5 * model.producer("fc").weight.sign())


def opened(make=residual_network, **given: object) -> PreparedModel:
    """A DJPQ model in the middle of its joint phase."""
    recipe = Recipe("djpq", start_epoch=0, shares=(0, 1, 0, 0), **given)
    model = PreparedModel(make(act_bits=8), recipe)
    batches = batches_of(model.graph, 4)
    model.plan(4, 4)
    for x, y in batches:
        F.cross_entropy(model(x), y).backward()
        model.step()
    assert model.learning_bits
    assert model.phase is Phase.QUANTISE
    return model


def test_bops_count_open_channels_and_learned_widths() -> None:
    model = opened(mlp_network, gate_weight=0.0, bops_weight=1.0)
    share = GaussianGates(1, -4.0).openness().item()
    macs = {"h1": 40, "h2": 48, "fc": 18}
    opens = {"h1": share, "h2": share**2, "fc": share}
    model.zero_grad()
    got = model.penalty()
    widths = {"h1": 8, "h2": 8, "fc": 8}  # of inputs; activations are unsigned, so 8 bits from a 7-bit beginning
    assert got.item() == pytest.approx(sum(macs[n] * opens[n] * widths[n] / 8 for n in macs) / 106, rel=0.1)
    got.backward()
    for number in range(2):
        assert float(model.pruner.gate(number).widening.grad.max()) < 0  # more noise, fewer BOPs
    for name in macs:
        assert model.producer(name).range.coarsening.grad.item() < 0  # a coarser step, fewer bits


def test_closing_gates_leaves_the_function_as_it_was() -> None:
    model = opened()
    with torch.no_grad():
        for number in range(2):
            model.pruner.gate(number).mu.uniform_(0.5, 1.5)
            model.pruner.gate(number).widening[0] = 1.0  # closes
    x = batches_of(model.graph, 1, seed=4)[0][0]
    model.eval()
    model.phase = Phase.PRUNE  # quantisers aside, whose widths are settled at the same time
    for number, site in enumerate(model.pruner.sites):
        rows = torch.ones(site.count)
        rows[0] = 0
        model.pruner.propose(site, rows)
        model.pruner.settle(site)
        assert number in model.pruner.open
    before = model(x)
    for number in range(2):
        model.pruner._harden(number)
    assert not model.pruner.open
    assert torch.allclose(model(x), before, atol=1e-5)


def test_gates_close_and_widths_shrink_where_they_are_paid_for() -> None:
    graph = mlp_network(act_bits=8, widths=(5, 24, 12))
    recipe = Recipe("djpq", gate_weight=0.2, bops_weight=2.0, start_epoch=0, shares=(0.1, 0.7, 0.1, 0.1))
    model = PreparedModel(graph, recipe)
    fit(model, batches_of(graph, 10), None, 30, lr=0.01, progress=False)
    kept, channels = map(sum, zip(*model.kept().values(), strict=True))
    assert kept < channels
    widths = [model.producer(name).bits for name in model.macs]
    assert min(widths) < 8
    assert all(bits in recipe.bit_choices for bits in widths)
    for name in model.macs:
        assert abs(model.frozen_graph().by_name[name].op.weight).max() <= 2 ** (model.producer(name).bits - 1) - 1


def test_a_hard_mask_has_a_soft_gradient() -> None:
    gates = LogitGates(3, temperature=2.0)
    with torch.no_grad():
        gates.logits.copy_(torch.tensor([-1.0, 0.5, 3.0]))
    mask = gates.sample()
    assert mask.tolist() == [0, 1, 1]
    mask.sum().backward()
    soft = torch.sigmoid(2 * gates.logits.detach())
    assert torch.allclose(gates.logits.grad, 2 * soft * (1 - soft))


def test_deepfool_crosses_the_nearest_boundary_of_a_linear_model() -> None:
    weight = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
    x = torch.tensor([[2.0, 1.5], [0.3, -0.1], [-1.0, -1.0]])
    eta = deepfool(lambda v: v @ weight.T, x, 1)
    logits = x @ weight.T
    label = logits.argmax(dim=1)
    assert bool(((x + eta) @ weight.T).argmax(dim=1).ne(label).all())
    for i in range(3):
        others = [c for c in range(3) if c != int(label[i])]
        gaps = [float((logits[i, label[i]] - logits[i, c]) / (weight[label[i]] - weight[c]).norm()) for c in others]
        assert float(eta[i].norm()) == pytest.approx(min(gaps), rel=0.03)


def test_no_step_is_longer_than_the_batchs_mean() -> None:
    eta = torch.tensor([[3.0, 4.0], [0.6, 0.8], [0.0, 0.0]])
    cut = cut_at_mean(eta)
    assert cut.norm(dim=1).tolist() == pytest.approx([2.0, 1.0, 0.0])
    assert torch.equal(cut[1], eta[1])


def test_a_budget_set_by_hand_is_the_length_of_every_step() -> None:
    eta = torch.tensor([[3.0, 4.0], [0.6, 0.8], [0.0, 0.0]])
    assert stretched(eta, 0.5).norm(dim=1).tolist() == pytest.approx([0.5, 0.5, 0.0])


def test_adversarial_samples_leave_the_model_as_it_was() -> None:
    model = PreparedModel(residual_network(), Recipe("blind-adversarial"))
    x, _ = batches_of(model.graph)[0]
    before = {name: value.clone() for name, value in model.state_dict().items() if torch.is_tensor(value)}
    moved = model.adversarial(x)
    assert model.training
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items() if name in before)
    model.eval()
    said = model(x).argmax(dim=1)
    assert F.cross_entropy(model(moved), said) > F.cross_entropy(model(x), said)
