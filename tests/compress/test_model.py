"""PreparedModel: phases, masks, a user's own loop, and what it refuses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from compress_networks import batches_of, mlp_network, residual_network
from intaglio.compress import Phase, PreparedModel, Recipe
from intaglio.errors import IntaglioError
from intaglio.ir import Graph, Node
from intaglio.ops.source import BatchNorm

FAST = Recipe(start_epoch=0.1, layer_epochs=0.3)


def train(model: PreparedModel, epochs: int = 8, lr: float = 0.02) -> list[Phase]:
    """A user's own loop."""
    batches = batches_of(model.graph)
    model.plan(epochs, len(batches))
    optimiser = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    phases = [model.phase]
    for _ in range(epochs):
        for x, y in batches:
            optimiser.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimiser.step()
            model.step()
            phases.append(model.phase)
    return phases


@pytest.mark.parametrize("method", ["layerwise", "one-shot", "stepwise"])
@pytest.mark.parametrize("make", [residual_network, mlp_network])
def test_a_users_own_loop_prunes_quantises_and_freezes(method: str, make) -> None:
    model = PreparedModel(make(), replace(FAST, method=method))
    phases = train(model)
    assert phases == sorted(phases)
    assert set(phases) == {Phase.FLOAT, Phase.PRUNE, Phase.QUANTISE, Phase.SNAPPED}
    assert all(kept == channels // 2 for kept, channels in model.kept().values())
    x = batches_of(model.graph)[0][0]
    model.eval()
    before = model(x).detach()
    assert model.freeze().phase is Phase.FROZEN
    after = model(x)
    assert after.dtype == torch.float64
    assert (before - after).abs().max() < 1e-4


@pytest.mark.parametrize("phase", [Phase.PRUNE, Phase.QUANTISE, Phase.SNAPPED, Phase.FROZEN])
def test_a_masked_channel_is_zero_in_every_tensor_of_its_group(phase: Phase) -> None:
    model = PreparedModel(residual_network(), FAST)
    model.set_mask("stem", [True, False, True, False])
    model.set_mask("a", [False, True, False, True, True, False])
    batches = batches_of(model.graph)
    if phase > Phase.PRUNE:
        model.calibrate(batches)
    if phase is Phase.SNAPPED:
        model.snap()
    if phase is Phase.FROZEN:
        model.freeze()
    assert model.phase is phase or phase is Phase.PRUNE
    for training in (True, False):
        if phase is not Phase.FROZEN:
            model.train(training)
        values = model.tensors(batches[0][0])
        for name, kept in (("stem", 2), ("add", 2), ("b_bn", 2), ("mean_q", 2), ("a_q", 3), ("a_bn", 3), ("skip_q", 2)):
            mask = model.mask_of(name) != 0
            assert int(mask.sum()) == kept
            value = values[name]
            assert bool((value.movedim(1, 0)[~mask] == 0).all()), name
            assert bool((value.movedim(1, 0)[mask] != 0).any()), name


def test_masks_change_only_in_the_windows_and_follow_the_activations() -> None:
    model = PreparedModel(mlp_network(), replace(FAST, refreshes=2))
    batches = batches_of(model.graph)
    plan = model.plan(10, len(batches))
    optimiser = torch.optim.SGD(model.parameters(), lr=0.0)
    changed: dict[int, list[int]] = {}
    previous, scores = model.provisional.clone(), []
    for step in range(plan.quantise_at):
        x, y = batches[step % len(batches)]
        now = model.clock - plan.prune_at
        F.cross_entropy(model(x), y).backward()
        if plan.windows[0].start <= now < plan.windows[0].stop:
            with torch.no_grad():  # in train mode, so with the batch's own statistics
                hidden = F.linear(x, model.producer("h1").weight, model.producer("h1").bias)
                norm = model.batch_norm("h1_bn")
                scores.append(F.relu(F.batch_norm(hidden, None, None, norm.weight, norm.bias, True)).mean(dim=0))
        optimiser.step()
        model.step()
        for number, layer in enumerate(model.layers):
            rows = torch.from_numpy(layer.groups)
            if not torch.equal(model.provisional[rows], previous[rows]):
                changed.setdefault(number, []).append(now + 1)
        previous = model.provisional.clone()
    assert set(changed) == {0, 1}
    for number, steps in changed.items():
        assert set(steps) <= set(plan.windows[number].refreshes)
    best = torch.argsort(torch.stack(scores).mean(dim=0), descending=True)[:4]
    assert set(torch.nonzero(model.mask_of("h1")).flatten().tolist()) == set(best.tolist())


@pytest.mark.parametrize("steps", [3, 4, 5, 6, 7])
@pytest.mark.parametrize("method", ["stepwise", "one-shot"])
def test_a_phase_that_is_too_short_still_goes_the_whole_way(method: str, steps: int) -> None:
    """Stepwise has four stages of two steps or more each, wherever the phase breaks them off."""
    model = PreparedModel(mlp_network(), Recipe(method=method, keep=0.5, shares=(0, 1, 0, 0), start_epoch=0))
    model.plan(1, steps)
    optimiser = torch.optim.SGD(model.parameters(), 0.01)
    for x, _ in batches_of(model.graph, count=steps):
        loss = model(x).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        model.step()
    model.calibrate(batches_of(model.graph))
    model.freeze()
    assert model.kept() == {"h1": (4, 8), "h2": (3, 6)}


def test_layers_are_coupled_through_the_residual() -> None:
    model = PreparedModel(residual_network(), FAST)
    assert [(layer.name, layer.producers, len(layer.groups)) for layer in model.layers] == [
        ("stem", ("stem", "b"), 4),
        ("a", ("a",), 6),
    ]
    assert model.layers[0].watched == ("stem_relu", "out_relu")


def test_keep_by_layer_name() -> None:
    model = PreparedModel(residual_network(), replace(FAST, keep={"a": 1 / 3}))
    train(model)
    assert model.kept() == {"stem": (4, 4), "a": (2, 6)}
    with pytest.raises(IntaglioError, match="'nowhere', which is no hidden layer"):
        PreparedModel(residual_network(), replace(FAST, keep={"nowhere": 0.5}))


def test_a_float_recipe_changes_nothing() -> None:
    model = PreparedModel(mlp_network(), Recipe(method="float"))
    assert set(train(model, 3)) == {Phase.FLOAT}
    assert all(a == b for a, b in model.kept().values())
    with pytest.raises(IntaglioError, match="seen no data"):
        model.freeze()


def test_one_bit_everywhere() -> None:
    recipe = replace(FAST, weight_bits=1, act_bits=1)
    model = PreparedModel(mlp_network(act_bits=1), recipe)
    train(model)
    model.freeze()
    for node in model.frozen_graph().nodes:
        weight = getattr(node.op, "weight", None)
        if weight is not None:
            assert set(np.unique(weight)) <= {-1.0, 0.0, 1.0}


def test_a_nan_weight_is_named() -> None:
    graph = mlp_network()
    graph.by_name["h2"].op.weight[0, 0] = np.nan
    with pytest.raises(IntaglioError, match=r"h2\.weight is NaN"):
        PreparedModel(graph, FAST)
    model = PreparedModel(mlp_network(), FAST)
    model.calibrate(batches_of(model.graph))
    with torch.no_grad():
        model.producer("h1").weight[0, 0] = float("inf")
    with pytest.raises(IntaglioError, match=r"h1\.weight is infinite"):
        model.freeze()


def test_wrong_shapes_and_orders_are_refused() -> None:
    model = PreparedModel(residual_network(), FAST)
    with pytest.raises(IntaglioError, match=r"\(batch, 2, 6, 6\)"):
        model(torch.zeros(1, 6, 6, 2))
    with pytest.raises(IntaglioError, match="takes 1 inputs, not 2"):
        model(torch.zeros(1, 2, 6, 6), torch.zeros(1))
    with pytest.raises(IntaglioError, match=r"call model\.plan"):
        model.step()
    with pytest.raises(IntaglioError, match="not frozen"):
        model.frozen_graph()
    with pytest.raises(IntaglioError, match=r"stem \(4\), a \(6\)"):
        model.set_mask("stem", [True])
    model.calibrate(batches_of(model.graph))
    model.freeze()
    with pytest.raises(IntaglioError, match="prepare the network again"):
        model.calibrate([])


def test_a_batch_norm_on_the_logits_is_refused() -> None:
    graph = mlp_network()
    one = np.ones(3)
    graph = Graph(graph.inputs, (*graph.nodes, Node("bn", BatchNorm(one, one, one, one), ("fc",))), ("bn",))
    with pytest.raises(IntaglioError, match="classes of the last layer one by one"):
        PreparedModel(graph, FAST)


def test_a_frozen_model_survives_its_state_dict() -> None:
    model = PreparedModel(residual_network(), FAST)
    train(model)
    model.freeze()
    again = PreparedModel(residual_network(seed=1), FAST)
    again.load_state_dict(model.state_dict())
    x = batches_of(model.graph)[0][0]
    assert again.frozen
    assert torch.equal(model(x), again(x))
