"""A traced graph computes what the module does; what it cannot express it refuses, all at once."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from intaglio.errors import IntaglioError
from intaglio.frontend.torch import check, trace
from intaglio.ops.source import BatchNorm
from source_twin import evaluate
from torch import nn


def shake(net: nn.Module) -> nn.Module:
    """Statistics and affine parameters that are not the initial ones."""
    torch.manual_seed(7)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            for tensor in (module.running_mean, module.weight, module.bias):
                if tensor is not None:
                    nn.init.normal_(tensor)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
    return net


class Residual(nn.Module):
    def __init__(self, inplace: bool):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.inplace = inplace

    def forward(self, x):
        y = self.norm(self.conv(x))
        if self.inplace:
            y += x
            return F.relu_(y)
        return F.relu(torch.add(x, y))


class Deep(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 4, (3, 2), stride=(1, 2), padding=(1, 0)), nn.BatchNorm2d(4), nn.ReLU(inplace=True)
        )
        self.blocks = nn.Sequential(Residual(True), nn.Identity(), Residual(False))
        self.drop = nn.Dropout(0.5)
        self.norm = nn.BatchNorm1d(24, affine=False)
        self.head = nn.Linear(24, 5, bias=False)

    def forward(self, x):
        x = self.blocks(self.features(x))
        x = F.max_pool2d(x, 2, stride=1, padding=1)
        x = F.avg_pool2d(x, 3, 2, padding=1)
        x = x.reshape(x.size(0), -1)
        return self.head(self.drop(F.relu(self.norm(x))))


NETS = {
    "mlp": (nn.Sequential(nn.Flatten(), nn.Linear(24, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3)), (2, 3, 4)),
    "vector": (nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Dropout(), nn.Linear(4, 2)), (6,)),
    "same": (nn.Sequential(nn.Conv2d(2, 3, (2, 4), padding="same"), nn.ReLU(), nn.MaxPool2d(2, 1)), (2, 5, 6)),
    "valid": (nn.Sequential(nn.Conv2d(2, 3, 2, padding="valid"), nn.AvgPool2d((2, 1), divisor_override=3)), (2, 5, 6)),
    "global": (nn.Sequential(nn.Conv2d(2, 3, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2)), (2, 5, 6)),
    "adaptive": (nn.Sequential(nn.AdaptiveAvgPool2d((None, 2)), nn.Flatten(), nn.Linear(20, 2)), (2, 5, 6)),
    "deep": (Deep(), (3, 5, 6)),
}


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", NETS)
def test_the_graph_computes_what_the_module_does(name, batch):
    net, shape = NETS[name]
    shake(net).train()
    x = torch.randn(batch, *shape)
    graph = trace(net, x)
    assert all(module.training for module in net.modules())
    last_first = x.permute(0, 2, 3, 1) if x.dim() == 4 else x
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # padding="same" with an even kernel
        want = net.double().eval()(x.double())
    net.float()
    want = want.permute(0, 2, 3, 1) if want.dim() == 4 else want
    (got,) = (evaluate(graph, {n: last_first.double().numpy() for n in graph.inputs})[o] for o in graph.outputs)
    assert np.allclose(got, want.numpy(), rtol=1e-9, atol=1e-9)


def test_names_and_places_are_the_users():
    graph = trace(NETS["deep"][0], torch.randn(1, 3, 5, 6))
    names = [node.name for node in graph.nodes]
    assert names[:6] == [
        "features_0",
        "features_1",
        "features_2",
        "blocks_0_conv",
        "blocks_0_norm",
        "blocks_0_add",
    ]
    assert all(re.fullmatch(r".*test_trace\.py:\d+", node.loc) for node in graph.nodes)
    assert isinstance(graph.by_name["norm"].op, BatchNorm)
    assert graph.by_name["head"].op.weight.dtype == np.float64


def test_a_sequential_has_names_and_module_paths():
    graph = trace(NETS["vector"][0], torch.randn(1, 6))
    assert next((n.name, n.loc) for n in graph.nodes) == ("layer_0", "module 0")


class Means(nn.Module):
    def __init__(self, keep):
        super().__init__()
        self.keep = keep

    def forward(self, x):
        x = x.mean(dim=(-1, 2), keepdim=self.keep)
        return torch.argmax(x.flatten(1), dim=1)


@pytest.mark.parametrize("keep", [True, False])
def test_a_mean_over_the_image_is_a_global_pool(keep):
    graph = trace(Means(keep), torch.randn(1, 3, 4, 5))
    assert [n.op.name for n in graph.nodes] == ["source.avg_pool", "source.flatten", "source.argmax"]
    x = np.random.default_rng(0).normal(size=(6, 4, 5, 3))
    values = evaluate(graph, {"x": x})
    assert np.array_equal(values[graph.outputs[0]][:, 0], x.mean(axis=(1, 2)).argmax(axis=1))


class Lambda(nn.Module):
    def __init__(self, function, *layers):
        super().__init__()
        self.function, self.layers = function, nn.ModuleList(layers)

    def forward(self, x):
        return self.function(x, *self.layers)


REFUSED = {
    "reflect": (lambda x, c: c(x), (nn.Conv2d(2, 2, 3, padding=1, padding_mode="reflect"),), "padding_mode='zeros'"),
    "pool dilation": (lambda x: F.max_pool2d(x, 2, dilation=2), (), "dilation=1"),
    "indices": (lambda x: F.max_pool2d(x, 2, return_indices=True)[0], (), "return_indices=False"),
    "overlap": (lambda x: F.adaptive_avg_pool2d(x, 3), (), "AdaptiveAvgPool2d to 1"),
    "argmax over all": (torch.argmax, (), "dim=1"),
    "batch statistics": (lambda x, n: n(x), (nn.BatchNorm2d(2, track_running_stats=False),), "track_running_stats"),
    "no momentum": (lambda x, n: n(x), (nn.BatchNorm2d(2, momentum=None),), "momentum"),
    "twice": (lambda x, c: c(c(x)), (nn.Conv2d(2, 2, 1),), "a module of its own"),
    "late read": (lambda x: x.view(x.shape).relu_() + x, (), "the form relu"),
    "log-softmax": (lambda x: F.log_softmax(x, 1), (), "logits"),
    "mean of a sample": (lambda x: x.mean((1, 2, 3)), (), "keepdim=True"),
    "mean of all": (lambda x: x.mean(), (), "mean(dim=(2, 3))"),
    "batch slice": (lambda x: x[:1], (), "batch axis"),
    "batch first": (lambda x: x.permute(1, 0, 2, 3), (), "batch axis"),
    "batch folded": (lambda x: x.reshape(4, 25), (), "batch axis"),
    "group norm": (lambda x, n: n(x), (nn.GroupNorm(2, 2),), "nn.BatchNorm2d"),
    "layer norm": (lambda x, n: n(x), (nn.LayerNorm(5),), "nn.BatchNorm2d"),
    "instance norm": (lambda x, n: n(x), (nn.InstanceNorm2d(2),), "nn.BatchNorm2d"),
    "matmul": (lambda x: x @ x, (), "nn.Linear"),
    "einsum": (lambda x: torch.einsum("nchw,nchv->nwv", x, x), (), "nn.Linear"),
    "conv3d": (lambda x, c: c(x[:, None]), (nn.Conv3d(1, 1, 2),), "nn.Conv2d"),
    "lstm": (lambda x, m: m(x.flatten(2))[0], (nn.LSTM(25, 3, batch_first=True),), "nn.Linear"),
    "gru": (lambda x, m: m(x.flatten(2))[0], (nn.GRU(25, 3, batch_first=True),), "nn.Linear"),
    "attention": (lambda x: F.scaled_dot_product_attention(x, x, x), (), "nn.Linear"),
    "bilinear": (lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"), (), "mode='nearest'"),
    "odd factor": (lambda x: F.interpolate(x, size=7), (), "whole-numbered"),
    "division": (lambda x: x / (x + 3), (), "constant divisor"),
    "where": (lambda x: torch.where(x > 0, x, -x), (), "nn.ReLU"),
    "root": (lambda x: x.abs().sqrt(), (), "table"),
    "cube": (lambda x: x**3, (), "x * x"),
    "index used": (lambda x: x.flatten(1).argmax(1) + 1, (), "last operation"),
    "top used": (lambda x: x.flatten(1).topk(2)[0] * 2, (), "last operation"),
    "both of max": (lambda x: x.flatten(1).max(1), (), "torch.topk"),
    "both repeated": (lambda x: x[:, :1] + x.mean((2, 3), keepdim=True), (), "full shape"),
    "computed weight": (lambda x, c: F.conv2d(x, c.weight * 2), (nn.Conv2d(2, 2, 1),), "plain parameter"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_a_place_and_what_to_write_instead(name):
    function, layers, instead = REFUSED[name]
    with pytest.raises(IntaglioError, match="cannot be built") as caught:
        trace(Lambda(function, *layers), torch.randn(2, 2, 5, 5))
    assert instead in str(caught.value)
    assert re.search(r"test_trace\.py:\d+", str(caught.value))


def test_one_error_lists_everything():
    def function(x, conv):
        x = torch.sqrt(x)
        x = conv(x)
        x = x**3
        return x.flatten(1).log_softmax(1)

    net = Lambda(function, nn.Conv2d(2, 2, 3, padding=1, padding_mode="reflect"))
    x = torch.ones(1, 2, 5, 5)
    with pytest.raises(IntaglioError, match="4 operations") as caught:
        trace(net, x)
    text = str(caught.value)
    assert [word in text for word in ("sqrt", "Conv2d", "pow", "log_softmax")] == [True] * 4
    assert text.count("write instead") == 4
    findings = check(net, x)
    assert [f.supported for f in findings] == [False, False, True, False, True, False]
    assert [f.becomes for f in findings if f.supported] == ["source.conv2d", "source.flatten"]


@pytest.mark.parametrize("shape", [(1, 3, 5, 5), (1, 2, 1, 1), (2, 5, 5), (5,), (0, 2, 5, 5), (1, 50)])
def test_a_wrong_input_shape(shape):
    net = nn.Sequential(nn.Conv2d(2, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(18, 2))
    with pytest.raises(IntaglioError) as caught:
        trace(net, torch.zeros(shape))
    assert caught.value.hint


@pytest.mark.parametrize("example", [[1.0], torch.zeros(1, 2, dtype=torch.int64)])
def test_an_example_that_is_no_real_tensor(example):
    with pytest.raises(IntaglioError, match="example"):
        trace(nn.Linear(2, 2), example)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_weight_that_is_not_finite_is_named(value):
    net = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))
    with torch.no_grad():
        net[2].weight[1, 0] = value
    with pytest.raises(IntaglioError, match=r"2\.weight") as caught:
        trace(net, torch.zeros(1, 2))
    assert caught.value.where == "2.weight"


def test_an_input_that_nothing_reads_is_named():
    class Two(nn.Module):
        def forward(self, x, unused):
            return x * 2

    with pytest.raises(IntaglioError, match="does not use its input unused"):
        trace(Two(), (torch.ones(1, 2), torch.ones(1, 2)))


def test_batches_of_several_inputs_have_one_size():
    with pytest.raises(IntaglioError, match="different size"):
        trace(nn.Bilinear(2, 2, 2), (torch.ones(1, 2), torch.ones(2, 2)))


def test_channels_last_inputs_and_tokens_move_nothing():
    tokens = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 3))
    assert {n.op.name for n in trace(tokens, torch.ones(1, 5, 6)).nodes} == {"source.linear", "source.relu"}
    last = Lambda(lambda x, c: c(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1), nn.Conv2d(3, 2, 3))
    graph = trace(last, torch.ones(1, 5, 6, 3))
    assert [n.op.name for n in graph.nodes] == ["source.conv2d"]
    assert graph.border_of("x").shape == (5, 6, 3)


def test_a_helper_step_leaves_the_name_to_its_layer():
    net = nn.Sequential()
    net.add_module("up", nn.ConvTranspose2d(2, 2, 2, stride=2, padding=2))
    graph = trace(net, torch.ones(1, 2, 4, 4))
    assert [(n.name, n.op.name) for n in graph.nodes] == [
        ("up_stuff", "source.zero_stuff"),
        ("up_crop", "source.slice"),
        ("up", "source.conv2d"),
    ]


def test_control_flow_on_values_is_refused():
    net = Lambda(lambda x, fc: fc(x) if x.sum() > 0 else x, nn.Linear(2, 2))
    with pytest.raises(IntaglioError, match=r"torch\.export cannot trace"):
        trace(net, torch.ones(1, 2))


def test_what_is_returned_must_be_computed():
    with pytest.raises(IntaglioError, match="not computed"):
        trace(Lambda(lambda x, fc: (fc(x), 3), nn.Linear(2, 2)), torch.ones(1, 2))
