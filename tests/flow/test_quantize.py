"""From PyTorch to integers without training: the frozen model, and what its integer graph answers, are equal."""

from __future__ import annotations

import copy
import warnings

import intaglio
import numpy as np
import pytest
import torch
from intaglio.errors import IntaglioError
from intaglio.flow.lower import lower
from intaglio.flow.quantize import quantize, quantize_model
from intaglio.passes.choose_requantisers import choose_requantisers
from torch import nn
from torch_cases import CASES, SqueezeExcite, UNet

RECIPES = {
    "four": {"weight_bits": 4, "act_bits": 4},
    "eight": {},
    "shifts": {"weight_bits": 3, "act_bits": 5, "scales": "power-of-two"},
}


def shaken(name: str) -> tuple[nn.Module, list[torch.Tensor], list[torch.Tensor]]:
    """The module with statistics that are not the initial ones, samples to calibrate with, others to compare on."""
    net, *shapes = CASES[name]
    torch.manual_seed(5)
    net = copy.deepcopy(net).eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            for tensor in (module.running_mean, module.weight, module.bias):
                nn.init.normal_(tensor)
    return net, [torch.randn(16, *s) for s in shapes], [1.5 * torch.randn(6, *s) for s in shapes]


def agree(model, graph, xs) -> list[np.ndarray]:
    want = model(*xs)
    named = dict(zip(graph.inputs, (x.numpy() for x in xs), strict=True))
    got = intaglio.simulate(graph, named if len(xs) > 1 else named[next(iter(named))])
    got, want = (v if isinstance(v, tuple) else (v,) for v in (got, want))
    assert [g.shape for g in got] == [tuple(w.shape) for w in want]
    assert all(np.array_equal(g, w.numpy()) for g, w in zip(got, want, strict=True))
    return list(got)


def with_recipes():
    """Every case with four bits, and in turn with eight or with shifts."""
    for number, name in enumerate(CASES):
        for recipe in ("four", ("eight", "shifts")[number % 2]):
            yield pytest.param(name, recipe, id=f"{name}-{recipe}")


@pytest.mark.parametrize(("name", "recipe"), list(with_recipes()))
def test_the_frozen_model_and_its_integers_are_equal(name, recipe):
    net, samples, xs = shaken(name)
    model = quantize_model(net, tuple(samples) if len(samples) > 1 else samples[0], **RECIPES[recipe])
    outputs = agree(model, lower(model), xs)
    assert all(len(np.unique(y)) > 1 for y in outputs)


CLOSE = ["conv2d grouped", "signal net", "squeeze conv", "unet transposed", "GELU(approximate='none')"]


@pytest.mark.parametrize("name", CLOSE)
def test_eight_bits_are_close_to_the_float_network(name):
    net, samples, _ = shaken(name)
    model = quantize_model(net, samples[0], input_bits=8)
    with torch.no_grad():
        want = net(samples[0])
    got = model(samples[0])
    assert (got - want).abs().mean() < 0.03 * want.abs().max()


def test_any_form_of_calibration_data():
    net, x = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 3)), torch.rand(8, 6)
    forms = [x, x.numpy(), [x], [(x, torch.zeros(8))], iter([x[:4], x[4:]])]
    graphs = [quantize(net, form) for form in forms[:4]]
    assert all(str(g) == str(graphs[0]) for g in graphs)
    assert quantize(net, forms[4]).outputs == graphs[0].outputs


def test_two_inputs_with_labels():
    net, xs, _ = shaken("two and two")
    whole = quantize(net, tuple(xs))
    assert str(quantize(net, [((xs[0], xs[1]), torch.zeros(16))])) == str(whole)
    assert str(quantize(net, [(xs[0], xs[1], torch.zeros(16))])) == str(whole)


@pytest.mark.parametrize("name", ["depthwise net", "squeeze conv", "unet transposed"])
def test_a_float_onnx_file_is_quantised_like_its_module(name, tmp_path):
    net, samples, xs = shaken(name)
    path = tmp_path / "float.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(net, (samples[0][:1],), str(path), dynamo=False)
    model = quantize_model(path, samples[0])
    agree(model, lower(model), xs)
    want = net(samples[0]).detach()
    assert (model(samples[0]) - want).abs().mean() < 0.03 * want.abs().max()


def test_what_cannot_be_done_without_training():
    net, x = nn.Linear(6, 4), torch.rand(8, 6)
    with pytest.raises(IntaglioError, match="prunes") as caught:
        quantize(net, x, keep=0.25)
    assert "intaglio.fit" in caught.value.hint
    with pytest.raises(IntaglioError, match="no calibration data"):
        quantize(net, [])
    with pytest.raises(IntaglioError, match="is a int"):
        quantize(net, 3)
    with pytest.raises(IntaglioError, match="is a dict"):
        quantize({}, x)
    with pytest.raises(IntaglioError, match="no 'weigth_bits'"):
        quantize(net, x, weigth_bits=4)
    assert quantize(net, x, intaglio.Recipe(weight_bits=2)).outputs


def between(*layers: nn.Module, channels: int) -> nn.Module:
    """Layers that get `channels` channels and give 6, between a convolution before and one behind."""
    return nn.Sequential(nn.Conv2d(2, channels, 3, padding=1), *layers, nn.Conv2d(6, 2, 1))


PRUNED = {
    "squeeze": (between(nn.ReLU(), SqueezeExcite(6, "conv"), channels=6), 2),
    "squeeze linear": (between(nn.ReLU(), SqueezeExcite(6, "linear"), channels=6), 2),
    "depthwise": (CASES["depthwise net"][0], 2),
    "grouped": (between(nn.ReLU(), nn.Conv2d(4, 6, 3, groups=2), nn.ReLU(), channels=4), 2),
    "transposed": (between(nn.SiLU(), nn.ConvTranspose2d(4, 6, 2, 2), nn.Sigmoid(), channels=4), 2),
    "unet": (UNet("transposed", 4), 1),
    "shuffle": (between(nn.ELU(), nn.PixelShuffle(2), nn.Conv2d(2, 6, 1), nn.Softplus(), channels=8), 2),
}


@pytest.mark.parametrize("name", PRUNED)
def test_channels_leave_through_every_operator(name):
    net, channels = PRUNED[name]
    torch.manual_seed(2)
    recipe = intaglio.Recipe(keep=0.5, start_epoch=0.1, layer_epochs=0.3, act_bits=5)
    model = intaglio.prepare(copy.deepcopy(net), torch.randn(1, channels, 6, 6), recipe)
    batches = [torch.randn(8, channels, 6, 6) for _ in range(4)]
    model.plan(10, len(batches))
    optimiser = torch.optim.SGD(model.parameters(), lr=0.01)
    for _ in range(10):
        for x in batches:
            optimiser.zero_grad()
            model(x).square().mean().backward()
            optimiser.step()
            model.step()
    kept = model.kept()
    assert kept
    assert all(stay == (of + 1) // 2 for stay, of in kept.values())
    model.eval()
    before = model(batches[0])
    assert (before - model.freeze()(batches[0])).abs().max() <= 1e-3 * before.abs().max() + 1e-4
    graph = lower(model)
    agree(model, graph, batches[:1])
    layers = [node for node in graph.nodes if node.op.name in ("conv2d", "dense")]
    sizes = {node.name: graph.types[node.name].channels for node in layers}
    for layer in model.layers:
        for producer in layer.producers:
            whole = model.graph.types[producer].channels
            assert sizes[producer] < whole or name == "shuffle", (producer, sizes[producer], whole)


@pytest.mark.parametrize("name", ["depthwise net", "squeeze conv", "signal net", "unet transposed"])
def test_bit_shifts_without_training(name):
    net, samples, xs = shaken(name)
    recipe = intaglio.Recipe("bit-shift")
    model = quantize_model(net, samples[0], recipe)
    graph = lower(model)
    agree(model, graph, xs)
    assert str(quantize(net, samples[0], recipe)) == str(graph)
    with torch.no_grad():
        want = net(samples[0])
    assert (model(samples[0]) - want).abs().mean() < 0.06 * want.abs().max()


def test_bit_shifts_leave_shifters_alone():
    net = nn.Sequential(
        nn.Conv2d(2, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 4, 3), nn.ReLU(), nn.Flatten(),
        nn.Linear(16, 5),
    )  # fmt: skip
    torch.manual_seed(3)
    nn.init.uniform_(net[1].weight, 0.2, 3)
    graph = quantize(net.eval(), torch.randn(64, 2, 6, 6), intaglio.Recipe("bit-shift"))
    chosen = choose_requantisers(graph)
    assert [node.op.name for node in chosen.nodes if node.op.name not in ("conv2d", "dense", "flatten")] == [
        "shift"
    ] * 2
