"""Blocks of 2x2 pixels: who is one, what it is worth, and that a masked one is 0 in training and in integers."""

from __future__ import annotations

import io

import intaglio
import numpy as np
import pytest
import torch
from compress_networks import batches_of, conv, mlp_network, residual_network
from intaglio.compress import PreparedModel, Recipe, fit
from intaglio.compress.drivers import DRIVERS
from intaglio.compress.efficiency import layer_efficiencies
from intaglio.compress.storage import feature_map_storage
from intaglio.compress.structures.places import blocks_of
from intaglio.errors import IntaglioError
from intaglio.flow.lower import lower
from intaglio.flow.show import print_facts
from intaglio.ir import Graph, Node, TensorType
from intaglio.ops.source import Quantise, SourceConv2d, SourceRelu
from intaglio.report.figures import saving_nothing
from rich.console import Console

MAPS = {"stem_q": 4, "a_q": 6, "out_q": 4}
"""Feature maps of hidden layers in the residual network, 6x6 pixels each, and their channels."""


def blocks(**given: object) -> PreparedModel:
    model = PreparedModel(residual_network(), Recipe(structure="block", weight_bits=8, **given))
    model.calibrate(batches_of(model.graph))
    return model


def placed(*gone: int) -> list[bool]:
    return [block not in gone for block in range(9)]


def test_blocks_at_the_end_of_odd_sides_are_smaller() -> None:
    want = [[0, 0, 1, 1, 2], [0, 0, 1, 1, 2], [3, 3, 4, 4, 5]]
    assert blocks_of(3, 5).tolist() == want
    assert blocks_of(1, 4).tolist() == [[0, 0, 1, 1]]


def test_feature_maps_with_pixels_are_sites() -> None:
    sites = blocks().pruner.sites
    assert [site.name for site in sites] == list(MAPS)  # front to back
    assert [site.sizes.tolist() for site in sites] == [[4 * channels] * 9 for channels in MAPS.values()]
    both = PreparedModel(residual_network(), Recipe(structure="channel-block"))
    assert list(both.kept()) == ["stem", "a", *MAPS]


def test_a_block_is_worth_the_mean_of_its_activations() -> None:
    recipe = Recipe("one-shot", structure="block", start_epoch=0, layer_epochs=0.9, shares=(0, 1, 0, 0))
    model = PreparedModel(residual_network(), recipe)
    model.plan(4, 3)
    seen = []
    for x, _ in batches_of(model.graph, 2):
        model(x)
        seen.append(model.tensors(x)["a_q"].detach())
    assert model.pruner.open
    found = model.pruner.statistics["a_q"].mean
    want = torch.stack([a.abs().mean(dim=(0, 1)).reshape(3, 2, 3, 2).mean(dim=(1, 3)).reshape(-1) for a in seen])
    assert torch.allclose(found, want.mean(dim=0), rtol=1e-5)


def test_masked_pixels_are_zero_and_the_others_as_before() -> None:
    model, x = blocks(), batches_of(residual_network())[0][0]
    before = model.eval().tensors(x)
    model.set_mask("stem_q", placed(0, 4))
    after = model.tensors(x)
    gone = torch.zeros(6, 6, dtype=torch.bool)
    gone[0:2, 0:2] = gone[2:4, 2:4] = True
    assert bool((after["stem_q"][..., gone] == 0).all())
    assert torch.equal(after["stem_q"][..., ~gone], before["stem_q"][..., ~gone])
    assert bool((before["stem_q"][..., gone] != 0).any())
    assert model.kept() == {"stem_q": (7, 9), "a_q": (9, 9), "out_q": (9, 9)}


def test_a_frozen_mask_is_a_product_behind_the_quantiser_and_no_mask_is_nothing() -> None:
    model, x = blocks(), batches_of(residual_network(), 1, 32, seed=5)[0][0]
    model.set_mask("a_q", placed(2, 8))
    names = [node.name for node in model.freeze().frozen_graph().nodes]
    assert [name for name in names if name.endswith("masked")] == ["a_q_masked"]
    assert names.index("a_q_masked") == names.index("a_q") + 1
    graph = lower(model)
    assert (intaglio.simulate(graph, x.numpy()) == model(x).numpy()).all()
    assert "position_affine" in [node.op.name for node in graph.nodes]
    assert len(lower(blocks().freeze()).nodes) == len(graph.nodes) - 1


@pytest.mark.parametrize("projection", ["top-k", "cumulative-mass"])
@pytest.mark.parametrize("structure", ["block", "channel-block"])
@pytest.mark.parametrize("driver", [name for name in DRIVERS if name != "admm"])
def test_every_driver_that_watches_lowers_to_equal_integers(driver: str, structure: str, projection: str) -> None:
    recipe = Recipe(structure=structure, driver=driver, projections=(projection,), start_epoch=0.1, keep=0.6)
    model, batches = PreparedModel(residual_network(), recipe), batches_of(residual_network(), 6)
    fit(model, batches, None, 8, lr=0.01, progress=False)
    kept = model.kept()
    assert all(0 < some < every for some, every in kept.values())
    if projection == "top-k":
        assert all(some == 5 for name, (some, _) in kept.items() if name in MAPS)
    x = batches_of(model.graph, 2, 32, seed=5)[1][0]
    assert (intaglio.simulate(lower(model), x.numpy()) == model(x).numpy()).all()


def test_a_loop_of_ones_own_does_as_fit_does() -> None:
    recipe = Recipe("one-shot", structure="block", start_epoch=0.1)
    model = PreparedModel(residual_network(), recipe)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.01)
    model.plan(6, 6)
    for _ in range(6):
        for x, y in batches_of(model.graph, 6):
            optimiser.zero_grad()
            (torch.nn.functional.cross_entropy(model(x), y) + model.penalty()).backward()
            optimiser.step()
            model.step()
    assert {name: kept for name, (kept, _) in model.freeze().kept().items()} == dict.fromkeys(MAPS, 5)


def test_signals_have_blocks_of_two() -> None:
    rng = np.random.default_rng(0)
    first, second = conv(rng, 3, 2, 1), conv(rng, 2, 3, 1)
    graph = Graph(
        {"x": TensorType((1, 5, 2))},
        (
            Node("x_q", Quantise(8), ("x",)),
            Node("first", first, ("x_q",)),
            Node("relu", SourceRelu(), ("first",)),
            Node("relu_q", Quantise(4), ("relu",)),
            Node("second", SourceConv2d(second.weight, second.bias, (1, 1), (0,) * 4), ("relu_q",)),
        ),
        ("second",),
    )
    model = PreparedModel(graph, Recipe(structure="block"))
    batches = batches_of(graph)
    model.calibrate(batches)
    model.set_mask("relu_q", [True, False, True])
    x = batches[0][0]
    assert (intaglio.simulate(lower(model.freeze()), x.numpy()) == model(x).numpy()).all()


def test_what_needs_no_storage_is_counted() -> None:
    model = blocks(act_bits=4)
    whole = feature_map_storage(model)
    assert {one.name: (one.values, one.kept, one.bits) for one in whole} == {
        name: (36 * channels, 36 * channels, 4) for name, channels in MAPS.items()
    }
    model.set_mask("a_q", placed(1, 3, 4))
    assert [one.kept for one in feature_map_storage(model)] == [36 * 4, 24 * 6, 36 * 4]


def test_pixels_that_are_gone_have_no_state() -> None:
    model, x = blocks(), batches_of(residual_network())[0][0]
    whole = layer_efficiencies(model, [x])["a_q"]
    states = model.eval().tensors(x)["a_q"] > 0
    model.set_mask("a_q", placed(*range(1, 9)))
    rows = {tuple(row) for row in states[:, :, :2, :2].movedim(1, -1).reshape(-1, 6).tolist()}
    found = layer_efficiencies(model, [x])["a_q"]
    assert 0 < found <= np.log2(len(rows)) / 6
    assert found != whole
    frozen = layer_efficiencies(model.freeze(), [x])["a_q"]
    assert 0 < frozen <= np.log2(64) / 6


def test_the_report_names_a_mask_that_saves_nothing() -> None:
    model = blocks()
    model.set_mask("a_q", placed(*range(2, 9)))
    facts = intaglio.compile(lower(model.freeze())).facts()
    (said,) = saving_nothing(facts["figures"])
    assert said.startswith("a_q_masked: 28 of its 28 weights of 0 save nothing")
    text = io.StringIO()
    print_facts(facts, Console(file=text, width=200))
    assert said in text.getvalue()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"score": "magnitude"}, "score = 'magnitude'"),
        ({"score": "logit"}, "score = 'logit'"),
        ({"driver": "admm"}, "driver = 'admm'"),
        ({"driver": "progressive(admm)"}, "driver"),
        ({"projections": ("top-k", "levels")}, "levels"),
    ],
)
def test_what_needs_weights_is_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(IntaglioError, match="pixels have no weights") as refused:
        Recipe(structure="block", **given)
    assert said in str(refused.value)


def test_a_network_without_images_is_refused() -> None:
    with pytest.raises(IntaglioError, match="no hidden layer has an image: there are no blocks to prune"):
        PreparedModel(mlp_network(), Recipe(structure="block"))
    assert PreparedModel(mlp_network(), Recipe(structure="block", keep=1.0)).kept() == {}


def test_channels_and_pixels_share_no_budget() -> None:
    Recipe(structure="block", scope="global")
    with pytest.raises(IntaglioError, match="share no budget"):
        Recipe(structure="channel-block", scope="global")
